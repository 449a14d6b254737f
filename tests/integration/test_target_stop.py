"""Stops of real threads leave no trace: no EINTR, no lost signal, nothing frozen."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator

import pytest

from livetop.target.errors import AlreadyTraced, ProcessGone, TargetError, ThreadGone
from livetop.target.procfs import read_status
from livetop.target.stop import Stopper

# A loop of raw epoll_wait calls, as C code would make them, which counts what interrupts it.
EPOLL = """
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
epoll = libc.epoll_create1(0)
events = ctypes.create_string_buffer(256)
read_end, write_end = os.pipe()
work, timeout = float(sys.argv[1]), int(sys.argv[2])
calls = interrupted = 0
timespec = (ctypes.c_long * 2)(0, timeout * 1000)
os.set_blocking(0, False)
print("ready", flush=True)
while True:
    if calls % 64 == 0:
        try:
            if os.read(0, 1):
                break
        except BlockingIOError:
            pass
    until = time.monotonic() + work
    while time.monotonic() < until:
        pass
    calls += 1
    # epoll_pwait2: a timeout in nanoseconds.
    if libc.syscall(441, epoll, events, 8, timespec, None, 8) < 0 and ctypes.get_errno() == 4:
        interrupted += 1
print(calls, interrupted, flush=True)
"""

SPIN = "print('ready', flush=True)\nwhile True: pass"


@contextlib.contextmanager
def running(script: str, *args: str, **options) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", textwrap.dedent(script), *args]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child
    finally:
        child.stdin.close()
        child.stdout.close()
        child.kill()
        child.wait()


@contextlib.contextmanager
def stopping(pid: int) -> Iterator[Stopper]:
    stopper = Stopper(pid)
    try:
        yield stopper
    finally:
        stopper.close()


def wait_until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def state(pid: int, tid: int | None = None) -> str:
    return read_status(f"{pid}/task/{tid or pid}").get("State", "gone")[:1]


def cpu_time(pid: int) -> int:
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0])


def assert_runs_untraced(pid: int) -> None:
    assert read_status(pid)["TracerPid"] == "0"
    before = cpu_time(pid)
    wait_until(lambda: cpu_time(pid) > before)
    assert state(pid) not in "Tt"


def test_stop_look_and_release():
    with running(SPIN) as child, stopping(child.pid) as stopper:
        for _ in range(50):
            assert stopper.stop(child.pid, timeout=5.0)
            assert state(child.pid) == "t"
            registers = stopper.registers()
            assert registers.pc and registers.sp
            stood = cpu_time(child.pid)
            assert cpu_time(child.pid) == stood
            assert 0 < stopper.release() < 5.0
            assert read_status(child.pid)["TracerPid"] == "0"
        assert_runs_untraced(child.pid)
        assert stopper.release() == 0.0


def test_one_stop_at_a_time():
    with running(SPIN) as child, stopping(child.pid) as stopper:
        with pytest.raises(TargetError):
            stopper.registers()
        assert stopper.stop(child.pid, timeout=5.0)
        with pytest.raises(TargetError, match="still stopped"):
            stopper.stop(child.pid)


def test_close_lets_go():
    with running(SPIN) as child:
        stopper = Stopper(child.pid)
        assert stopper.stop(child.pid, timeout=5.0)
        stopper.close()
        stopper.close()
        assert_runs_untraced(child.pid)


def stop_many(child: subprocess.Popen[bytes], stops: int, *, blind: bool) -> None:
    """Stop the child many times: at any moment if `blind`, else when seen running, as the sampler does."""
    chance = random.Random(4)
    with stopping(child.pid) as stopper, open(f"/proc/{child.pid}/syscall", "rb", buffering=0) as file:
        while stops:
            file.seek(0)
            if (blind or file.read(8) == b"running\n") and stopper.stop(child.pid):
                stops -= 1
                stopper.release()
            time.sleep(chance.uniform(0, 0.0006))


@pytest.mark.parametrize(("work", "timeout"), [("0.00002", "50"), ("0", "200")])
@pytest.mark.parametrize("blind", [False, True])
def test_no_call_is_interrupted(work, timeout, blind):
    # With calls much longer than the time between blind stops, none would ever time out: it starts over.
    with running(EPOLL, work, timeout) as child:
        stop_many(child, 2500, blind=blind)
        child.stdin.write(b"x")
        child.stdin.flush()
        calls, interrupted = (int(word) for word in child.stdout.readline().split())
    assert calls > 500
    assert interrupted == 0


SIGNALS = """
import signal, sys, time
seen = {signal.SIGUSR1: 0, signal.SIGALRM: 0}
def count(number, frame):
    seen[number] += 1
for number in seen:
    signal.signal(number, count)
signal.signal(signal.SIGWINCH, signal.SIG_IGN)
print("ready", flush=True)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
end = time.monotonic() + 3
while time.monotonic() < end:
    pass
signal.setitimer(signal.ITIMER_REAL, 0)
print(seen[signal.SIGUSR1], seen[signal.SIGALRM], flush=True)
sys.stdin.read()
"""


def test_every_signal_arrives():
    with running(SIGNALS) as child, stopping(child.pid) as stopper:
        os.set_blocking(child.stdout.fileno(), False)
        sent = stops = 0
        said = None
        while not said:
            os.kill(child.pid, signal.SIGWINCH)
            if stops % 2 == 0:
                os.kill(child.pid, signal.SIGUSR1)
                sent += 1
                # Signals of one kind do not queue: wait for this one before the next.
                pending = True
            if stopper.stop(child.pid, timeout=0.1):
                stopper.release()
            stops += 1
            while pending and not said:
                status = read_status(child.pid)
                pending = bool(int(status.get("ShdPnd", "0"), 16) >> (signal.SIGUSR1 - 1) & 1)
                said = said or child.stdout.readline()
            time.sleep(0.005)
            said = said or child.stdout.readline()
        usr1, alarms = (int(word) for word in said.split())
    assert stops > 50
    # The last may have come after the count.
    assert sent - 1 <= usr1 <= sent
    # Those that come while one waits are one; so how many there are depends on the machine's load.
    assert alarms >= 50


HANDLER = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
epoll = libc.epoll_create1(0)
events = ctypes.create_string_buffer(256)
signal.signal(signal.SIGUSR1, lambda *_: None)
print("ready", flush=True)
while True:
    result = libc.epoll_wait(epoll, events, 8, 20000)
    print(result, ctypes.get_errno(), flush=True)
"""


def test_a_signal_that_the_program_handles_still_interrupts_its_call():
    with running(HANDLER) as child, stopping(child.pid) as stopper:
        for _ in range(20):
            wait_until(lambda: state(child.pid) == "S")
            # Stopped within the call, which restarts; the signal is on its way while the thread stands still.
            assert stopper.stop(child.pid, timeout=5.0)
            os.kill(child.pid, signal.SIGUSR1)
            stopper.release()
            assert child.stdout.readline() == b"-1 4\n"


def test_a_stopped_job_stays_stopped():
    with running(SPIN) as child, stopping(child.pid) as stopper:
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: state(child.pid) == "T")
        for _ in range(20):
            assert stopper.stop(child.pid, timeout=5.0)
            stopper.release()
            wait_until(lambda: state(child.pid) == "T")
        before = cpu_time(child.pid)
        time.sleep(0.05)
        assert cpu_time(child.pid) == before
        os.kill(child.pid, signal.SIGCONT)
        assert_runs_untraced(child.pid)


def test_job_control_during_stops_is_obeyed():
    with running(SPIN) as child, stopping(child.pid) as stopper:
        for _ in range(100):
            os.kill(child.pid, signal.SIGSTOP)
            if stopper.stop(child.pid, timeout=5.0):
                stopper.release()
            wait_until(lambda: state(child.pid) == "T")
            os.kill(child.pid, signal.SIGCONT)
            if stopper.stop(child.pid, timeout=5.0):
                stopper.release()
            wait_until(lambda: state(child.pid) == "R")


def test_a_program_killed_while_it_stands_still():
    with running(SPIN) as child, stopping(child.pid) as stopper:
        assert stopper.stop(child.pid, timeout=5.0)
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: state(child.pid) != "t")
        stopper.release()
        with pytest.raises(ProcessGone):
            while True:
                stopper.stop(child.pid)
        # Off the main thread or between signals somebody has to ask.
        wait_until(lambda: stopper.poll_late() >= 0 and stopper.late == 0)
        # It was our child: its end was seen here.
        assert stopper.exit_status is None or os.WTERMSIG(stopper.exit_status) == signal.SIGKILL


THREADS = """
import sys, threading
print("ready", flush=True)
def spin(stop):
    while not stop.is_set():
        pass
while True:
    stop = threading.Event()
    thread = threading.Thread(target=spin, args=(stop,))
    thread.start()
    print(thread.native_id, flush=True)
    line = sys.stdin.readline()
    stop.set()
    thread.join()
    print("joined", flush=True)
    if not line:
        break
"""


def test_threads_that_come_and_go():
    with running(THREADS) as child, stopping(child.pid) as stopper:
        for _ in range(10):
            tid = int(child.stdout.readline())
            assert tid != child.pid
            assert stopper.stop(tid, timeout=5.0)
            assert state(child.pid, tid) == "t"
            assert state(child.pid) != "t"
            stopper.release()
            child.stdin.write(b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"joined\n"
            # Python has joined it a moment before the kernel has ended it.
            wait_until(lambda tid=tid: state(child.pid, tid) == "g")
            with pytest.raises(ThreadGone):
                stopper.stop(tid)


def test_a_thread_that_is_late_runs_on_and_is_let_go():
    # Not given time to stop at all, every stop is late; SIGCHLD releases it without our asking.
    with running(SPIN) as child, stopping(child.pid) as stopper:
        late = 0
        for _ in range(200):
            # What comes late may have been let go again before anybody can look.
            if stopper.stop(child.pid, timeout=0.0):
                stopper.release()
            else:
                late += 1
            wait_until(lambda: stopper.late == 0)
        assert late
        assert stopper.poll_late() > 0.0
        assert_runs_untraced(child.pid)
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL


def test_late_threads_off_the_main_thread_are_polled():
    with running(SPIN) as child:
        outcome: list[str] = []

        def work() -> None:
            with stopping(child.pid) as stopper:
                for _ in range(50):
                    if stopper.stop(child.pid, timeout=0.0):
                        stopper.release()
                    while stopper.late:
                        stopper.poll_late()
                outcome.append("done")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert outcome == ["done"]
        assert_runs_untraced(child.pid)


TRACER = """
import sys, time
from livetop.target.stop import Stopper
pid = int(sys.argv[1])
stopper = Stopper(pid)
print("ready", flush=True)
if sys.argv[2] == "hold":
    while not stopper.stop(pid, 5.0):
        pass
    print("held", flush=True)
    time.sleep(60)
while True:
    if stopper.stop(pid):
        stopper.release()
    time.sleep(0.005)
"""


@pytest.mark.parametrize("moment", ["release", "hold"])
def test_a_killed_tracer_leaves_the_target_running(moment):
    with running(SPIN) as child:
        for _ in range(3 if moment == "hold" else 8):
            with running(TRACER, str(child.pid), moment) as tracer:
                if moment == "hold":
                    assert tracer.stdout.readline() == b"held\n"
                    assert state(child.pid) == "t"
                else:
                    # In the middle of 200 stops a second.
                    time.sleep(random.uniform(0.1, 0.3))
            assert_runs_untraced(child.pid)
        assert child.poll() is None


def test_what_another_traces_is_refused():
    with running(SPIN) as child, running(TRACER, str(child.pid), "hold") as tracer:
        assert tracer.stdout.readline() == b"held\n"
        with stopping(child.pid) as stopper, pytest.raises(AlreadyTraced, match=f"PID {tracer.pid}"):
            stopper.stop(child.pid)


def test_a_process_that_is_gone():
    with running(SPIN) as child:
        child.kill()
        wait_until(lambda: state(child.pid) == "Z")
        with stopping(child.pid) as stopper:
            with pytest.raises(ProcessGone):
                stopper.stop(child.pid)
            child.wait()
            with pytest.raises(ProcessGone):
                stopper.stop(child.pid)
