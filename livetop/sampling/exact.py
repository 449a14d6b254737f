"""An exact sample: a running thread stands still for the instant of a copy."""

from __future__ import annotations

from livetop.cpython.stack import MISS, TORN, Outcome
from livetop.cpython.tree import Place
from livetop.target.errors import ProcessGone, TargetError, ThreadGone
from livetop.target.stop import Stopper
from livetop.target.vectored import VectoredRead

from .watched import Watched

# After a refusal (somebody else traces the process) stops are tried again so much later.
_AGAIN = 10.0


class ExactReader:
    """Stops threads of one process, one at a time. Times are monotonic seconds.

    While a thread stands still nothing is done but copying; what the copy means is found out after it runs.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stopper: Stopper | None = None
        self._refused_until = 0.0
        self._pause = 0.0
        self.refusal = ""
        """Why the kernel refused the last stop, or ""."""
        self._stops = 0

    def allowed(self, now: float) -> bool:
        """Whether stops are not being refused at the moment."""
        return now >= self._refused_until

    def read(
        self, thread: Watched, aux: VectoredRead, now: float, timeout: float = 0.002
    ) -> Place | Outcome | None:
        """Stop the thread, copy its stack into `aux`, let it run, and return what it was.

        None when it did not stop in time, has ended, or may not be stopped. Raises ProcessGone.
        """
        try:
            if self._stopper is None:
                self._stopper = Stopper(self._pid)
            stopper = self._stopper
            if not stopper.stop(thread.tid, timeout):
                self._pause += stopper.poll_late()
                return None
        except (ProcessGone, ThreadGone) as error:
            if isinstance(error, ProcessGone):
                raise
            return None
        except TargetError as error:
            self.refusal = str(error)
            self._refused_until = now + _AGAIN
            return None
        try:
            copied = self._copy(thread, aux)
        finally:
            self._pause += stopper.release() + stopper.poll_late()
        self._stops += 1
        self.refusal = ""
        outcome = thread.reader.parse(aux.buffer, 0, False) if copied else MISS
        if outcome is MISS:
            # A caller lies where none was before: know it the next time.
            thread.reader.lay_out()
        return None if outcome is MISS or outcome is TORN else outcome

    @staticmethod
    def _copy(thread: Watched, aux: VectoredRead) -> bool:
        """Fetch one copy that reaches the innermost frame; its place may have to be looked up once."""
        reader = thread.reader
        if reader.read_single(aux) and reader.covers(aux.buffer, 0):
            return True
        return reader.lay_out(follow=False) and reader.read_single(aux)

    def poll_late(self) -> None:
        """Release what has stopped by now of the threads that did not stop in time."""
        if self._stopper is not None and self._stopper.late:
            self._pause += self._stopper.poll_late()

    def take_pause(self) -> tuple[float, int]:
        """Seconds that threads stood still, and stops, since this was asked last."""
        taken = self._pause, self._stops
        self._pause, self._stops = 0.0, 0
        return taken

    @property
    def exit_status(self) -> int | None:
        """The target's wait status, if a stop has met its end."""
        return self._stopper.exit_status if self._stopper is not None else None

    def close(self, patience: float = 0.05) -> None:
        """Let go of everything."""
        if self._stopper is not None:
            self._stopper.close(patience)
