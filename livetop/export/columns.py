"""Plain text in columns: figures right-aligned, names cut to a width, whatever the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple


class Column(NamedTuple):
    """A column's heading; `flexible` ones are text and may be cut, from the `left` or the right."""

    heading: str
    flexible: bool = False
    left: bool = False


def text_width(text: str) -> int:
    """Returns how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, width: int, left: bool = False) -> str:
    """Returns a text of at most `width` cells, two dots where something was left out."""
    if text_width(text) <= width:
        return text
    kept = text[::-1] if left else text
    while kept and text_width(kept) > max(0, width - 2):
        kept = kept[:-1]
    return ".." + kept[::-1] if left else kept + ".."


def lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Returns a heading and one line a row; with a `width`, flexible columns are cut to fit it."""
    wanted = [
        max([text_width(column.heading), *(text_width(row[at]) for row in rows)])
        for at, column in enumerate(columns)
    ]
    if width is not None:
        _shrink(columns, wanted, width)
    result = [_line(columns, [column.heading for column in columns], wanted)]
    result.extend(_line(columns, row, wanted) for row in rows)
    return result


def _shrink(columns: Sequence[Column], wanted: list[int], width: int) -> None:
    room = (
        width
        - sum(size for column, size in zip(columns, wanted, strict=True) if not column.flexible)
        - 2 * (len(columns) - 1)
    )
    flexible = [at for at, column in enumerate(columns) if column.flexible]
    for nth, at in enumerate(flexible):
        # The first takes up to an equal part; what it leaves is the next one's.
        fair = max(8, room // (len(flexible) - nth))
        wanted[at] = min(wanted[at], fair)
        room -= wanted[at]


def _line(columns: Sequence[Column], row: Sequence[str], wanted: list[int]) -> str:
    parts = []
    for column, text, size in zip(columns, row, wanted, strict=True):
        if column.flexible:
            text = cut(text, size, column.left)
            parts.append(text + " " * (size - text_width(text)))
        else:
            parts.append(" " * (size - text_width(text)) + text)
    return "  ".join(parts).rstrip()
