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
        "keeps",
        "per_fault",
    )

    def __init__(self) -> None:
        self._costs = fault_seconds()
        self.per_fault = self._costs
        """Seconds of kernel time a page fault."""
        self.keeps = 1.0
        """The part of doubtful stops in a system call that counts as system."""
        # Weights since the last settlement, then seconds: of sure and doubtful stops in a system call, and,
        # by the logarithm of how many pages a second faulted, of stops elsewhere: (seconds, faults).
        self._seen = [0.0, 0.0]
        self._calls = [0.0, 0.0]
        self._new: dict[int, list[float]] = {}
        self._faulting: dict[int, list[float]] = {}
        # place -> weight, and weight times faults a second, while pages fault
        self._places: dict[K, list[float]] = {}
        self._system = 0.0

    def in_call(self, weight: float, doubtful: bool) -> float:
        """The part that was system of a stop in a system call."""
        self._seen[doubtful] += weight
        return self.keeps if doubtful else 1.0

    def stayed(self, place: K, seconds: float, faults: int) -> None:
        """The thread was at a place at two samples, `seconds` of CPU time apart, with so many faults between.

        That says less than a look at a stop: it may have been elsewhere meanwhile.
        """
        if faults > 0 and seconds > 0:
            self._know(place, _HEARSAY * seconds, faults / seconds)

    def _know(self, place: K, weight: float, faults: float) -> None:
        known = self._places.get(place)
        if known is None:
            if not faults:
                return
            if len(self._places) >= _PLACES:
                self._places.clear()
            known = self._places[place] = [0.0, 0.0]
        known[0] += weight
        known[1] += weight * faults

    def in_fault(self, place: K, weight: float, faults: float | None) -> float:
        """The part that was system of a stop elsewhere, while so many pages a second faulted.

        None if that is not known, as the thread had no core just then (we may have taken it): then it is what
        it usually is at this place.
        """
        if faults is None:
            known = self._places.get(place)
            # Weights may be 0, and fade to it.
            faults = known[1] / known[0] if known and known[0] > 1e-9 else 0.0
        else:
            self._know(place, weight, faults)
        if not faults:
            return 0.0
        entry = self._new.setdefault(int(faults).bit_length(), [0.0, 0.0])
        entry[0] += weight
        entry[1] += weight * faults
        return min(1.0, faults * self.per_fault)

    def settle(self, rate: float, system: float, elapsed: float) -> None:
        """Learn from a stretch of `elapsed` seconds: `system` seconds of it the kernel counted as its own.

        `rate`: seconds a unit of weight.
        """
        fades = 0.5 ** (elapsed / _HALF_LIFE)
        self._system = self._system * fades + system
        self._calls = [old * fades + new * rate for old, new in zip(self._calls, self._seen, strict=True)]
        self._seen = [0.0, 0.0]
        for entry in (*self._faulting.values(), *self._places.values()):
            entry[0] *= fades
            entry[1] *= fades
        for number, (weight, faults) in self._new.items():
            entry = self._faulting.setdefault(number, [0.0, 0.0])
            entry[0] += weight * rate
            entry[1] += faults * rate
        self._new.clear()
        sure, doubtful = self._calls
        rest = max(0.0, self._system - sure)
        # What faults should cost comes first: it was measured, and doubtful stops are the most doubtful.
        assumed = self._in_faults(self._costs)
        # The count itself is a draw, a tick at a time: within twice its spread it proves nothing.
        spread = 2 * sqrt(_TICK * self._system)
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
