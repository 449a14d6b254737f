"""What exact samples of one thread say its own time was: python, native by library, or system.

Kernel time that no sample can see directly is found by its trace. A thread in a page fault looks, when it
stops, as if it had run the instruction that faulted. But the kernel counts faults and system time a thread:
system time beyond what samples saw in system calls belongs to the places that were faulting when they were
sampled, in proportion to how fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from livetop.profile.states import State

K = TypeVar("K")

# What is held against the kernel's system time: it counts in steps of 10 ms, and samples are a draw, so
# a difference is kept for some time, either way (seconds), and what nothing claims fades.
_MOST_OWED = 2.0
_FADES = 0.9

_SPLIT = (State.PYTHON, State.NATIVE)

# (place, state, library) -> count, weight, weight squared
Entries = dict[tuple[K, int, str], list[float]]


class Evidence(Generic[K]):
    """Evidence since the last settlement. Weights are those of `Account`, in seconds."""

    __slots__ = ("_entries", "_faulting", "_owed")

    def __init__(self) -> None:
        self._entries: Entries[K] = {}
        # place -> weight times faults a second
        self._faulting: dict[K, float] = {}
        self._owed = 0.0
        """System seconds that the kernel has counted and no sample has seen."""

    def note(self, key: K, state: State, library: str, weight: float, faults: float = 0.0) -> None:
        """One sample that stands for `weight` seconds; `faults` a second were being handled there."""
        entry = self._entries.get((key, state, library))
        if entry is None:
            entry = self._entries[key, state, library] = [0, 0.0, 0.0]
        entry[0] += 1
        entry[1] += weight
        entry[2] += weight * weight
        if faults:
            self._faulting[key] = self._faulting.get(key, 0.0) + weight * faults

    def rename(self, old: K, new: K) -> None:
        """Move what was seen at one place to another."""
        for key, state, library in [entry for entry in self._entries if entry[0] == old]:
            moved = self._entries.pop((key, state, library))
            known = self._entries.get((new, state, library))
            if known is not None:
                moved = [a + b for a, b in zip(known, moved, strict=True)]
            self._entries[new, state, library] = moved
        if old in self._faulting:
            self._faulting[new] = self._faulting.get(new, 0.0) + self._faulting.pop(old)

    def settle(
        self, rate: float, system: float, add: Callable[[K, int, str, float, float, float], None]
    ) -> None:
        """Turn weights into seconds (`rate` a unit of weight) and hand them to `add`.

        `add(place, state, library, count, seconds, seconds squared)`. `system`: seconds of system time that
        the kernel counted since the last settlement.
        """
        seen = sum(entry[1] for (_, state, _), entry in self._entries.items() if state == State.SYSTEM)
        self._owed += system - seen * rate
        hidden = self._hidden(rate) if self._faulting and self._owed > 0 else {}
        for (key, state, library), (count, weight, squared) in self._entries.items():
            part = 1.0 - hidden[key] if state in _SPLIT and key in hidden else 1.0
            add(key, state, library, count, weight * rate * part, squared * rate * rate * part)
            if part < 1.0:
                add(key, State.SYSTEM, "", 0, weight * rate * (1 - part), squared * rate * rate * (1 - part))
        self._entries.clear()
        self._faulting.clear()
        self._owed = max(-_MOST_OWED, min(_MOST_OWED, self._owed)) * _FADES

    def _hidden(self, rate: float) -> dict[K, float]:
        """For each place that faulted, the part of its python and native seconds that was the kernel's."""
        open_seconds = dict.fromkeys(self._faulting, 0.0)
        for (key, state, _), entry in self._entries.items():
            if state in _SPLIT and key in open_seconds:
                open_seconds[key] += entry[1] * rate
        claims = {key: claim for key, claim in self._faulting.items() if open_seconds[key] > 0}
        taken = dict.fromkeys(claims, 0.0)
        owed = self._owed
        # Who cannot take more leaves the rest to the others.
        while owed > 1e-9 and claims:
            whole = sum(claims.values())
            full = {
                key for key, claim in claims.items() if taken[key] + owed * claim / whole >= open_seconds[key]
            }
            if not full:
                for key, claim in claims.items():
                    taken[key] += owed * claim / whole
                owed = 0.0
                break
            for key in full:
                owed -= open_seconds[key] - taken[key]
                taken[key] = open_seconds[key]
                del claims[key]
        self._owed = max(0.0, owed)
        return {key: taken[key] / open_seconds[key] for key in taken}
