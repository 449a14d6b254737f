"""Threads that stop too late are let go by SIGCHLD, whatever else is just being done about them."""

from time import monotonic

from livetop.target.stop import Stopper


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
