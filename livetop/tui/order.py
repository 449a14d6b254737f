"""The order of rows: that of the figures shown, and of those that read alike the one they had."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


class SteadyOrder:
    """Sorts the same rows again and again: what reads alike does not change places."""

    def __init__(self) -> None:
        self._places: dict[Hashable, int] = {}

    def forget(self) -> None:
        """The next order is a fresh one: the user asked for another column, thread or view."""
        self._places.clear()

    def arrange(
        self,
        rows: Sequence[Item],
        key: Callable[[Item], Hashable],
        shown: Callable[[Item], float],
        *,
        ascending: bool = False,
    ) -> list[Item]:
        """The rows in the order to show, largest figure first unless `ascending`.

        `shown`: the figure as it is read, rounded. Among equals new rows come last, in the order given.
        """
        places, after_all = self._places, len(self._places)
        # Both sorts leave equals as they are.
        ordered = sorted(rows, key=lambda row: places.get(key(row), after_all))
        ordered.sort(key=shown, reverse=not ascending)
        self._places = {key(row): place for place, row in enumerate(ordered)}
        return ordered
