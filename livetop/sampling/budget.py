"""What livetop may cost: the target's standing still, and its own CPU time.

Exact samples are drawn at random beforehand with a probability that follows from what stops cost of
late. A budget that is spent lowers the probability of the stops to come; it never cuts them off for the
rest of a second, which would look at the first part of each second only.
"""

from __future__ import annotations

import random

# While optimistic samples are sound, so many exact ones a second and thread check them.
CALM_EXACT_RATE = 10.0
# What a stop is taken to cost before one was made (seconds).
_FIRST_PAUSE = 100e-6
_MEMORY = 0.05
_WINDOW = 10.0


class PauseBudget:
    """Decides by chance which samples are exact. `share`: the part of its time the target may stand still."""

    def __init__(self, share: float, now: float, seed: int | None = None) -> None:
        self.share = share
        self.allowed = True
        """False while nobody listens: no stops then."""
        self._random = random.Random(seed).random
        self._mean = _FIRST_PAUSE
        self._spent = 0.0
        self._since = now
        self._correction = 1.0

    def spent(self, pause: float) -> None:
        """Take note of a stop that lasted `pause` seconds."""
        self._mean += (pause - self._mean) * _MEMORY
        self._spent += pause

    def adjust(self, now: float) -> None:
        """Correct for what stops really cost, from time to time: estimates of rare long ones lag behind."""
        elapsed = now - self._since
        if elapsed < 1.0:
            return
        used = self._spent / elapsed
        if used > self.share > 0:
            self._correction = max(0.02, self._correction * max(0.5, self.share / used))
        else:
            self._correction = min(1.0, self._correction * 1.25)
        if elapsed > _WINDOW:
            self._since = now - _WINDOW / 2
            self._spent = used * _WINDOW / 2

    def draw(self, period: float, running: int, calm: bool) -> bool:
        """Whether the next sample of one of `running` threads, sampled each `period` seconds, is exact."""
        if not self.allowed or self.share <= 0:
            return False
        probability = self._correction * self.share * period / (self._mean * max(1, running))
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
