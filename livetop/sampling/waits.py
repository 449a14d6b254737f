"""Whether and why a blocked thread waits, put together from its system call and the target's memory."""

from __future__ import annotations

from livetop.cpython.layout import Layout
from livetop.cpython.threads import ThreadState
from livetop.profile.states import State
from livetop.target.memory import Memory

from .parking import ParkingLot
from .reasons import Reasons
from .waiting import waiting_state


class Waits:
    """Answers for the threads of one process."""

    def __init__(self, reasons: Reasons, memory: Memory, layout: Layout) -> None:
        self._reasons = reasons
        self._gil_size = layout.gil_size
        self._parking = ParkingLot(memory, layout) if layout.free_threaded else None

    def of(self, thread: ThreadState, tid: int, syscall: bytes, now: float) -> tuple[State, str]:
        """(GIL, WAIT or IDLE, the reason or "") of a blocked thread.

        `syscall` is what /proc/PID/task/TID/syscall reads, `now` is in monotonic seconds. Raises nothing.
        """
        if self._parking is not None:
            parked = self._parking.of(thread, syscall)
            if parked is not None:
                return parked
        state = waiting_state(syscall, thread.interpreter.gil, self._gil_size)
        return state, self._reasons.of(tid, syscall, state, now)
