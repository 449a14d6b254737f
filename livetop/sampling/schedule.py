"""When to look: one uniformly random instant in each period, so that no timer of the target is met in step.

A tick that comes late is not made up for: the periods that were missed are gone, and counted.
"""

from __future__ import annotations

import random

# A gap that is shorter than this leaves nothing unseen, however high the rate.
_NOTICED = 0.002


class Schedule:
    """The instants of a rate (Hz). Times are monotonic seconds, handed in by the caller."""

    def __init__(self, rate: float, now: float, seed: int | None = None) -> None:
        self._random = random.Random(seed).random
        self.period = 1.0 / rate
        self._start = now
        self.due = now
        """The instant of the next tick."""
        self.moment = now
        """What the last tick stands for: the middle of its period.

        Weights are counted between these. Counted between the instants themselves they would favour what
        a target does late in a period of the same length: a late instant has a long gap before it.
        """
        self.missed = 0
        """Ticks that came a period late or more."""

    def set_rate(self, rate: float, now: float) -> None:
        """Go on at another rate, from now on."""
        self.period = 1.0 / rate
        self._start = now
        self.due = now + self._random() * self.period

    def advance(self, now: float) -> float:
        """Settle the next instant and return by how many seconds the one that is over was missed.

        0.0 when the tick came within a period of its instant (then no other instant was lost to it), or
        when the gap is too short to hide anything.
        """
        late = now - self.due
        self.moment = self._start + self.period / 2
        self._start += self.period
        if late < self.period:
            self.due = self._start + self._random() * self.period
            return 0.0
        self.missed += 1
        self._start = self.moment = now
        self.due = now + self._random() * self.period
        return late if late >= _NOTICED else 0.0
