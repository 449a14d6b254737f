"""What a terminal too small for the figures shows instead of a broken screen."""

from __future__ import annotations

from collections.abc import Sequence

from livetop.tui.fit import fit
from livetop.tui.paint import Line, Painted
from livetop.tui.theme import PLAIN

SMALLEST = (60, 12)
"""Columns and lines below which nothing can be read."""


def is_too_small(width: int, height: int) -> bool:
    return width < SMALLEST[0] or height < SMALLEST[1]


class TooSmall(Painted):
    """One message; sampling goes on, and the screen returns with the space."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        texts = (
            "livetop needs more room:",
            f"{SMALLEST[0]} x {SMALLEST[1]}, not {width} x {height}.",
            "q quits",
        )
        above = max(0, (height - len(texts)) // 2)
        blank: list[Line] = [[]] * above
        return [*blank, *([(fit(text, width, "center"), PLAIN.plain)] for text in texts)]
