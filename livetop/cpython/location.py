"""Lines and columns from a code object's location table (3.11 on; Objects/locations.md in CPython)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

NO_LINE = -1


class Position(NamedTuple):
    """Where an instruction comes from. Lines count from 1, columns are bytes of UTF-8 and count from 0.

    None is what is not known; `end_column` is the first column behind it.
    """

    line: int | None = None
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


def _signed(value: int) -> int:
    return -(value >> 1) if value & 1 else value >> 1


def decode_lines(table: bytes, first_line: int) -> array[int]:
    """The line of each code unit (2 bytes) of a code object, NO_LINE where it has none.

    Bounded by the table's length: an entry covers at most 8 units. A damaged table gives fewer lines,
    never an error.
    """
    lines = array("i")
    line = first_line
    position, end = 0, len(table)
    while position < end:
        head = table[position]
        position += 1
        if not head & 0x80:
            # Not on the start of an entry: the bytes are not what they should be.
            break
        units = (head & 7) + 1
        kind = (head >> 3) & 15
        here = NO_LINE
        if kind <= 9:  # short forms: same line
            position += 1
            here = line
        elif kind <= 12:  # one line: delta 0..2, two column bytes
            line += kind - 10
            position += 2
            here = line
        elif kind != 15:  # 13: no columns; 14: long form
            value, shift = 0, 0
            while position < end:
                byte = table[position]
                position += 1
                value |= (byte & 63) << shift
                shift += 6
                if not byte & 64 or shift > 36:
                    break
            line += _signed(value)
            here = line
            if kind == 14:
                for _ in range(3):  # end line, column, end column
                    while position < end and table[position] & 64:
                        position += 1
                    position += 1
        if not -(1 << 31) < here < 1 << 31:
            break
        lines.extend([here] * units)
    return lines


def positions(table: bytes, first_line: int) -> Iterator[tuple[int, Position]]:
    """(number of code units of two bytes, where they come from), from the first one on.

    A damaged table gives fewer positions, or wrong ones, never an error.
    """
    line = first_line
    at, end = 0, len(table)

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while at < end:
            byte = table[at]
            at += 1
            value |= (byte & 63) << shift
            shift += 6
            if not byte & 64 or shift > 36:
                break
        return value

    while at < end and table[at] & 0x80:
        head = table[at]
        at += 1
        kind = (head >> 3) & 15
        found = Position()
        if kind <= 12:
            low, high = (*table[at : at + 2], 0, 0)[:2]
            if kind <= 9:
                column = kind << 3 | low >> 4
                found = Position(line, line, column, column + (low & 15))
                at += 1
            else:
                line += kind - 10
                found = Position(line, line, low, high)
                at += 2
        elif kind == 13:
            line += _signed(varint())
            found = Position(line, line)
        elif kind == 14:
            line += _signed(varint())
            end_line, column, end_column = line + varint(), varint() - 1, varint() - 1
            found = Position(
                line, end_line, column if column >= 0 else None, end_column if end_column >= 0 else None
            )
        yield (head & 7) + 1, found


def decode_position(table: bytes, first_line: int, unit: int) -> Position:
    """Where the code unit with this number comes from."""
    for units, position in positions(table, first_line):
        unit -= units
        if unit < 0:
            return position
    return Position()
