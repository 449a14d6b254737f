"""Interpreters and thread states: lists that are whole, changing, circular or endless."""

from __future__ import annotations

import struct

import pytest
from fake_target import LAYOUTS, FakeObjects

from livetop.cpython.runtime import Identity, Runtime
from livetop.cpython.threads import (
    MAX_INTERPRETERS,
    MAX_THREADS,
    Interpreter,
    ThreadState,
    read_interpreters,
    read_threads,
)
from livetop.target.errors import MemoryFault

RUNTIME = 0x100000
STATES = 0x70000000
STATE = 512


class Target:
    """A runtime with one interpreter and a list of thread states, newest first."""

    def __init__(self, version: str) -> None:
        self.layout = LAYOUTS[version]
        self.objects = FakeObjects(self.layout)
        self.memory = self.objects.memory
        self.runtime = Runtime(RUNTIME, self.layout, Identity(version, "release", True), None)
        self.memory.segments[RUNTIME] = self._runtime = bytearray(4096)
        self.memory.segments[0x200000] = self._interpreters = bytearray(1 << 16)
        self.interpreter = Interpreter(0x200000, 0x300000)
        self.states: list[int] = []

    def interpreters(self, count: int, *, circular: bool = False) -> list[int]:
        """Chain so many interpreters; their addresses."""
        o = self.layout
        size = 8192
        addresses = [0x200000 + size * index for index in range(count)]
        struct.pack_into("<Q", self._runtime, o.interpreters_head, addresses[0] if count else 0)
        for index in range(count):
            last = addresses[0] if circular else 0
            following = addresses[index + 1] if index + 1 < count else last
            struct.pack_into("<Q", self._interpreters, size * index + o.interpreter_next, following)
            if o.interpreter_gil is not None:
                struct.pack_into("<Q", self._interpreters, size * index + o.interpreter_gil, 0xAAA0 + index)
        return addresses

    def threads(self, tids: list[int], *, last: int = 0) -> None:
        """Chain thread states with these OS threads; `last` is what the last one calls its next."""
        o = self.layout
        self.states = [STATES + STATE * index for index in range(len(tids))]
        content = bytearray(STATE * len(tids))
        for index, tid in enumerate(tids):
            following = self.states[index + 1] if index + 1 < len(tids) else last
            struct.pack_into("<Q", content, STATE * index + o.thread_next, following)
            struct.pack_into("<Q", content, STATE * index + o.native_thread_id, tid)
            struct.pack_into("<Q", content, STATE * index + o.thread_id, (7_000_000 + tid) % (1 << 64))
        self.memory.segments[STATES] = content
        head = self.states[0] if tids else 0
        struct.pack_into("<Q", self._interpreters, self.layout.threads_head, head)

    def read(self, known: dict[int, ThreadState] | None = None) -> list[ThreadState]:
        return read_threads(self.memory, self.runtime, self.interpreter, known or {})[0]


@pytest.fixture(params=LAYOUTS)
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


def test_interpreters_and_their_gil(target: Target) -> None:
    addresses = target.interpreters(3)
    found = read_interpreters(target.memory, target.runtime)
    assert [interpreter.address for interpreter in found] == addresses
    if target.layout.runtime_gil is not None:
        assert {interpreter.gil for interpreter in found} == {RUNTIME + target.layout.runtime_gil}
    else:
        assert [interpreter.gil for interpreter in found] == [0xAAA0, 0xAAA1, 0xAAA2]


def test_a_circle_of_interpreters_ends(target: Target) -> None:
    target.interpreters(2, circular=True)
    assert len(read_interpreters(target.memory, target.runtime)) <= MAX_INTERPRETERS


def test_no_interpreter_and_no_runtime(target: Target) -> None:
    target.interpreters(0)
    assert read_interpreters(target.memory, target.runtime) == []
    target.memory.segments.clear()
    with pytest.raises(MemoryFault):
        read_interpreters(target.memory, target.runtime)


def test_threads_are_listed_as_they_are_chained(target: Target) -> None:
    target.threads([30, 20, 10])
    found = target.read()
    assert [(state.tid, state.ident) for state in found] == [(30, 7000030), (20, 7000020), (10, 7000010)]
    assert [state.address for state in found] == target.states
    assert {state.interpreter for state in found} == {target.interpreter}
    target.threads([])
    assert target.read() == []


def test_known_threads_cost_one_read_and_stay_who_they_are(target: Target) -> None:
    target.threads([30, 20, 10])
    first = target.read()
    known = {state.address: state for state in first}
    target.memory.reads = 0
    again = target.read(known)
    # The list's head, and all states at once.
    assert target.memory.reads == 2
    assert all(a is b for a, b in zip(first, again, strict=True))


def test_a_state_taken_over_by_another_thread_is_another_state(target: Target) -> None:
    target.threads([30, 20, 10])
    known = {state.address: state for state in target.read()}
    target.threads([30, 25, 10])
    found = target.read(known)
    assert [state.tid for state in found] == [30, 25, 10]
    assert found[0] is known[target.states[0]]
    assert found[1] is not known[target.states[1]]


def test_a_new_thread_and_one_that_ended(target: Target) -> None:
    target.threads([30, 20])
    known = {state.address: state for state in target.read()}
    target.threads([30, 20, 5])
    assert [state.tid for state in target.read(known)] == [30, 20, 5]
    target.threads([30])
    assert [state.tid for state in target.read(known)] == [30]


def test_a_state_that_is_not_bound_to_a_thread_yet_is_left_out(target: Target) -> None:
    target.threads([30, 0, 10])
    assert [state.tid for state in target.read()] == [30, 10]


@pytest.mark.parametrize("tid", [1 << 31, 1 << 40, (1 << 64) - 1])
def test_impossible_thread_ids_are_left_out(target: Target, tid: int) -> None:
    target.threads([30, tid])
    assert [state.tid for state in target.read()] == [30]


@pytest.mark.parametrize("back", [0, 1, 2])
def test_a_circle_of_threads_ends(target: Target, back: int) -> None:
    target.threads([30, 20, 10], last=STATES + STATE * back)
    assert [state.tid for state in target.read()] == [30, 20, 10]


def test_a_list_that_ends_in_garbage_keeps_what_came_before(target: Target) -> None:
    target.threads([30, 20, 10], last=0x123456789000)
    assert [state.tid for state in target.read()] == [30, 20, 10]


def test_a_state_that_vanishes_ends_the_list(target: Target) -> None:
    target.threads([30, 20, 10])
    known = {state.address: state for state in target.read()}
    target.memory.segments[STATES] = target.memory.segments[STATES][: 2 * STATE]
    assert [state.tid for state in target.read(known)] == [30, 20]
    assert [state.tid for state in target.read()] == [30, 20]


def test_a_million_threads_are_bounded() -> None:
    target = Target("3.12")
    o = target.layout

    class Endless:
        """Each state's next is the one behind it, for ever."""

        reads = 0

        def read(self, address: int, size: int) -> bytes:
            self.reads += 1
            if address == target.interpreter.address + o.threads_head:
                return STATES.to_bytes(8, "little")
            low = min(o.thread_next, o.native_thread_id, o.thread_id)
            data = bytearray(size)
            struct.pack_into("<Q", data, o.thread_next - low, address - low + STATE)
            struct.pack_into("<Q", data, o.native_thread_id - low, 5)
            return bytes(data)

        def read_many(self, regions: list[tuple[int, int]]) -> list[bytes | None]:
            return [self.read(*region) for region in regions]

    memory = Endless()
    found, _ = read_threads(memory, target.runtime, target.interpreter, {})
    assert len(found) == MAX_THREADS
    assert memory.reads <= MAX_THREADS + 10


def test_a_million_unbound_threads_are_bounded() -> None:
    target = Target("3.12")
    o = target.layout

    class Unbound:
        reads = 0

        def read(self, address: int, size: int) -> bytes:
            self.reads += 1
            if address == target.interpreter.address + o.threads_head:
                return STATES.to_bytes(8, "little")
            low = min(o.thread_next, o.native_thread_id, o.thread_id)
            data = bytearray(size)
            struct.pack_into("<Q", data, o.thread_next - low, address - low + STATE)
            assert self.reads < 2 * MAX_THREADS, "the list is followed for ever"
            return bytes(data)

        def read_many(self, regions: list[tuple[int, int]]) -> list[bytes | None]:
            return [self.read(*region) for region in regions]

    assert read_threads(Unbound(), target.runtime, target.interpreter, {})[0] == []
