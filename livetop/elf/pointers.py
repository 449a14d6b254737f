"""Numbers as DWARF and .eh_frame write them: LEB128, and pointers with an encoding byte.

The encodings are the DW_EH_PE_* of the Linux Standard Base, "DWARF Exception Header Encoding".
Reading behind the end of the data raises IndexError or struct.error, which the readers of whole entries
turn into CfiError in one place.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from .errors import CfiError

Read = Callable[[int, int], bytes]

OMIT: Final = 0xFF
PCREL: Final = 0x10
DATAREL: Final = 0x30
INDIRECT: Final = 0x80
FORMAT: Final = 0x0F
BASE: Final = 0x70

MASK: Final = (1 << 64) - 1

_ULEB: Final = 0x01
_SLEB: Final = 0x09
_FIXED: Final = {
    0x00: struct.Struct("<Q"),
    0x02: struct.Struct("<H"),
    0x03: struct.Struct("<I"),
    0x04: struct.Struct("<Q"),
    0x08: struct.Struct("<q"),
    0x0A: struct.Struct("<h"),
    0x0B: struct.Struct("<i"),
    0x0C: struct.Struct("<q"),
}
# 64 bits take ten bytes; a longer number is damage.
_MAX_LEB = 10


def uleb(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned LEB128 number and where it ends."""
    value = shift = 0
    for end in range(at, at + _MAX_LEB):
        byte = data[end]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, end + 1
        shift += 7
    raise CfiError("damaged call-frame information: an endless number")


def sleb(data: bytes, at: int) -> tuple[int, int]:
    """Return a signed LEB128 number and where it ends."""
    value, end = uleb(data, at)
    if data[end - 1] & 64:
        value -= 1 << 7 * (end - at)
    return value, end


def plain(data: bytes, at: int, encoding: int) -> tuple[int, int]:
    """Return a number in the format of an encoding, without what it is relative to, and where it ends."""
    kind = encoding & FORMAT
    if encoding == OMIT or encoding & BASE == 0x50:
        # 0x50 is "aligned", which only a personality routine's pointer ever was.
        raise CfiError("call-frame information with a pointer encoding that is not supported")
    if kind == _ULEB:
        return uleb(data, at)
    if kind == _SLEB:
        return sleb(data, at)
    if kind not in _FIXED:
        raise CfiError("damaged call-frame information: an impossible pointer encoding")
    form = _FIXED[kind]
    return form.unpack_from(data, at)[0], at + form.size


def pointer(
    data: bytes, at: int, encoding: int, address: int, read: Read, base: int | None = None
) -> tuple[int, int]:
    """Return an encoded pointer as an address of 64 bits, and where it ends.

    `address` is where data[0] lies; `base` what "datarel" counts from, None where nothing is known.
    Raises CfiError for what cannot be known (textrel, funcrel, aligned).
    """
    value, end = plain(data, at, encoding)
    relative = encoding & BASE
    if relative == PCREL:
        value += address + at
    elif relative == DATAREL and base is not None:
        value += base
    elif relative:
        raise CfiError("call-frame information with a pointer encoding that is not supported")
    value &= MASK
    if encoding & INDIRECT:
        value = int.from_bytes(read(value, 8), "little")
    return value, end
