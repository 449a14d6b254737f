"""What livetop may cost: the target's standing still, and its own CPU time.

Exact samples are drawn at random beforehand with a probability that follows from what stops cost of
late. A budget that is spent lowers the probability of the stops to come; it never cuts them off for the
rest of a second, which would look at the first part of each second only.
"""

from __future__ import annotations

import random

# While optimistic samples are sound, so many exact ones a second and thread check them.
CALM_EXACT_RATE = 10.0
# What a stop is taken to cost before one was made, and at the very least (seconds).
_FIRST_PAUSE = 80e-6
_LEAST_PAUSE = 20e-6
_FEWEST = 1.0
_LONG = 4.0


class PauseBudget:
    """Decides by chance which samples are exact. `share`: the part of its time the target may stand still."""

    def __init__(self, share: float, now: float, seed: int | None = None) -> None:
        self.allowed = True
        """False while nobody listens: no stops then."""
        self._random = random.Random(seed).random
        self._since = now
        self._spent = 0.0
        self._used = 0.0
        self.share = share
        self.stops = share / _FIRST_PAUSE
        """Stops a second that the budget pays for, by what they have cost of late."""

    def set_share(self, share: float) -> None:
        """Go on with another budget; 0 is no stops."""
        self.stops = share / _FIRST_PAUSE if self.share <= 0 else self.stops * share / self.share
        self.share = share

    def spent(self, pause: float) -> None:
        """Take note of a stop that lasted `pause` seconds."""
        self._spent += pause

    def adjust(self, now: float) -> None:
        """Once a second, fit the number of stops to what they really cost: rare long ones count in full."""
        elapsed = now - self._since
        if elapsed < 1.0 or self.share <= 0:
            return
        # Smoothed over some seconds, as one long stop says little about the next ones.
        self._used += (self._spent / elapsed - self._used) / _LONG
        self._since, self._spent = now, 0.0
        factor = min(1.5, max(0.5, self.share / self._used)) if self._used else 1.5
        self.stops = min(self.share / _LEAST_PAUSE, max(_FEWEST, self.stops * factor))

    def draw(self, period: float, running: int, calm: bool) -> bool:
        """Whether the next sample of one of `running` threads, sampled each `period` seconds, is exact."""
        if not self.allowed or self.share <= 0:
            return False
        probability = self.stops * period / max(1, running)
        if calm:
            probability = min(probability, CALM_EXACT_RATE * period)
        return self._random() < probability


class CpuBudget:
    """Lowers the rate when the engine uses more than `share` of a core, and raises it again."""

    def __init__(self, share: float, rate: float, now: float, cpu: float) -> None:
        self.share = share
        self.wanted = rate
        self.rate = rate
        self._at = now
        self._cpu = cpu

    def adjust(self, now: float, cpu: float) -> bool:
        """Look at the engine's CPU time (seconds so far) once a second; True when `rate` has changed."""
        elapsed = now - self._at
        if elapsed < 1.0:
            return False
        used = (cpu - self._cpu) / elapsed
        self._at, self._cpu = now, cpu
        before = self.rate
        if used > self.share:
            self.rate = max(1.0, self.rate * max(0.5, self.share / used))
        elif self.rate < self.wanted and used < 0.8 * self.share:
            self.rate = min(self.wanted, self.rate * 1.1)
        return self.rate != before
