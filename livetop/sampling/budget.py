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
_FIRST_PAUSE = 100e-6
_LEAST_PAUSE = 20e-6
# A stop that lasts so many times the mean is none to go by.
_UNUSUAL = 4.0
_SHOCK = 5.0
# How much one stop, and one second, says about the next.
_BY_STOP = 0.1
_BY_SECOND = 0.2
# A debt of so many seconds of the budget halves the stops; a longer one than the latter is forgiven.
_HALVED_BY = 3.0
_LONGEST_DEBT = 300.0

# The engine's first moments are not typical of what it costs (seconds).
_START_UP = 1.0
# How much a second says about what errands will cost, and the parts of the budget that they may be taken to
# cost at most, and that ticks have at least.
_ASIDE_BY_SECOND = 0.3
_ASIDE_MOST = 0.9
_TICKS_LEAST = 0.1
# A rate that is lowered by less than this is as good as the one that is wanted.
_NEARLY = 0.95
# Seconds of the budget that may be owed, and in which they are paid back.
_OWED_MOST = 3.0
_PAID_IN = 6.0


class PauseBudget:
    """Decides by chance which samples are exact. `share`: the part of its time the target may stand still."""

    def __init__(self, share: float, now: float, seed: int | None = None) -> None:
        self.share = share
        self.running = 0
        """Threads that ran at the last ticks, of all processes that share the budget."""
        self.allowed = True
        """False while nobody listens: no stops then."""
        self._random = random.Random(seed).random
        self._since = now
        self._spent = 0.0
        self._stops = 0
        self._mean = _FIRST_PAUSE
        self._debt = 0.0
        """What was overspent, in seconds that the budget takes to pay for it."""

    @property
    def stops(self) -> float:
        """Stops a second that the budget pays for, by what they have cost of late."""
        thrift = _HALVED_BY / (_HALVED_BY + self._debt)
        return thrift * self.share / self._mean

    def spent(self, pause: float) -> None:
        """Take note of a stop that lasted `pause` seconds."""
        self._spent += pause
        self._stops += 1
        # A single long one must not throw the chance about: what it cost beyond that is debt. One that takes
        # seconds of the budget is another matter.
        if pause < _SHOCK * self.share:
            pause = min(pause, _UNUSUAL * self._mean)
        self._mean = max(_LEAST_PAUSE, self._mean + (pause - self._mean) * _BY_STOP)

    def adjust(self, now: float) -> None:
        """Once a second, hold what was spent against the budget.

        The mean follows a change at once, but rare long stops escape it: it is raised by what the stops of
        this second cost; and after one of them there may be no stop for long that could lower it again. What
        was overspent is a debt: stops are the rarer the more of it there is.
        """
        elapsed = now - self._since
        if elapsed < 1.0 or self.share <= 0:
            return
        used = self._spent / elapsed / self.share
        debt = self._debt + self._spent / self.share - elapsed
        self._debt = min(_LONGEST_DEBT, max(0.0, debt))
        if used > 1.0 and self._stops:
            self._mean += max(0.0, self._spent / self._stops - self._mean) * _BY_SECOND
        self._since, self._spent, self._stops = now, 0.0, 0
        if used < 1.0:
            self._mean = max(_LEAST_PAUSE, self._mean * (1 - _BY_SECOND * (1 - used)))

    def chance(self, period: float, running: int, calm: bool) -> float:
        """With what probability the next sample of one of `running` threads, each `period` s, is exact."""
        if not self.allowed or self.share <= 0:
            return 0.0
        chance = self.stops * period / max(1, running)
        if calm:
            chance = min(chance, CALM_EXACT_RATE * period)
        return min(1.0, chance)

    def drawn(self, chance: float) -> bool:
        """Throw the dice."""
        return chance > 0 and self._random() < chance


class CpuBudget:
    """Lowers the rate when the engine uses more than `share` of a core, and raises it again.

    `now`, `cpu` (the engine's CPU seconds so far) and `aside` (those of them that errands took, which keep to
    their parts by themselves) are handed in; what it used before, starting up and reading code objects for
    the first time, is not held against the rate.
    """

    def __init__(self, share: float, rate: float, now: float) -> None:
        self.share = share
        self.wanted = rate
        self.rate = rate
        self._at = now + _START_UP
        self._cpu: float | None = None
        self._aside = 0.0
        # What errands take, of a core, and CPU seconds that were used beyond the budget.
        self._errands = self._debt = 0.0

    @property
    def lowered(self) -> bool:
        """Whether the rate is well below the one that is wanted."""
        return self.rate < _NEARLY * self.wanted

    def adjust(self, now: float, cpu: float, aside: float = 0.0) -> bool:
        """Look at the cost about once a second; True when `rate` has changed."""
        elapsed = now - self._at
        if self._cpu is None:
            if elapsed >= 0:
                self._at, self._cpu, self._aside = now, cpu, aside
            return False
        if elapsed < 1.0:
            return False
        errands = (aside - self._aside) / elapsed
        used = (cpu - self._cpu) / elapsed - errands
        self._at, self._cpu, self._aside = now, cpu, aside
        # They may catch up with what they did not use before; ticks need not make up for that.
        errands = min(errands, _ASIDE_MOST * self.share)
        self._errands += (errands - self._errands) * _ASIDE_BY_SECOND
        debt = self._debt + (used + errands - self.share) * elapsed
        self._debt = max(0.0, min(_OWED_MOST * self.share, debt))
        share = max(_TICKS_LEAST * self.share, self.share - self._errands - self._debt / _PAID_IN)
        before = self.rate
        if used > share or self.rate < self.wanted:
            # Most of the cost is by the tick, so aim for the budget at once, from below.
            factor = 0.95 * share / used if used > 0 else 2.0
            self.rate = max(1.0, min(self.wanted, self.rate * min(2.0, max(0.5, factor))))
        return abs(self.rate - before) > 0.01 * before
