"""Several thread states on one OS thread: where each runs, and which one runs now."""

from __future__ import annotations

import struct

import pytest
from fake_memory import FakeMemory
from fake_target import ALL_LAYOUTS

from livetop.cpython.layout import Layout
from livetop.cpython.nesting import Nesting, holder_of
from livetop.cpython.threads import Interpreter, ThreadState

GIL, OTHER_GIL = 0x10000, 0x20000
MAIN, SUB, SECOND_SUB = Interpreter(0x1000, GIL), Interpreter(0x2000, OTHER_GIL), Interpreter(0x3000, GIL)
STATES = 0x100000
# Records of the threads 2 and 3 lie at the ends of their stacks; the main thread's stack is above all.
STACK_2, STACK_3, MAIN_STACK = 0x7000_0010_0000, 0x7000_0020_0000, 0x7FFF_0000_0000
RECORDS = {1: 0x7100_0000_0000, 2: STACK_2, 3: STACK_3}


class Process:
    """Thread states in memory: which is attached, and where on a C stack each has its evaluation loop."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.memory = FakeMemory()
        for gil in (GIL, OTHER_GIL):
            self.memory.segments[gil] = bytearray(512)
        self.states: list[ThreadState] = []

    def state(self, tid: int, interpreter: Interpreter, *, at: int = 0) -> ThreadState:
        o = self.layout
        state = ThreadState(STATES + 4096 * len(self.states), tid, RECORDS[tid], interpreter)
        content = bytearray(1024)
        pointer = o.cframe if o.cframe is not None else o.cframe_mark
        if pointer is not None:
            # Without a loop it points into the state itself.
            struct.pack_into("<Q", content, pointer, at or state.address + 300)
        self.memory.segments[state.address] = content
        self.states.append(state)
        return state

    def attach(self, state: ThreadState, *, yes: bool = True) -> None:
        o = self.layout
        content = self.memory.segments[state.interpreter.gil]
        assert isinstance(content, bytearray)
        if o.gil_attached is not None:
            struct.pack_into("<Q", content, o.gil_attached, state.address if yes else 0)
        elif o.gil_locked is None:
            struct.pack_into("<Q", content, o.gil_last_holder, state.address if yes else 0)
        else:
            # It stays the last holder.
            struct.pack_into("<Q", content, o.gil_last_holder, state.address)
            struct.pack_into("<i", content, o.gil_locked, yes)
        if o.thread_state is not None:
            own = self.memory.segments[state.address]
            assert isinstance(own, bytearray)
            struct.pack_into("<i", own, o.thread_state, yes)

    def group(self, running: set[int] = frozenset()) -> dict[int, list[ThreadState]]:
        return Nesting(self.memory, self.layout).group(self.states, 1, running.__contains__)


@pytest.fixture(params=ALL_LAYOUTS)
def process(request: pytest.FixtureRequest) -> Process:
    return Process(ALL_LAYOUTS[request.param])


def test_a_state_a_thread(process: Process) -> None:
    first, second = process.state(1, MAIN, at=MAIN_STACK), process.state(2, MAIN, at=STACK_2 - 100)
    process.memory.reads = 0
    assert process.group() == {1: [first], 2: [second]}
    # Nothing is looked up where there is nothing to tell apart.
    assert process.memory.reads == 0


def test_a_guest_is_found_on_the_stack_that_it_runs_on(process: Process) -> None:
    """To 3.12 a subinterpreter's state has the ids of the thread that made it."""
    o = process.layout
    main = process.state(1, MAIN, at=MAIN_STACK - 500)
    second, third = process.state(2, MAIN, at=STACK_2 - 100), process.state(3, MAIN, at=STACK_3 - 100)
    on_second = process.state(1, SUB, at=STACK_2 - 900)
    on_main = process.state(1, SECOND_SUB, at=MAIN_STACK - 900)
    idle = process.state(1, SUB)
    if o.cframe is None and o.cframe_mark is None:
        assert process.group() == {1: [main, on_second, on_main, idle], 2: [second], 3: [third]}
    else:
        assert process.group() == {1: [main, on_main, idle], 2: [second, on_second], 3: [third]}


@pytest.mark.parametrize("name", ["3.6", "3.7", "3.8", "3.9"])
def test_to_3_9_who_is_blocked_tells(name: str) -> None:
    process = Process(ALL_LAYOUTS[name])
    main, second, third = (process.state(tid, MAIN) for tid in (1, 2, 3))
    guest = process.state(1, SECOND_SUB)
    process.attach(guest)
    assert process.group({2}) == {1: [main], 2: [second, guest], 3: [third]}
    # Where two run it is not known which.
    assert process.group({2, 3}) == {1: [main, guest], 2: [second], 3: [third]}
    assert process.group({1}) == {1: [main, guest], 2: [second], 3: [third]}


@pytest.mark.parametrize("name", ["3.6", "3.9"])
def test_a_guest_that_is_gone_leaves_its_place_to_others(name: str) -> None:
    process = Process(ALL_LAYOUTS[name])
    main, second, third = (process.state(tid, MAIN) for tid in (1, 2, 3))
    guest = process.state(1, SECOND_SUB)
    process.attach(guest)
    nesting = Nesting(process.memory, process.layout)
    assert nesting.group(process.states, 1, {2}.__contains__)[2] == [second, guest]
    process.attach(guest, yes=False)
    assert nesting.group(process.states, 1, lambda tid: False)[2] == [second, guest]
    # Without a look at a time when it was gone.
    other = ThreadState(guest.address, 3, RECORDS[3], SECOND_SUB)
    groups = nesting.group([main, second, third, other], 1, lambda tid: False)
    assert groups == {1: [main], 2: [second], 3: [third, other]}
    # And with one.
    nesting.group(process.states, 1, {2}.__contains__)
    nesting.group([main, second, third], 1, lambda tid: False)
    assert nesting.group(process.states, 1, lambda tid: False)[1] == [main, guest]


def test_the_attached_state_runs(process: Process) -> None:
    nesting = Nesting(process.memory, process.layout)
    group = [process.state(1, MAIN), process.state(1, SUB)]
    for state in group:
        process.attach(state)
        assert nesting.running(group, lambda one: True) is state
        process.attach(state, yes=False)


def test_of_states_that_wait_the_innermost_with_frames_runs(process: Process) -> None:
    nesting = Nesting(process.memory, process.layout)
    group = [process.state(1, MAIN), process.state(1, SUB), process.state(1, SUB)]
    assert nesting.running(group, lambda one: one is not group[2]) is group[1]
    assert nesting.running(group, lambda one: True) is group[2]
    assert nesting.running(group, lambda one: False) is group[0]


def test_who_holds_the_gil(process: Process) -> None:
    state = process.state(1, MAIN)
    assert holder_of(process.memory, process.layout, GIL) == 0
    process.attach(state)
    assert holder_of(process.memory, process.layout, GIL) == state.address
    process.attach(state, yes=False)
    assert holder_of(process.memory, process.layout, GIL) == 0


def test_states_that_are_not_mapped_do_no_harm(process: Process) -> None:
    process.state(1, MAIN)
    process.state(1, SUB)
    process.state(2, MAIN)
    process.memory.segments.clear()
    nesting = Nesting(process.memory, process.layout)
    groups = nesting.group(process.states, 1, lambda tid: False)
    assert sorted(len(group) for group in groups.values()) == [1, 2]
    assert nesting.running(groups[1], lambda one: False) is groups[1][0]
