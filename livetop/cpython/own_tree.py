"""A tree of places beside that of what was read: for stacks that have more in them than Python frames."""

from __future__ import annotations

from collections.abc import Iterable

from .code import Code
from .tree import Place


class OwnTree:
    """Its places are made of steps, (code, line); equal stacks are the same place."""

    def __init__(self) -> None:
        self.root = Place(None, None, 0)
        self.size = 0

    def reset(self) -> None:
        """Begin a new tree."""
        # Circles are broken by hand, as the engine runs without a garbage collector.
        places = [self.root]
        for place in places:
            places += place.by_line.values()
            place.by_line = {}
        self.root = Place(None, None, 0)
        self.size = 0

    def enter(self, steps: Iterable[tuple[Code, int]]) -> Place:
        """The place of a stack, outermost step first."""
        place = self.root
        for step in steps:
            inner = place.by_line.get(step)
            if inner is None:
                inner = place.by_line[step] = Place(place, *step)
                self.size += 1
            place = inner
        return place
