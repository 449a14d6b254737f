"""Whether and why a blocked thread waits, put together from its system call and the target's memory."""

from __future__ import annotations

from livetop.cpython.runtime import Runtime
from livetop.cpython.threads import ThreadState
from livetop.profile.states import State
from livetop.target.memory import Memory

from .parking import ParkingLot
from .reasons import Reasons
from .waiting import waiting_state


class Waits:
    """Answers for the threads of one process."""

    def __init__(self, reasons: Reasons, memory: Memory, runtime: Runtime) -> None:
        layout = runtime.layout
        self._reasons = reasons
        self._gil_size = layout.gil_size
        # In 3.6 what threads wait in is not beside what says who holds the GIL.
        self._gil_apart = runtime.gil_waits
        self._parking = ParkingLot(memory, layout) if layout.free_threaded else None

    def of(self, thread: ThreadState, tid: int, syscall: bytes, now: float) -> tuple[State, str]:
        """(GIL, WAIT or IDLE, the reason or "") of a blocked thread.

        `syscall` is what /proc/PID/task/TID/syscall reads, `now` is in monotonic seconds. Raises nothing.
        """
        if self._parking is not None:
            parked = self._parking.of(thread, syscall)
            if parked is not None:
                return parked
        place = (thread.interpreter.gil, self._gil_size) if self._gil_size else self._gil_apart
        state = waiting_state(syscall, *place)
        return state, self._reasons.of(tid, syscall, state, now)
