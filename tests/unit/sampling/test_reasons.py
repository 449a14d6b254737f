"""Why a thread waits, asked of this very process with system calls made up."""

from __future__ import annotations

import ctypes
import itertools
import os
import platform
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.profile.states import State
from livetop.sampling.allowance import Allowance
from livetop.sampling.errands import Errands
from livetop.sampling.reasons import LIMIT, Reasons
from livetop.target.syscalls import CALLS, Kind
from tests.targets import end_with_us

pytestmark = pytest.mark.skipif(not CALLS, reason=f"no numbers of calls for {platform.machine()}")

TID = threading.get_native_id()
# Far more than is needed: what is tested is not the clock.

NUMBERS = {call.name: number.decode() for number, call in CALLS.items()}


def line(name: str, *arguments: int) -> bytes:
    whole = [*arguments, *[0] * (6 - len(arguments)), 0x7FFD0000, 0x7F880000]
    return " ".join([NUMBERS[name], *(f"{number & (1 << 64) - 1:#x}" for number in whole)]).encode()


@pytest.fixture
def reasons() -> Reasons:
    return Reasons(os.getpid())


CLOCK = itertools.count(1000, 10)


def ask(reasons: Reasons, syscall: bytes, now: float | None = None, tid: int = TID) -> str:
    """Long after the last question, unless it is said when."""
    return reasons.of(tid, syscall, State.WAIT, next(CLOCK) if now is None else now)


def test_the_gil_needs_no_look(reasons: Reasons) -> None:
    assert reasons.of(TID, line("futex", 0x1000, 0x189), State.GIL, 0.0) == "GIL"


@pytest.mark.parametrize("state", [State.OWN, State.QUEUED])
def test_a_thread_that_runs_waits_for_nothing(reasons: Reasons, state: State) -> None:
    assert reasons.of(TID, b"running", state, 0.0) == ""


def test_a_descriptor_that_means_another_file_now(reasons: Reasons) -> None:
    fd = os.open("/dev/null", os.O_RDWR)
    asked = line("read", fd, 0x1000, 1)
    assert ask(reasons, asked) == "read of /dev/null"
    end, other = os.pipe()
    os.dup2(end, fd)
    # It may be believed for a moment, but not for long.
    assert ask(reasons, asked) == "read of pipe"
    assert ask(reasons, line("write", fd, 0x1000, 1)) == "write to pipe"
    for one in (fd, end, other):
        os.close(one)
    assert ask(reasons, asked) == "read"


def test_only_the_lower_half_of_a_register_is_a_descriptor(reasons: Reasons) -> None:
    with open("/dev/null") as file:
        assert ask(reasons, line("read", 0xDEAD_0000_0000 | file.fileno())) == "read of /dev/null"
    assert ask(reasons, line("read", -1)) == "read"


def test_a_socket_is_on_something_whatever_call_reads_it(reasons: Reasons) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as one,
    ):
        where = f"127.0.0.1:{server.getsockname()[1]}"
        assert ask(reasons, line("read", one.fileno())) == f"read on {where}"
        assert ask(reasons, line("write", one.fileno())) == f"write to {where}"
        assert ask(reasons, line("recvfrom", one.fileno())) == f"recv on {where}"
        assert ask(reasons, line("sendto", one.fileno())) == f"send to {where}"
        assert ask(reasons, line("accept4", server.fileno())) == f"accept on {where}"


def test_an_address_in_memory(reasons: Reasons) -> None:
    raw = struct.pack("=H", socket.AF_INET) + b"\x15\x38\x0a\0\0\x05" + bytes(8)
    buffer = ctypes.create_string_buffer(raw, len(raw))
    at = ctypes.addressof(buffer)
    assert ask(reasons, line("connect", 99, at, 16)) == "connect to 10.0.0.5:5432"
    assert ask(reasons, line("sendto", 99, 0, 0, 0, at, 16)) == "send to 10.0.0.5:5432"
    for bad in (0, 8, 1 << 62, (1 << 64) - 8):
        assert ask(reasons, line("connect", 999, bad, 16)) == "connect"
    assert ask(reasons, line("connect", 999, at, 1 << 40)) == "connect"


def test_polls_of_nothing_are_sleeps(reasons: Reasons) -> None:
    assert ask(reasons, line("ppoll", 0, 0)) == "sleep"
    assert ask(reasons, line("pselect6", 0, 0, 0, 0)) == "sleep"
    assert ask(reasons, line("pselect6", 5, 0, 0, 0)) == "sleep"


def test_polls(reasons: Reasons) -> None:
    end, other = os.pipe()
    with open("/dev/null") as null:
        array = (ctypes.c_uint64 * 3)()
        at = ctypes.addressof(array)
        array[0] = 1 << 32 | end
        assert ask(reasons, line("ppoll", at, 1)) == "poll on pipe"
        # Another one at the same place: what was there is not believed for long.
        array[0] = 1 << 32 | null.fileno()
        assert ask(reasons, line("ppoll", at, 1)) == "poll on /dev/null"
        array[1], array[2] = 1 << 32 | end, 1 << 32 | 0xFFFFFFFF
        assert ask(reasons, line("ppoll", at, 3)) == "poll on /dev/null"
        array[0] = 1 << 32 | 0xFFFFFFFF
        assert ask(reasons, line("ppoll", at, 1)) == "poll"
        assert ask(reasons, line("ppoll", at, 3)) == "poll on pipe"
    assert ask(reasons, line("ppoll", 8, 2)) == "poll"
    assert ask(reasons, line("ppoll", at, 1 << 50)) == "poll on 1000+ descriptors"
    os.close(end), os.close(other)


def test_selects(reasons: Reasons) -> None:
    with open("/dev/null") as null, open("/dev/zero") as zero:
        maps = [(ctypes.c_uint64 * 64)() for _ in range(3)]
        at = [ctypes.addressof(one) for one in maps]
        for number in (null.fileno(), 3000):
            maps[0][number // 64] |= 1 << number % 64
        assert ask(reasons, line("pselect6", 64, *at)) == "select on /dev/null"
        maps[1][zero.fileno() // 64] |= 1 << zero.fileno() % 64
        assert ask(reasons, line("pselect6", 64, *at)) == "select on 2 descriptors"
        assert ask(reasons, line("pselect6", 64, 0, at[1], 0)) == "select on /dev/zero"
        assert ask(reasons, line("pselect6", 64, 0, 0, at[2])) == "sleep"
    assert ask(reasons, line("pselect6", 64, 8, 0, 0)) == "select"
    assert ask(reasons, line("pselect6", 1 << 30, at[0], 0, 0)) == "select"


def test_paths_are_read_to_their_end_and_no_further(reasons: Reasons) -> None:
    import mmap

    pages = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    path = b"/var/\x1b[1mlog\0"
    pages[mmap.PAGESIZE - len(path) : mmap.PAGESIZE] = path
    assert ask(reasons, line("openat", -100, start + mmap.PAGESIZE - len(path))) == r"open of /var/\x1b[1mlog"
    pages[0:1000] = b"/" + b"p" * 999
    text = ask(reasons, line("openat", -100, start))
    assert text.startswith("open of …pp") and text.endswith("p…") and len(text) == LIMIT
    assert ask(reasons, line("openat", -100, 8)) == "open"


def test_locks(reasons: Reasons) -> None:
    private, shared = 0x189, 0x109
    assert ask(reasons, line("futex", 0x1000, private, 0)) == "lock"
    assert ask(reasons, line("futex", 0x1000, shared, 2)) == "lock"
    assert ask(reasons, line("futex", 0x1004, shared, 0)) == "lock between processes"
    # A thread does not wait for its own end.
    assert ask(reasons, line("futex", 0x1008, shared, TID)) == "lock"
    go = threading.Event()
    other = threading.Thread(target=go.wait)
    other.start()
    assert ask(reasons, line("futex", 0x100C, shared, other.native_id or 0)) == "end of a thread"
    go.set()
    other.join()


def test_a_lock_of_a_file_is_told_from_the_rest_of_fcntl(reasons: Reasons) -> None:
    with open("/dev/null") as null:
        assert ask(reasons, line("fcntl", null.fileno(), 7)) == "file lock on /dev/null"
        assert ask(reasons, line("fcntl", null.fileno(), 6)) == "fcntl on /dev/null"
        assert ask(reasons, line("flock", null.fileno())) == "file lock on /dev/null"
        assert ask(reasons, line("fsync", null.fileno())) == "fsync of /dev/null"


def test_blocked_outside_any_call(reasons: Reasons) -> None:
    assert ask(reasons, b"-1 0x7ffd 0x7f88") == ""
    with subprocess.Popen(["sleep", "1000"], preexec_fn=end_with_us) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert ask(Reasons(process.pid), b"-1 0x7ffd 0x7f88", tid=process.pid) == "stopped"
        process.kill()


def test_a_process_that_is_gone_leaves_the_word() -> None:
    gone = Reasons(1 << 30)
    for name, call in ((call.name, call) for call in CALLS.values()):
        expected = {Kind.WORD: call.word}.get(call.kind)
        text = ask(gone, line(name, 5, 0x1000, 5, 0x1000, 0x1000, 16), tid=1 << 30)
        assert text == expected if expected else text.startswith(call.word) or text == "sleep", name


_ARGUMENTS = st.integers(0, (1 << 64) - 1) | st.integers(-4, 40) | st.sampled_from([0x1000, 1 << 47])


@given(st.sampled_from([*NUMBERS]), st.lists(_ARGUMENTS, max_size=6))
def test_any_call_with_any_arguments(name: str, arguments: list[int]) -> None:
    for state in (State.WAIT, State.IDLE):
        text = Reasons(os.getpid()).of(TID, line(name, *arguments), state, 0.0)
        assert text.isprintable() and len(text) <= LIMIT


@given(st.binary(max_size=80) | st.from_regex(rb"\A(-1|[0-9]{1,4})( 0x[0-9a-f]{0,20}){0,8}\Z"))
def test_any_line(syscall: bytes) -> None:
    text = Reasons(os.getpid()).of(TID, syscall, State.WAIT, 0.0)
    assert text.isprintable() and len(text) <= LIMIT


def test_no_more_time_is_spent_than_allowed() -> None:
    with open("/dev/null") as null, open("/dev/zero") as zero:
        # A microsecond is paid for in a quarter of an hour.
        thrifty = Reasons(os.getpid(), Errands(1e-7).errand("reasons"))
        first, second = line("read", null.fileno()), line("read", zero.fileno())
        assert ask(thrifty, first, 1000.0) == "read of /dev/null"
        # Until that is paid for, the mere word; and what is known may be said again.
        assert ask(thrifty, second, 1001.0) == "read"
        assert ask(thrifty, first, 1005.0) == "read of /dev/null"
        assert ask(thrifty, second, 1e9) == "read of /dev/zero"


def test_a_thousand_answers_are_enough(tmp_path: Path) -> None:
    reasons = Reasons(os.getpid())
    fd = os.open("/dev/null", os.O_RDONLY)
    seen = set()
    for number in range(1200):
        path = tmp_path / str(number)
        path.touch()
        one = os.open(path, os.O_RDONLY)
        os.dup2(one, fd)
        os.close(one)
        seen.add(ask(reasons, line("read", fd), 10.0 * number))
    assert len(seen) == 1001
    assert "read" in seen
    os.close(fd)


def test_an_allowance_adds_up() -> None:
    allowance = Allowance(0.01, 2.0)
    assert allowance.allows(100.0)
    # Two seconds' worth at once, after a rest.
    allowance.spend(100.0, 0.02)
    assert allowance.allows(100.0)
    allowance.spend(100.0, 0.01)
    assert not allowance.allows(100.9)
    assert allowance.allows(101.1)
