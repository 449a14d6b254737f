"""What threads without a GIL wait for, told from the entry on their C stack."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from fake_memory import FakeMemory

from livetop.cpython.layout import TABLES, with_object_head
from livetop.cpython.threads import Interpreter, ThreadState
from livetop.profile.states import State
from livetop.sampling.parking import COLLECTING, INTERPRETER, STOPPED, ParkingLot
from livetop.sampling.waiting import FUTEX

FREE_THREADED = replace(
    with_object_head(TABLES[3, 12], 32, "free-threaded"), free_threaded=True, thread_state=44
)
INTERPRETER_AT = 0x5000_0000
STATE_AT = 0x6000_0000
SP = 0x7F00_0000_0000
ENTRY = SP + 0xF0
OBJECT, KIND, META, NAME = 0x1000_0000, 0x1000_1000, 0x1000_2000, 0x1000_3000
THREAD = ThreadState(STATE_AT, 10, 11, Interpreter(INTERPRETER_AT, 0))
FUTEX_AT = ENTRY + 16


class Parked:
    """A thread in the parking lot that waits for `address`."""

    def __init__(self, address: int) -> None:
        self.memory = FakeMemory()
        self.stack = bytearray(4096)
        self.heap = bytearray(0x4000)
        self.interpreter = bytearray(1 << 16)
        self.memory.segments = {SP: self.stack, OBJECT: self.heap, INTERPRETER_AT: self.interpreter}
        # struct wait_entry: park_arg, addr, sema
        struct.pack_into("<QQ", self.stack, ENTRY - SP, 0, address)
        for at, kind in ((OBJECT, KIND), (KIND, META), (META, META)):
            struct.pack_into("<Q", self.heap, at - OBJECT + FREE_THREADED.object_type, kind)
        struct.pack_into("<Q", self.heap, KIND - OBJECT + FREE_THREADED.type_name, NAME)
        self.name(b"collections.deque\0")

    def name(self, text: bytes) -> None:
        self.heap[NAME - OBJECT : NAME - OBJECT + len(text)] = text

    def collect(self) -> None:
        assert FREE_THREADED.gc_collecting is not None
        struct.pack_into("<i", self.interpreter, FREE_THREADED.gc_collecting, 1)

    def waits(self, futex: int = FUTEX_AT, sp: int = SP) -> tuple[State, str] | None:
        syscall = FUTEX + f" {futex:#x} 0x189 0x0 0x0 0x0 0xffffffff {sp:#x} 0x7f88".encode()
        return ParkingLot(self.memory, FREE_THREADED).of(THREAD, syscall)


def own_state() -> int:
    assert FREE_THREADED.thread_state is not None
    return STATE_AT + FREE_THREADED.thread_state


def test_a_stopped_world() -> None:
    parked = Parked(own_state())
    assert parked.waits() == (State.WAIT, STOPPED)
    parked.collect()
    assert parked.waits() == (State.WAIT, COLLECTING)


def test_the_thread_that_stops_the_world_waits_for_the_others() -> None:
    parked = Parked(INTERPRETER_AT + 10748)
    assert parked.waits() == (State.WAIT, INTERPRETER)
    parked.collect()
    assert parked.waits() == (State.WAIT, COLLECTING)


def test_an_object_that_another_thread_uses() -> None:
    assert Parked(OBJECT + 10).waits() == (State.WAIT, "lock of deque")


@pytest.mark.parametrize("name", [b"\x1b[31m evil\0", b"\xff\xfe\0"], ids=["an escape", "no text"])
def test_names_are_escaped(name: bytes) -> None:
    parked = Parked(OBJECT + 10)
    parked.name(name)
    found = parked.waits()
    assert found is not None and found[1].isprintable()


def test_what_is_no_object_is_not_named() -> None:
    parked = Parked(OBJECT + 10)
    # Its class's class ... has no end.
    struct.pack_into("<Q", parked.heap, META - OBJECT + FREE_THREADED.object_type, OBJECT)
    assert parked.waits() is None
    parked = Parked(OBJECT + 10)
    parked.name(b"x" * 200)
    assert parked.waits() is None
    assert Parked(0x3333_3333_333A).waits() is None


def test_a_lock_of_the_program_is_none_of_these() -> None:
    assert Parked(OBJECT + 32).waits() is None
    assert Parked(own_state()).waits(futex=OBJECT) is None
    assert Parked(own_state()).waits(futex=SP - 64) is None


@pytest.mark.parametrize(
    "syscall", [b"running", b"", b"0 0x3", FUTEX, FUTEX + b" x y z", FUTEX + b" 0x1 0x2"]
)
def test_other_calls_and_torn_lines(syscall: bytes) -> None:
    assert ParkingLot(Parked(own_state()).memory, FREE_THREADED).of(THREAD, syscall) is None


def test_memory_that_is_gone() -> None:
    parked = Parked(own_state())
    parked.memory.segments.clear()
    assert parked.waits() is None
