"""Line numbers from a code object's location table (3.11 on; Objects/locations.md in CPython)."""

from __future__ import annotations

from array import array

NO_LINE = -1


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
