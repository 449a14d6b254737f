"""What the engine does beside ticks, each kind of work within its part of what the engine may use in all.

Ticks have the rest. What each piece of work costs is measured in CPU time: how long it takes is far more on a
busy machine. The next piece of its kind begins when that is paid for, cost / share later.
"""

from __future__ import annotations

from time import thread_time
from types import TracebackType
from typing import Final, NamedTuple

from .allowance import Allowance


class Kind(NamedTuple):
    """`part` of what the engine may use; `rest`: seconds of it that may be caught up with.

    `each`: all processes have such work, and an equal share in its part.
    """

    part: float
    rest: float = 2.0
    each: bool = False


KINDS: Final[dict[str, Kind]] = {
    # Which processes have come and gone; what they run: a pool is started at once, and waited for.
    "finding": Kind(0.05),
    "trying": Kind(0.07, rest=150.0),
    # Whether a process still runs the same program.
    "checking": Kind(0.02, each=True),
    # Who is there in a process, and who has run meanwhile.
    "polling": Kind(0.15, each=True),
    # Why threads wait.
    "reasons": Kind(0.04, each=True),
    # From samples to seconds, and to the interface; what the processes use.
    "telling": Kind(0.15),
    "usage": Kind(0.02),
    # All tasks; all greenlets; the tasks that run when one is met that is not known; telling of them.
    # A thousand or two may be read at once to begin with.
    "tasks": Kind(0.2, rest=10.0, each=True),
    "greenlets": Kind(0.08, each=True),
    "meeting": Kind(0.05, each=True),
    "listing": Kind(0.03),
    # Clearing away.
    "sweeping": Kind(0.03),
}

UNLIMITED: Final = float("inf")


class Errands:
    """The work of one session. `share`: what the engine may use, of a core; `processes` it is for."""

    def __init__(self, share: float = UNLIMITED) -> None:
        self.share = share
        self.processes = 1
        self.spent = 0.0
        """CPU seconds so far, of all kinds."""

    def errand(self, kind: str) -> Errand:
        """A kind of work, of the session or of one process."""
        return Errand(self, KINDS[kind])


class Errand:
    """One kind of work: `allows` says whether it may be done now, `with` takes note of what it then costs.

    Errands may be run within each other: each is charged what it has done itself.
    """

    __slots__ = ("_allowance", "_before", "_errands", "_inner", "_kind", "_now")

    def __init__(self, errands: Errands, kind: Kind) -> None:
        self._errands = errands
        self._kind = kind
        self._allowance = Allowance(kind.part * errands.share, kind.rest)
        self._before = self._inner = 0.0
        self._now = float("-inf")

    def allows(self, now: float) -> bool:
        """Whether what was spent so far is paid for; `now` in monotonic seconds."""
        self._now = now
        return self._allowance.allows(now)

    def __enter__(self) -> None:
        self._inner = self._errands.spent
        self._before = thread_time()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        errands = self._errands
        seconds = max(0.0, thread_time() - self._before - (errands.spent - self._inner))
        errands.spent += seconds
        # Both may have changed since.
        share = self._kind.part * errands.share
        self._allowance.share = share / max(1, errands.processes) if self._kind.each else share
        self._allowance.spend(self._now, seconds)
