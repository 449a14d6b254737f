"""Interpreters and thread states: lists that are whole, changing, circular or endless."""

from __future__ import annotations

import struct

import pytest
from fake_target import ALL_LAYOUTS, FakeObjects

from livetop.cpython.checks import THREAD_INTERPRETER
from livetop.cpython.native_ids import NativeIds
from livetop.cpython.runtime import Identity, Runtime
from livetop.cpython.threads import (
    MAX_THREADS,
    Interpreter,
    ThreadState,
    read_interpreters,
    read_threads,
)
from livetop.target.errors import MemoryFault

RUNTIME = 0x100000
HOLDER, COLLECTING = 0x111000, 0x112000
STATES = 0x70000000
STATE = 512
RECORDS = 0x7F0000000000
RECORD = 4096
AT_TID = 720


class Target:
    """A runtime with one interpreter and a list of thread states, newest first."""

    def __init__(self, version: str) -> None:
        self.layout = ALL_LAYOUTS[version]
        self.objects = FakeObjects(self.layout)
        self.memory = self.objects.memory
        identity = Identity(version, "release", True)
        self.runtime = Runtime(RUNTIME, self.layout, identity, None, HOLDER, COLLECTING)
        self.tids: set[int] = set()
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
            struct.pack_into("<Q", content, STATE * index + THREAD_INTERPRETER, self.interpreter.address)
            ident = 7_000_000 + tid
            if o.native_thread_id is not None:
                struct.pack_into("<Q", content, STATE * index + o.native_thread_id, tid)
            elif tid < 1 << 31:
                ident = self._record(index, tid)
            struct.pack_into("<Q", content, STATE * index + o.thread_id, ident % (1 << 64))
        self.memory.segments[STATES] = content
        head = self.states[0] if tids else 0
        struct.pack_into("<Q", self._interpreters, self.layout.threads_head, head)

    def _record(self, index: int, tid: int) -> int:
        """What the C library knows of a thread; its pthread_t."""
        record = bytearray(2304)
        struct.pack_into("<i", record, AT_TID, tid)
        self.memory.segments[RECORDS + RECORD * index] = bytes(record)
        self.tids.add(tid)
        return RECORDS + RECORD * index

    def read(self, known: dict[int, ThreadState] | None = None) -> list[ThreadState]:
        ids = NativeIds(self.memory, lambda: self.tids)
        return read_threads(self.memory, self.runtime, self.interpreter, known or {}, ids)[0]


@pytest.fixture(params=ALL_LAYOUTS)
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


def test_interpreters_and_their_gil(target: Target) -> None:
    addresses = target.interpreters(3)
    found = read_interpreters(target.memory, target.runtime)
    assert [interpreter.address for interpreter in found] == addresses
    o = target.layout
    gils = [interpreter.gil for interpreter in found]
    if o.interpreter_gil is not None:
        assert gils == [0xAAA0, 0xAAA1, 0xAAA2]
    else:
        assert gils == 3 * [HOLDER if o.runtime_gil is None else RUNTIME + o.runtime_gil]


def test_where_a_running_collection_shows(target: Target) -> None:
    addresses = target.interpreters(2)
    found = [interpreter.collecting for interpreter in read_interpreters(target.memory, target.runtime)]
    o = target.layout
    if o.gc_collecting is not None:
        assert found == [address + o.gc_collecting for address in addresses]
    else:
        in_runtime = o.runtime_gc_collecting
        assert found == 2 * [COLLECTING if in_runtime is None else RUNTIME + in_runtime]


def test_a_circle_of_interpreters_ends(target: Target) -> None:
    addresses = target.interpreters(2, circular=True)
    found = read_interpreters(target.memory, target.runtime)
    assert [interpreter.address for interpreter in found] == addresses


def test_no_interpreter_and_no_runtime(target: Target) -> None:
    target.interpreters(0)
    assert read_interpreters(target.memory, target.runtime) == []
    target.memory.segments.clear()
    with pytest.raises(MemoryFault):
        read_interpreters(target.memory, target.runtime)


def test_threads_are_listed_as_they_are_chained(target: Target) -> None:
    target.threads([30, 20, 10])
    found = target.read()
    assert [state.tid for state in found] == [30, 20, 10]
    if target.layout.native_thread_id is not None:
        assert [state.ident for state in found] == [7000030, 7000020, 7000010]
    else:
        assert [state.ident for state in found] == [RECORDS + RECORD * index for index in range(3)]
    assert [state.address for state in found] == target.states
    assert {state.interpreter for state in found} == {target.interpreter}
    target.threads([])
    assert target.read() == []


def test_known_threads_cost_one_read_and_stay_who_they_are(target: Target) -> None:
    target.threads([30, 20, 10])
    first = target.read()
    known = {state.address: state for state in first}
    ids = NativeIds(target.memory, lambda: target.tids)
    ids.of([state.ident for state in first])
    target.memory.reads = 0
    again, whole = read_threads(target.memory, target.runtime, target.interpreter, known, ids)
    assert whole
    # The list's head, all states at once, and the ids that they do not tell.
    assert target.memory.reads == 2 + (target.layout.native_thread_id is None)
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
            low = min(o.thread_next, o.native_thread_id, o.thread_id, THREAD_INTERPRETER)
            data = bytearray(size)
            struct.pack_into("<Q", data, o.thread_next - low, address - low + STATE)
            struct.pack_into("<Q", data, THREAD_INTERPRETER - low, target.interpreter.address)
            struct.pack_into("<Q", data, o.native_thread_id - low, 5)
            return bytes(data)

        def read_many(self, regions: list[tuple[int, int]]) -> list[bytes | None]:
            return [self.read(*region) for region in regions]

    memory = Endless()
    ids = NativeIds(memory, set)
    found, _ = read_threads(memory, target.runtime, target.interpreter, {}, ids)
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
            low = min(o.thread_next, o.native_thread_id, o.thread_id, THREAD_INTERPRETER)
            data = bytearray(size)
            struct.pack_into("<Q", data, o.thread_next - low, address - low + STATE)
            struct.pack_into("<Q", data, THREAD_INTERPRETER - low, target.interpreter.address)
            assert self.reads < 2 * MAX_THREADS, "the list is followed for ever"
            return bytes(data)

        def read_many(self, regions: list[tuple[int, int]]) -> list[bytes | None]:
            return [self.read(*region) for region in regions]

    ids = NativeIds(Unbound(), set)
    assert read_threads(Unbound(), target.runtime, target.interpreter, {}, ids)[0] == []


def test_what_another_interpreter_has_ends_the_list(target: Target) -> None:
    target.threads([11, 12, 13])
    place = target.states[1] + THREAD_INTERPRETER - STATES
    struct.pack_into("<Q", target.memory.segments[STATES], place, target.interpreter.address + 8)
    ids = NativeIds(target.memory, lambda: target.tids)
    found, whole = read_threads(target.memory, target.runtime, target.interpreter, {}, ids)
    assert [state.tid for state in found] == [11]
    assert not whole


def test_no_more_threads_are_looked_at_than_asked_for(target: Target) -> None:
    target.threads([11, 12, 13])
    ids = NativeIds(target.memory, lambda: target.tids)
    found, whole = read_threads(target.memory, target.runtime, target.interpreter, {}, ids, 2)
    assert [state.tid for state in found] == [11, 12]
    assert not whole
