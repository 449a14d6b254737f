"""Fitting text from a target into cells of the screen: the width of what is drawn is always exact."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

from rich.cells import cell_len, set_cell_size

Align = Literal["left", "right", "center"]

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_VARIATIONS = range(0xFE00, 0xFE10)


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """Text without anything that a terminal may act on or give no clear width to.

    The engine has escaped control characters already; joiners and variation selectors are left,
    and terminals disagree on how many cells a sequence joined by them takes.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = []
    for character in text:
        if unicodedata.category(character) in _INVISIBLE:
            if character < " " or character == "\x7f":
                kept.append("?")
        elif ord(character) not in _VARIATIONS:
            kept.append(character)
    return "".join(kept)


def cells(text: str) -> int:
    """How many cells `text` takes on the screen."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int, align: Align = "left", *, keep: Align = "left", dots: str = "…") -> str:
    """`text` in exactly `width` cells: padded by `align`, or cut so that its `keep` side stays.

    `dots` marks the side that was cut; it is left out where there is no room for it.
    """
    if width <= 0:
        return ""
    text = plain(text)
    size = cells(text)
    if size > width:
        text = cut(text, width, keep=keep, dots=dots)
        size = cells(text)
    room = width - size
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room


def cut(text: str, width: int, *, keep: Align = "left", dots: str = "…") -> str:
    """At most `width` cells of `text`, from its left or right side, with `dots` where it was cut."""
    if cells(text) <= width:
        return text
    mark = dots if width > 2 * len(dots) else ""
    room = width - len(mark)
    if text.isascii():
        return text[:room] + mark if keep != "right" else mark + text[len(text) - room :]
    if keep != "right":
        return set_cell_size(text, room) + mark
    # Never from the middle of a wide character: drop whole ones until the rest fits.
    start, size = 0, cell_len(text)
    while size > room:
        size -= cell_len(text[start])
        start += 1
    return mark + " " * (room - size) + text[start:]
