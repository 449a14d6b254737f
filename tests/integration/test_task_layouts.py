"""The offsets of asyncio's C structs are those of live objects whose fields are known."""

import pytest

from livetop.cpython.asyncio_module import stated_layout
from livetop.cpython.task_layouts import TASKS, moved
from livetop.sampling.attach import attach
from tests import interpreters

WITH_TASKS = [one for one in interpreters.supported() + interpreters.built() if one.minor >= (3, 8)]


@pytest.fixture(params=WITH_TASKS, ids=str)
def asynchronous(request):
    return request.param


def test_the_tables_are_right(asynchronous, start):
    target = start("task_layout.py", python=asynchronous.path)
    found = attach(target.pid, nonblocking=True)
    layout = found.runtime.layout
    tables = [moved(table, layout.object_head) for table in TASKS[layout.version]]
    stated = stated_layout(found.process, found.memory)
    assert (stated is not None) == (asynchronous.minor >= (3, 14))
    for table in [stated] if stated is not None else tables:
        if table.size == target.ready["size"]:
            assert {name: getattr(table, name) for name in target.ready} == target.ready
            break
    else:
        pytest.fail(f"no table for tasks of {target.ready['size']} bytes")
    if stated is not None and asynchronous.build == "release":
        # What is there when the section's headers are gone.
        assert tables == [stated]
