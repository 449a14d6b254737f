"""What exact samples of one thread say its own time was: python, native by library, or system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from livetop.profile.states import State

K = TypeVar("K")


class Evidence(Generic[K]):
    """Evidence since the last settlement. Weights are those of `Account`, in seconds."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        # (place, state, library) -> count, weight, weight squared
        self._entries: dict[tuple[K, int, str], list[float]] = {}

    def note(self, key: K, state: State, library: str, weight: float, part: float = 1.0) -> None:
        """A part of a sample that stands for `weight` seconds in all; the larger part is counted."""
        if part <= 0.0:
            return
        entry = self._entries.get((key, state, library))
        if entry is None:
            entry = self._entries[key, state, library] = [0, 0.0, 0.0]
        entry[0] += part > 0.5
        entry[1] += weight * part
        # The parts of one sample vary together: between them they have the square of the whole.
        entry[2] += weight * weight * part

    def rename(self, old: K, new: K) -> None:
        """Move what was seen at one place to another."""
        for key, state, library in [entry for entry in self._entries if entry[0] == old]:
            moved = self._entries.pop((key, state, library))
            known = self._entries.get((new, state, library))
            if known is not None:
                moved = [a + b for a, b in zip(known, moved, strict=True)]
            self._entries[new, state, library] = moved

    def settle(self, rate: float, add: Callable[[K, int, str, float, float, float], None]) -> None:
        """Turn weights into seconds (`rate` a unit of weight) and hand them to `add`.

        `add(place, state, library, count, seconds, seconds squared)`.
        """
        for (key, state, library), (count, weight, squared) in self._entries.items():
            add(key, state, library, count, weight * rate, squared * rate * rate)
        self._entries.clear()
