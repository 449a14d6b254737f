"""What an exact sample brings of a thread's C stack: bytes from its stack pointer on, and registers."""

from __future__ import annotations

import struct
from typing import Final

_WORD = struct.Struct("<Q")
_unpack = _WORD.unpack_from

WORD: Final = 8


class Copied:
    """Stack bytes: those of the addresses `low` to `end` lie at `base` of `buffer`."""

    __slots__ = ("base", "buffer", "end", "low")

    def __init__(self, buffer: bytearray | bytes, base: int, low: int, size: int) -> None:
        self.buffer = buffer
        self.base = base
        self.low = low
        self.end = low + size

    def word(self, address: int) -> int | None:
        """The 8 bytes at an address, None when they were not copied."""
        if self.low <= address <= self.end - WORD:
            return int(_unpack(self.buffer, self.base + address - self.low)[0])
        return None

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Up to `count` words from an address on, as far as they were copied."""
        address = max(address, self.low)
        count = min(count, (self.end - address) // WORD)
        if count <= 0:
            return ()
        return struct.unpack_from(f"<{count}Q", self.buffer, self.base + address - self.low)
