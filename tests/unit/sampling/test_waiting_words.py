"""What a blocked thread waits for, from the kernel's word."""

from __future__ import annotations

import platform

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.profile.states import State
from livetop.sampling.waiting import waiting_name, waiting_state

GIL = 0x7F0000001000
SIZE = 216
NUMBERS = {
    "x86_64": {
        "futex": 202, "epoll_wait": 232, "poll": 7, "select": 23, "accept": 43, "pause": 34, "read": 0,
        "clock_nanosleep": 230, "wait4": 61, "write": 1, "fsync": 74, "flock": 73, "unknown": 9999,
    },
    "aarch64": {
        "futex": 98, "epoll_wait": 22, "poll": 73, "select": 72, "accept": 202, "pause": 133, "read": 63,
        "clock_nanosleep": 115, "wait4": 260, "write": 64, "fsync": 82, "flock": 32, "unknown": 9999,
    },
}  # fmt: skip
numbers = NUMBERS.get(platform.machine())
pytestmark = pytest.mark.skipif(numbers is None, reason=f"no numbers of calls for {platform.machine()}")


def _call(name: str, first: int = 3) -> bytes:
    assert numbers is not None
    return f"{numbers[name]} {first:#x} 0x80 0x0 0x7ffe 0x0 0xffffffff 0x7ffd12 0x7f88".encode()


@pytest.mark.parametrize("offset", [0, 40, SIZE - 1])
def test_a_futex_inside_the_gil_is_waiting_for_the_gil(offset: int) -> None:
    state = waiting_state(_call("futex", GIL + offset), GIL, SIZE)
    assert state is State.GIL
    assert waiting_name(_call("futex", GIL + offset), state) == "GIL"


@pytest.mark.parametrize("address", [0, GIL - 8, GIL + SIZE, 0x55550000])
def test_any_other_futex_is_a_lock(address: int) -> None:
    state = waiting_state(_call("futex", address), GIL, SIZE)
    assert state is State.IDLE
    assert waiting_name(_call("futex", address), state) == "lock"


@pytest.mark.parametrize("name", ["epoll_wait", "poll", "select", "accept", "pause"])
def test_calls_in_which_threads_park_are_idle(name: str) -> None:
    assert waiting_state(_call(name), GIL, SIZE) is State.IDLE
    assert waiting_name(_call(name), State.IDLE)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("read", "read"), ("clock_nanosleep", "sleep"), ("wait4", "child process"), ("write", "write"),
        ("fsync", "fsync"), ("flock", "file lock"),
    ],
)  # fmt: skip
def test_other_calls_are_waiting(name: str, word: str) -> None:
    # The GIL's address as an argument means nothing here.
    assert waiting_state(_call(name, GIL), GIL, SIZE) is State.WAIT
    assert waiting_name(_call(name), State.WAIT) == word


def test_a_call_without_a_name_is_told_by_its_number() -> None:
    assert waiting_state(_call("unknown"), GIL, SIZE) is State.WAIT
    assert waiting_name(_call("unknown"), State.WAIT) == "system call 9999"


@pytest.mark.parametrize(
    "line", [b"", b"-1 0x7ffd 0x7f88", b"running", b"202", b"202 ", b"202 zz", b" ", b"\xff"]
)
def test_lines_that_say_nothing(line: bytes) -> None:
    state = waiting_state(line, GIL, SIZE)
    assert state in (State.WAIT, State.IDLE)
    assert isinstance(waiting_name(line, state), str)


@given(st.binary(max_size=80))
def test_any_line_is_some_waiting(line: bytes) -> None:
    state = waiting_state(line, GIL, SIZE)
    assert state in (State.GIL, State.WAIT, State.IDLE)
    assert waiting_name(line, state).isprintable()
