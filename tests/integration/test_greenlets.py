"""Parked greenlets of real programs: the stacks that Python itself says they have."""

import pytest

from livetop.profile.rows import Query
from livetop.profile.snapshot import load
from livetop.sampling.dump import dump_process
from tests import interpreters
from tests.bench.environment import prepared
from tests.bench.processes import MeasureError
from tests.integration.command_line import livetop
from tests.targets import Target

# Of each way to keep a greenlet's frames the oldest and the newest that the package is made for.
VERSIONS = ["3.8", "3.11", "3.12", "3.13"]


@pytest.fixture(scope="module", params=VERSIONS)
def python(request):
    found = interpreters.find(request.param)
    if found is None:
        pytest.skip(f"no Python {request.param} here")
    try:
        return prepared(found.path, "greenlet")
    except MeasureError as error:
        pytest.skip(f"the package greenlet cannot be had: {error}")


def stacks_of(found):
    return sorted(
        [[frame["function"].rpartition(".")[2], frame["line"]] for frame in one["frames"]]
        for one in found["tasks"]
    )


def test_every_frame_of_every_parked_greenlet(python):
    with Target("greenlets.py", "asked", python=python) as asked:
        # To be asked changes how a greenlet's frames are linked, so another one is read.
        expected = sorted(asked.ready["greenlets"])
    with Target("greenlets.py", python=python) as target:
        found = dump_process(target.pid, tasks=True)
    assert stacks_of(found) == expected
    assert {(one["kind"], one["state"]) for one in found["tasks"]} == {("greenlet", "parked")}
    names = {one["name"] for one in found["tasks"]}
    assert names == {"nested", "through_c", "through_generator", "<lambda>"}
    assert [thread["task"] for thread in found["threads"]] == [None]


def test_the_one_that_runs(python):
    with Target("greenlets.py", python=python) as target:
        before = len(dump_process(target.pid, tasks=True)["tasks"])
        target.ask("inside")
        found = dump_process(target.pid, tasks=True)
        (thread,) = found["threads"]
        assert thread["task"] == "waits_inside"
        (running,) = (one for one in found["tasks"] if one["state"] == "running")
        assert running["name"] == "waits_inside"
        assert running["thread"] == thread["tid"]
        assert running["frames"] == thread["frames"]
        # The thread's own waits for it.
        (own,) = (one for one in found["tasks"] if one["name"] == "main")
        assert own["state"] == "parked"
        assert [frame["function"] for frame in own["frames"]] == ["<module>"]
        assert len(found["tasks"]) == before + 2


def test_samples_go_by_greenlet(python, tmp_path):
    with Target("greenlets.py", python=python) as target:
        target.ask("busy")
        file = tmp_path / "by-greenlet.livetop"
        livetop("record", target.pid, "--async", "-d", 1, "-o", file)
    rows = {row.task: row for row in load(file).rows(Query("task", None)).rows}
    # What else there is was not seen, for want of a core.
    assert rows.keys() <= {"computes", None}
    assert rows["computes"].samples > 5


def test_programs_without_the_package_are_not_searched(start):
    target = start("parked.py", 2)
    tasks = dump_process(target.pid, tasks=True)["tasks"]
    assert {task["kind"] for task in tasks} <= {"task"}
