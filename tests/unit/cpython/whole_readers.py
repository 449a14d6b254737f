"""Everything that is ever read of a CPython, from its runtime structure on, whatever memory it is in."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from damaged import ImageRead

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
from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

# What a healthy target takes is a hundredth of that; more would hurt.
READS, ASKED, LARGEST = 500_000, 512 << 20, 64 << 20


@dataclass
class Seen:
    """What readers made of a process."""

    threads: int = 0
    stacks: int = 0
    frames: int = 0
    names: int = 0
    tasks: int = 0


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
