"""Rows that hold still enough to be read: the order follows the figures, but not their noise."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

PERIOD = 1.0
RELATIVE, OF_LARGEST = 0.05, 0.01
"""Rows are in the wrong order once they differ by more than this part of the larger, plus this part
of the largest of all: below it they keep the places they had."""


class SteadyOrder:
    """Sorts the same rows again and again, moving only what has a reason to move."""

    def __init__(self) -> None:
        self.period = PERIOD
        """Seconds between two changes of the order, at least."""
        self._places: dict[Hashable, int] = {}
        self._sorted_at = float("-inf")
        self._largest = 0.0

    def forget(self) -> None:
        """The next order is a fresh one: the user asked for another column, thread or view."""
        self._places.clear()
        self._sorted_at = float("-inf")

    def arrange(
        self,
        rows: Sequence[Item],
        key: Callable[[Item], Hashable],
        value: Callable[[Item], float],
        now: float,
        *,
        ascending: bool = False,
    ) -> list[Item]:
        """The rows in the order to show, largest value first unless `ascending`."""
        signed = (lambda row: -value(row)) if ascending else value
        held = [row for row in rows if key(row) in self._places]
        held.sort(key=lambda row: self._places[key(row)])
        due = now - self._sorted_at >= self.period
        if not held or (due and self._is_wrong(held, value, signed)):
            ordered = self._clustered(sorted(rows, key=signed, reverse=True), key, value, signed)
            self._sorted_at = now
        elif len(held) == len(rows):
            ordered = held
        else:
            ordered = _merge(held, [row for row in rows if key(row) not in self._places], signed)
        self._places = {key(row): place for place, row in enumerate(ordered)}
        return ordered

    def _slack(self, value: float) -> float:
        return RELATIVE * abs(value) + OF_LARGEST * self._largest

    def _is_wrong(
        self, held: Sequence[Item], value: Callable[[Item], float], signed: Callable[[Item], float]
    ) -> bool:
        self._largest = max(abs(value(row)) for row in held)
        lowest = signed(held[0])
        for row in held:
            at = signed(row)
            if at > lowest + self._slack(at):
                return True
            lowest = min(lowest, at)
        return False

    def _clustered(
        self,
        ranked: list[Item],
        key: Callable[[Item], Hashable],
        value: Callable[[Item], float],
        signed: Callable[[Item], float],
    ) -> list[Item]:
        """Rows as good as equal (within the slack of the first of them) keep the order they had."""
        self._largest = max((abs(value(row)) for row in ranked), default=0.0)
        after_all = len(self._places)
        ordered: list[Item] = []
        start = 0
        while start < len(ranked):
            first = signed(ranked[start])
            end = start + 1
            while end < len(ranked) and signed(ranked[end]) >= first - self._slack(first):
                end += 1
            cluster = ranked[start:end]
            cluster.sort(key=lambda row: self._places.get(key(row), after_all))
            ordered.extend(cluster)
            start = end
        return ordered


def _merge(held: Sequence[Item], fresh: list[Item], signed: Callable[[Item], float]) -> list[Item]:
    """New rows in front of the first held one they exceed; the held ones stay in their order."""
    fresh.sort(key=signed, reverse=True)
    ordered: list[Item] = []
    waiting = iter(fresh)
    new = next(waiting, None)
    for row in held:
        while new is not None and signed(new) > signed(row):
            ordered.append(new)
            new = next(waiting, None)
        ordered.append(row)
    while new is not None:
        ordered.append(new)
        new = next(waiting, None)
    return ordered
