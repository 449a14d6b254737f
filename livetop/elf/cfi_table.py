"""Where the entry of each function is: the table of .eh_frame_hdr, or one made from .eh_frame itself.

The layout is that of the Linux Standard Base, "The .eh_frame_hdr section".
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .cfi_entries import cie_address, parse_range, read_cie
from .cfi_rules import Cie
from .errors import CfiError
from .pointers import BASE, DATAREL, FORMAT, MASK, OMIT, Read, plain, pointer

_MAX_TABLE: Final = 16 << 20
# Encodings of fixed size and what they are for `array`.
_TYPES: Final = {0x00: "Q", 0x03: "I", 0x04: "Q", 0x0B: "i", 0x0C: "q"}
# How much of .eh_frame is looked through when there is no table: 60,000 functions take about 0.2 s.
_MAX_SCANNED: Final = 60_000
# Real files have fewer than ten.
_MAX_CIES: Final = 256
_CHUNK: Final = 1 << 16
_PAGE: Final = 4096
# The longest header: its four bytes and two pointers.
_MAX_HEADER: Final = 4 + 2 * 10


@dataclass(frozen=True, slots=True)
class Table:
    """Functions in the order of their addresses: starts[i] + base, with their entry at entries[i] + base."""

    starts: Sequence[int]
    entries: Sequence[int]
    base: int


def load_table(read: Read, header: int, size: int) -> Table:
    """Read the table of the .eh_frame_hdr at `header`, `size` bytes long. Raises CfiError."""
    if size < 4:
        raise CfiError("damaged call-frame information: no header")
    data = read(header, min(size, _MAX_HEADER))
    version, frame_encoding, count_encoding, encoding = data[:4]
    if version != 1:
        raise CfiError(f"call-frame information with a header of version {version}")
    try:
        frames, at = 0, 4
        if frame_encoding != OMIT:
            frames, at = pointer(data, at, frame_encoding, header, read, header)
        kind = _TYPES.get(encoding & FORMAT)
        if OMIT not in (count_encoding, encoding) and kind and encoding & ~FORMAT in (0, DATAREL):
            count, at = plain(data, at, count_encoding)
            base = header if encoding & BASE else 0
            return _table(read, header + at, size - at, count, kind, base)
    except (IndexError, struct.error):
        raise CfiError("damaged call-frame information: a header that ends too early") from None
    if not frames:
        raise CfiError("damaged call-frame information: a header that leads nowhere")
    return _scan(read, frames)


def _table(read: Read, address: int, room: int, count: int, kind: str, base: int) -> Table:
    flat = array(kind)
    size = 2 * count * flat.itemsize
    if not 0 <= size <= min(room, _MAX_TABLE):
        raise CfiError("damaged call-frame information: a table of an impossible size")
    flat.frombytes(read(address, size))
    return Table(flat[::2], flat[1::2], base)


def _scan(read: Read, frames: int) -> Table:
    """Make the table from the entries that begin at `frames`."""
    cies: dict[int, Cie] = {}
    found: list[tuple[int, int]] = []
    for address, data in _entries(read, frames):
        if data[4:8] == b"\0\0\0\0":
            continue
        try:
            at = cie_address(data, address)
            if at not in cies:
                if len(cies) >= _MAX_CIES:
                    break
                cies[at] = read_cie(read, at)[1]
            found.append((parse_range(data, address, cies[at], read)[0], address))
        except CfiError:
            # The functions of other entries are not lost with it; this one's pcs are covered by none.
            continue
    found.sort()
    return Table(array("Q", [start for start, _ in found]), array("Q", [entry for _, entry in found]), 0)


def _entries(read: Read, frames: int) -> Iterator[tuple[int, bytes]]:
    """Yield the address and content of one entry after another, up to the terminator or the end of memory."""
    at, chunk, start = frames, b"", frames
    for _ in range(_MAX_SCANNED):
        place = at - start
        size = int.from_bytes(chunk[place : place + 4], "little") + 4
        if place + max(size, 8) > len(chunk):
            chunk, start, place = _chunk(read, at), at, 0
            size = int.from_bytes(chunk[:4], "little") + 4
        if size == 4 or size > len(chunk) - place:
            return
        yield at, chunk[place : place + size]
        at += size


def _chunk(read: Read, address: int) -> bytes:
    """Return what is readable at `address`, at most _CHUNK bytes; b"" when nothing is."""
    for size in (_CHUNK, _PAGE + -address % _PAGE, -address % _PAGE):
        if address + size <= MASK:
            try:
                return read(address, size)
            except CfiError:
                # It runs over the end of what is mapped: less will do.
                continue
    return b""
