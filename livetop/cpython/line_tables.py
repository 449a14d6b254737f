"""Which line a position of bytecode belongs to, by each format that CPython has had for it.

A damaged table gives fewer or wrong lines, never an error; what a table takes is bounded by its length.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from typing import Protocol

from .location import NO_LINE, decode_lines

# Addresses and lines are C ints; what leaves them is garbage.
_INT = 1 << 31


class Lines(Protocol):
    """The lines of one code object."""

    def at(self, offset: int) -> int:
        """The line of the instruction at so many bytes of bytecode, NO_LINE where there is none."""
        ...


class _Units:
    """A line for each unit of two bytes."""

    __slots__ = ("_lines",)

    def __init__(self, lines: array[int]) -> None:
        self._lines = lines

    def at(self, offset: int) -> int:
        unit = offset >> 1
        return self._lines[unit] if 0 <= unit < len(self._lines) else NO_LINE


class _Ranges:
    """A line from each of some offsets on, up to `end` (None: to the end of the code)."""

    __slots__ = ("_end", "_lines", "_starts")

    def __init__(self, starts: array[int], lines: array[int], end: int | None) -> None:
        self._starts = starts
        self._lines = lines
        self._end = end

    def at(self, offset: int) -> int:
        if offset < 0 or (self._end is not None and offset >= self._end):
            return NO_LINE
        return self._lines[bisect_right(self._starts, offset) - 1]


def _locations(table: bytes, first_line: int) -> Lines:
    """3.11 on: Objects/locations.md."""
    return _Units(decode_lines(table, first_line))


def _lnotab(table: bytes, first_line: int) -> Lines:
    """Up to 3.9: pairs (bytes of code, lines) to go on by, the lines signed; Objects/lnotab_notes.txt.

    What exceeds a byte is written as several pairs; the last pair at an offset counts (PyCode_Addr2Line).
    """
    starts, lines = array("q", [0]), array("q", [first_line])
    offset, line = 0, first_line
    for at in range(0, len(table) - 1, 2):
        step, lines_on = table[at], table[at + 1]
        line += lines_on - 256 if lines_on >= 128 else lines_on
        offset += step
        if not -_INT < line < _INT:
            break
        if offset == starts[-1]:
            lines[-1] = line
        else:
            starts.append(offset)
            lines.append(line)
    return _Ranges(starts, lines, None)


def _pairs(table: bytes, first_line: int) -> Lines:
    """3.10, co_linetable: pairs (length of a range of code, lines to go on by before it; -128: none).

    Objects/lnotab_notes.txt, PEP 626.
    """
    starts, lines = array("q", [0]), array("q", [NO_LINE])
    offset, line = 0, first_line
    for at in range(0, len(table) - 1, 2):
        length, lines_on = table[at], table[at + 1]
        here = NO_LINE
        if lines_on != 128:
            line += lines_on - 256 if lines_on > 128 else lines_on
            here = line
        if not -_INT < line < _INT:
            break
        if length:
            starts.append(offset)
            lines.append(here)
            offset += length
    return _Ranges(starts, lines, offset)


DECODERS: dict[str, Callable[[bytes, int], Lines]] = {
    "lnotab": _lnotab,
    "pairs": _pairs,
    "locations": _locations,
}
"""By `Layout.lines`: (table, co_firstlineno) -> lines."""
