"""Threads that stop too late: let go by SIGCHLD whatever else is just being done about them, and heard."""

import json
from time import monotonic, sleep

import pytest
from command_line import livetop

from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.sampling.attach import attach
from livetop.sampling.c_stacks import CStacks
from livetop.sampling.counters import Counters
from livetop.sampling.exact import ExactReader
from livetop.target.errors import ThreadGone
from livetop.target.stop import Stopper
from tests.engines import Engine
from tests.reading import OneThread

# No call of long_calls.py is that short.
AT_ONCE = 0.0005
PATIENCE = 20.0


def test_a_late_thread_never_stays_late(start):
    """The signal that tells of the stop comes at any moment, also while late threads are looked at."""
    target = start("calls.py", "calm")
    stopper = Stopper(target.pid)
    try:
        late = 0
        for _ in range(3000):
            if stopper.stop(target.pid, 0.0):
                stopper.release()
                continue
            late += 1
            deadline = monotonic() + 20
            while stopper.late and monotonic() < deadline:
                stopper.poll_late()
            assert not stopper.late
        assert late
    finally:
        stopper.close()
    assert target.untraced


def test_what_a_late_thread_was_doing_is_told_while_it_stands_still(start):
    target = start("long_calls.py")
    stopper = Stopper(target.pid)
    told = []

    def on_late(tid, registers):
        # Nothing else of this process is traced, and it does not run.
        told.append((tid, registers, target.untraced))

    stopper.on_late = on_late
    try:
        late = stopped = 0
        deadline = monotonic() + PATIENCE
        while late < 5 and monotonic() < deadline:
            if stopper.stop(target.pid, AT_ONCE):
                stopper.release()
                stopped += 1
                assert len(told) == late
                continue
            late += 1
            while stopper.late and monotonic() < deadline:
                sleep(0.001)
                stopper.poll_late()
            assert len(told) == late
    finally:
        stopper.close()
    assert late == 5
    assert {tid for tid, _, _ in told} == {target.pid}
    # Outside the kernel it may be late, too, for want of a core; the long call is nearly all it does.
    assert sum(registers.system_call >= 0 for _, registers, _ in told) >= 4
    assert not any(untraced for _, _, untraced in told)
    assert all(registers.sp and registers.pc and registers.values for _, registers, _ in told)
    assert target.untraced
    before = target.ask("?")
    while target.ask("?")["calls"] < before["calls"] + 2 and monotonic() < deadline:
        sleep(0.01)
    after = target.ask("?")
    assert after["calls"] > before["calls"] and after["short"] == 0


def test_one_that_raises_does_not_keep_a_thread(start):
    """What is told may find that the thread has gone meanwhile."""
    target = start("long_calls.py")
    stopper = Stopper(target.pid)

    def on_late(tid, registers):
        raise ThreadGone("gone")

    stopper.on_late = on_late
    try:
        late = 0
        deadline = monotonic() + PATIENCE
        while not late and monotonic() < deadline:
            late += not stopper.stop(target.pid, AT_ONCE)
            stopper.release()
        while stopper.late and monotonic() < deadline:
            sleep(0.001)
            stopper.poll_late()
        assert late and not stopper.late
    finally:
        stopper.close()
    assert target.untraced


@pytest.mark.parametrize("native", [False, True])
def test_a_late_sample_brings_what_was_gathered_for_it(start, native):
    """Weights of the samples drawn meanwhile; another stop of the thread is not begun in between."""
    target = start("long_calls.py")
    one = OneThread(target.pid)
    if native:
        process, memory, runtime = attach(target.pid, nonblocking=False)
        one.stops = ExactReader(target.pid, CStacks(process, memory, runtime, Counters()))
    reader = one.stops
    thread = one.watched
    try:
        deadline = monotonic() + PATIENCE
        found = []
        while not found and monotonic() < deadline:
            assert thread.read(one.read, double=True) is not None
            if reader.read(thread, one.read, monotonic(), AT_ONCE) is not None:
                continue
            to_come = reader.late(thread)
            if to_come is None:
                # It has come by now.
                reader.take_landed(monotonic())
                continue
            to_come.weight = 1.5
            to_come.evidence = 0.25
            again = reader.read(thread, one.read, monotonic(), AT_ONCE)
            assert again is None and reader.late(thread) in (to_come, None)
            while reader.late(thread) is not None and monotonic() < deadline:
                sleep(0.001)
                reader.poll_late()
            found = reader.take_landed(monotonic())
        ((late, still),) = found
        assert late is to_come
        assert (late.weight, late.evidence, late.thread) == (1.5, 0.25, thread)
        assert type(still.outcome) is Place
        files = {code.file for code, _ in still.outcome.frames()}
        assert files == {target.ready["file"]}
        assert (still.verdict is not None) is native
        assert still.in_call is native and not still.doubtful
        assert reader.take_landed(monotonic()) == []
    finally:
        one.close()
    assert target.untraced


def test_a_line_that_is_in_one_long_call_is_the_kernels(start, few):
    target = start("long_calls.py", python=few.path)
    file, line = target.ready["file"], target.ready["long"]
    with Engine(pid=target.pid, rate=200.0, native="split") as engine:
        engine.until(lambda: sum(engine.rows(State.SYSTEM).values()) > 1.0)
        engine.stop()
        kinds = {
            state: sum(
                seconds
                for place, seconds in engine.rows(state).items()
                if (place[0], place[2]) == (file, line)
            )
            for state in (State.OWN, State.SYSTEM, State.NATIVE, State.PYTHON)
        }
        seen = kinds[State.SYSTEM] + kinds[State.NATIVE] + kinds[State.PYTHON]
    assert kinds[State.SYSTEM] > 0.9 * seen
    # Samples that came late stand for all the time that went by.
    assert seen > 0.7 * kinds[State.OWN]
    assert target.untraced and target.ask("?")["short"] == 0


def test_show_says_so(start, tmp_path):
    target = start("long_calls.py")
    snapshot = tmp_path / "long.livetop"
    livetop("record", target.pid, "-d", 3, "-o", snapshot)
    out, _ = livetop("show", snapshot, "--json")
    rows = json.loads(out)["rows"]
    row = max(rows, key=lambda row: row["own"])
    assert row["line"] == target.ready["long"]
    assert row["system"] > 0.9 * row["own"]
    assert row["own_share"] > 0.8
