"""What a real process has in memory, damaged: whole readers end, soon, and with errors that they name."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from damaged import Image, ImageRead, Recorder

from livetop.cpython.asyncio_module import stated_layout
from livetop.cpython.checks import check
from livetop.cpython.code import CodeReader
from livetop.cpython.layout import LayoutError
from livetop.cpython.native_ids import NativeIds
from livetop.cpython.nesting import Nesting
from livetop.cpython.outcome import MISS, Outcome
from livetop.cpython.readers import Reader, make_reader, make_shape
from livetop.cpython.runtime import Runtime
from livetop.cpython.task_layouts import TaskLayout
from livetop.cpython.tasks import Tasks, awaiters_of
from livetop.cpython.thread_names import ThreadNames
from livetop.cpython.threads import Interpreter, ThreadState, read_interpreters, read_threads
from livetop.cpython.tree import Place, StackTree
from livetop.sampling.attach import attach
from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory
from livetop.target.tasks import list_tids
from tests.targets import Target

ROUNDS = int(os.environ.get("LIVETOP_FUZZ", "25"))
# Ten times what an undamaged target takes, and far less than what would hurt.
READS, ASKED, LARGEST = 200_000, 512 << 20, 64 << 20


@dataclass
class Recorded:
    """One process as it was read, and what is not in its memory."""

    image: Image
    runtime: Runtime
    tids: list[int]
    stated: TaskLayout | None
    seen: Seen


@dataclass
class Seen:
    """What readers made of a process."""

    threads: int = 0
    stacks: int = 0
    frames: int = 0
    names: int = 0
    tasks: int = 0


@pytest.fixture(scope="module")
def recorded(few) -> Iterator[Recorded]:
    with Target("various.py", python=few.path) as target:
        process, memory, runtime = attach(target.pid, nonblocking=False)
        recorder = Recorder(memory)
        tids = list(list_tids(target.pid))
        stated = stated_layout(process, memory)
        seen = read_all(recorder, runtime, tids, stated)
        yield Recorded(Image(recorder), runtime, tids, stated, seen)


def read_all(memory: Memory, runtime: Runtime, tids: list[int], stated: TaskLayout | None) -> Seen:
    """All that is ever read of a process, each part as far as it goes."""
    seen = Seen()
    # Attaching would end at such an error; a process that goes bad later is read on.
    with contextlib.suppress(LayoutError, MemoryFault):
        check(memory, runtime.address, runtime.layout)
    try:
        interpreters = read_interpreters(memory, runtime)
    except MemoryFault:
        return seen
    states = threads_of(memory, runtime, interpreters, tids)
    seen.threads = len(states)
    names = ThreadNames(memory, runtime.layout)
    seen.names = sum(len(names.read(interpreter)) for interpreter in interpreters)
    codes = CodeReader(memory, runtime.layout, runtime.code_type)
    tree, shape, read = StackTree(codes), make_shape(runtime.layout), ImageRead(memory)
    for state in states:
        reader = make_reader(memory, shape, tree, state.address)
        for double in (False, True, True):
            outcome = one_stack(reader, read, double)
            if type(outcome) is Place:
                seen.stacks += 1
                seen.frames += sum(1 for _ in outcome.frames())
                tree.confirm(outcome)
                reader.runs(read.buffer, 0)
                reader.frames()
    nesting = Nesting(memory, runtime.layout)
    for group in nesting.group(states, tids[0], lambda tid: True).values():
        nesting.running(group, lambda state: True)
    if Tasks.supported(runtime.layout):
        addresses = [state.address for state in states]
        tasks = Tasks(memory, runtime.layout, codes, stated)
        for _ in range(2):
            infos = tasks.read(interpreters, addresses, 0.0)
            seen.tasks = len(infos)
            for address in infos:
                awaiters_of(infos, address)
        tasks.running(interpreters, addresses, 0.0)
    return seen


def threads_of(
    memory: Memory, runtime: Runtime, interpreters: list[Interpreter], tids: list[int]
) -> list[ThreadState]:
    ids = NativeIds(memory, lambda: tids)
    states: dict[int, ThreadState] = {}
    for interpreter in interpreters:
        for _ in range(2):
            try:
                found, _ = read_threads(memory, runtime, interpreter, states, ids)
            except MemoryFault:
                continue
            states |= {state.address: state for state in found}
    return list(states.values())


def one_stack(reader: Reader, read: ImageRead, double: bool) -> Place | Outcome:
    """As `Watched.read` does it."""
    for _ in range(4):
        if reader.read_double(read) if double else reader.read_single(read):
            outcome = reader.parse(read.buffer, 0, double)
            if outcome is not MISS:
                return outcome
        if not reader.lay_out():
            break
    return MISS


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
