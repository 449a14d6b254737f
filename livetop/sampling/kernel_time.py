"""How much of what stops show of one thread is kernel time, held against what the kernel counts.

Two things a stop cannot tell. A thread in a page fault stands, when it stops, at the instruction that
faulted, as if it had run it: how many faults it handled just before gives it away. And an order to stop takes
its time to arrive (tens of microseconds in a virtual machine): a thread that makes a short system call
meanwhile stops there, though it was not in the kernel when it was told. The thread's own system time, which
the kernel counts in steps of 10 ms, settles what a fault costs and how many of those doubtful stops count.
"""

from __future__ import annotations

import mmap
from functools import cache
from math import sqrt
from time import thread_time
from typing import Generic, TypeVar

from .local_time import LocalTime

# What was learned counts half after so many seconds.
_HALF_LIFE = 10.0
# Seconds of evidence for what is assumed at first.
_FIRST = 0.05
_MOST_PER_FAULT = 1e-3
# Seconds between two ticks of the kernel's clock, by which it counts.
_TICK = 0.004
_STEPS = 24
_PAGES = 256
_PLACES = 500
# Seconds of doubtful stops, fading, that are worth looking closer at.
_DOUBTS = 0.05
# What a look at two samples counts for beside a look at a stop.
_HEARSAY = 0.1

K = TypeVar("K")


class KernelTime(Generic[K]):
    """What is known of one thread, at its places. Weights are those of `Account`; seconds are of own time."""

    __slots__ = (
        "_calls",
        "_costs",
        "_faulting",
        "_new",
        "_places",
        "_seen",
        "_system",
        "doubts",
        "keeps",
        "per_fault",
        "sure",
    )

    def __init__(self) -> None:
        self._costs = fault_seconds()
        self.per_fault = self._costs
        """Seconds of kernel time a page fault."""
        self.keeps = 1.0
        """The part of doubtful stops in a system call that counts as system."""
        self.sure = 1.0
        """The part of the others: there may be more of them than the kernel has counted, too."""
        # Weights since the last settlement, then seconds: of sure and doubtful stops in a system call, and,
        # by the logarithm of how many pages a second faulted, of stops elsewhere: (seconds, faults).
        self._seen = [0.0, 0.0]
        self._calls = [0.0, 0.0]
        self._new: dict[int, list[float]] = {}
        self._faulting: dict[int, list[float]] = {}
        self._places: dict[K, LocalTime] = {}
        self._system = 0.0
        self.doubts = False
        """Whether many stops are doubtful, so that it is worth looking closer."""

    def _at(self, place: K) -> LocalTime:
        known = self._places.get(place)
        if known is None:
            if len(self._places) >= _PLACES:
                self._places.clear()
            known = self._places[place] = LocalTime()
        return known

    def in_call(self, place: K, weight: float, doubtful: bool) -> float:
        """The part that was system of a stop in a system call."""
        self._seen[doubtful] += weight
        local = self._at(place)
        if not doubtful:
            local.sure += weight * self.sure
            return self.sure
        local.doubtful += weight
        return local.part(True, self.keeps, self.per_fault)

    def forget(self) -> None:
        """Places are no longer what they were."""
        self._places.clear()

    def stayed(self, place: K, seconds: float, faults: int, system: float) -> None:
        """The thread was at a place at two samples, `seconds` of CPU time apart.

        There were so many faults and `system` seconds of system time between them, as far as can be told: it
        may have been elsewhere meanwhile.
        """
        local = self._at(place)
        local.run += seconds
        local.system += system
        if faults > 0 and seconds > 0:
            local.fault_weight += _HEARSAY * seconds
            local.faults += _HEARSAY * faults

    def in_fault(self, place: K, weight: float, faults: float | None) -> float:
        """The part that was system of a stop elsewhere, while so many pages a second faulted.

        None if that is not known, as the thread had no core just then (we may have taken it): then it is what
        it usually is at this place.
        """
        local = self._at(place)
        local.elsewhere += weight
        if faults is None:
            faults = local.fault_rate
        else:
            local.fault_weight += weight
            local.faults += weight * faults
        if not faults:
            return 0.0
        entry = self._new.setdefault(int(faults).bit_length(), [0.0, 0.0])
        entry[0] += weight
        entry[1] += weight * faults
        return local.part(False, self.keeps, self.per_fault)

    def settle(self, rate: float, system: float, elapsed: float) -> None:
        """Learn from a stretch of `elapsed` seconds: `system` seconds of it the kernel counted as its own.

        `rate`: seconds a unit of weight.
        """
        fades = 0.5 ** (elapsed / _HALF_LIFE)
        self._system = self._system * fades + system
        self._calls = [old * fades + new * rate for old, new in zip(self._calls, self._seen, strict=True)]
        self._seen = [0.0, 0.0]
        for entry in self._faulting.values():
            entry[0] *= fades
            entry[1] *= fades
        for local in self._places.values():
            local.fade(fades)
        for number, (weight, faults) in self._new.items():
            entry = self._faulting.setdefault(number, [0.0, 0.0])
            entry[0] += weight * rate
            entry[1] += faults * rate
        self._new.clear()
        sure, doubtful = self._calls
        self.doubts = doubtful > _DOUBTS
        # The count itself is a draw, a tick at a time: within twice its spread it proves nothing.
        spread = 2 * sqrt(_TICK * self._system)
        self.sure = min(1.0, (self._system + spread + _FIRST) / (sure + _FIRST))
        rest = max(0.0, self._system - self.sure * sure)
        # What faults should cost comes first: it was measured, and doubtful stops are the most doubtful.
        assumed = self._in_faults(self._costs)
        self.keeps = min(1.0, (max(0.0, rest - assumed) + spread + _FIRST) / (doubtful + _FIRST))
        self.per_fault = self._fault_that_costs(max(0.0, rest - self.keeps * doubtful) + _FIRST)

    def _in_faults(self, per_fault: float) -> float:
        """The seconds that page faults took if one takes `per_fault`: at most all there are."""
        return sum(min(seconds, faults * per_fault) for seconds, faults in self._faulting.values())

    def _fault_that_costs(self, seconds: float) -> float:
        """What a fault must take for all of them to take so long."""
        low, high = 0.0, _MOST_PER_FAULT
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if self._in_faults(middle) + _FIRST * middle / self._costs < seconds:
                low = middle
            else:
                high = middle
        return high


@cache
def fault_seconds() -> float:
    """What a page fault costs on this machine: the best of a few tries on memory of our own."""
    best = 1.0
    size = _PAGES * mmap.PAGESIZE
    for _ in range(4):
        with mmap.mmap(-1, size) as area:
            began = thread_time()
            for at in range(0, size, mmap.PAGESIZE):
                area[at] = 1
            touched = thread_time()
            for at in range(0, size, mmap.PAGESIZE):
                area[at] = 1
            again = thread_time()
            best = min(best, (touched - began) - (again - touched))
    return max(1e-7, best / _PAGES)
