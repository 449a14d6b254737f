"""What a real process has in memory, damaged: whole readers end, soon, and with errors that they name."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from damaged import Image, Recorder
from whole_readers import ASKED, LARGEST, READS, Seen, read_all

from livetop.cpython.asyncio_module import stated_layout
from livetop.cpython.runtime import Runtime
from livetop.cpython.task_layouts import TaskLayout
from livetop.cpython.tasks import Tasks
from livetop.sampling.attach import attach
from livetop.target.tasks import list_tids
from tests.targets import Target

ROUNDS = int(os.environ.get("LIVETOP_FUZZ", "25"))


@dataclass
class Recorded:
    """One process as it was read, and what is not in its memory."""

    image: Image
    runtime: Runtime
    tids: list[int]
    stated: TaskLayout | None
    seen: Seen


@pytest.fixture(scope="module")
def recorded(few) -> Iterator[Recorded]:
    with Target("various.py", python=few.path) as target:
        process, memory, runtime = attach(target.pid, nonblocking=False)
        tids = list(list_tids(target.pid))
        stated = stated_layout(process, memory)
        # Its main thread says that all is ready before it stands still itself.
        before, seen = None, Seen()
        while seen != before:
            recorder = Recorder(memory)
            before, seen = seen, read_all(recorder, runtime, tids, stated)
        yield Recorded(Image(recorder), runtime, tids, stated, seen)


def test_all_of_it_is_read_where_nothing_is_damaged(recorded):
    assert recorded.seen.threads == 4
    assert recorded.seen.stacks == 12
    assert recorded.seen.frames > 3 * 60
    assert recorded.seen.names == 4
    assert recorded.seen.tasks == (9 if Tasks.supported(recorded.runtime.layout) else 0)
    recorded.image.repair()
    assert read_all(recorded.image, recorded.runtime, recorded.tids, recorded.stated) == recorded.seen
    assert recorded.image.asked < ASKED / 10
    assert recorded.image.reads < READS / 10


@pytest.mark.parametrize("times", [1, 4, 40])
def test_damage_ends_in_errors_that_readers_name(recorded, times):
    image = recorded.image
    for number in range(ROUNDS):
        seed = f"{recorded.runtime.layout.version} {times} {number}"
        image.repair()
        damage = image.damage(random.Random(seed), times)
        try:
            seen = read_all(image, recorded.runtime, recorded.tids, recorded.stated)
        except Exception as error:
            error.add_note(f"seed {seed}: {damage}")
            raise
        said = f"{seed}: {image.reads} reads, {image.asked} bytes: {damage} -> {seen}"
        assert image.reads < READS, said
        assert image.asked < ASKED, said
        assert image.largest <= LARGEST, said
