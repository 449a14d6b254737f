"""The memory of a real process, as far as it was read, which can be read again with parts of it damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

PAGE = 4096
_MAX_ADDRESS = 1 << 63


class Recorder:
    """`Memory` that keeps each page that is read of another one, and which parts of it were asked for."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.pages: dict[int, bytes] = {}
        self.touched: dict[tuple[int, int], None] = {}

    def read(self, address: int, size: int) -> bytes:
        """As `Memory.read`."""
        data = self._memory.read(address, size)
        self.touched[address, size] = None
        for page in range(address // PAGE, (address + size - 1) // PAGE + 1 if size else 0):
            if page not in self.pages:
                self.pages[page] = self._memory.read(page * PAGE, PAGE)
        return data

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """As `Memory.read_many`."""
        found: list[bytes | None] = []
        for address, size in regions:
            try:
                found.append(self.read(address, size))
            except MemoryFault:
                found.append(None)
        return found


class Image:
    """`Memory` of what was recorded, counted: `reads` calls, `asked` bytes, `largest` of them at once."""

    def __init__(self, recorded: Recorder) -> None:
        self._pages = recorded.pages
        self._touched = list(recorded.touched)
        self._damaged: dict[int, bytearray] = {}
        self.reads = self.asked = self.largest = 0

    def repair(self) -> None:
        """As it was recorded, and nothing counted."""
        self._damaged.clear()
        self.reads = self.asked = self.largest = 0

    def read(self, address: int, size: int) -> bytes:
        """As `Memory.read`."""
        self.reads += 1
        self.asked += size
        self.largest = max(self.largest, size)
        return self._read(address, size)

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """As `Memory.read_many`."""
        self.reads += 1
        found: list[bytes | None] = []
        for address, size in regions:
            self.asked += size
            self.largest = max(self.largest, size)
            try:
                found.append(self._read(address, size))
            except MemoryFault:
                found.append(None)
        return found

    def _read(self, address: int, size: int) -> bytes:
        if not (0 < address < _MAX_ADDRESS and size >= 0):
            raise MemoryFault(address, size)
        parts = []
        left = size
        while left > 0:
            number, at = divmod(address, PAGE)
            page = self._damaged.get(number) or self._pages.get(number)
            if page is None:
                raise MemoryFault(address, size)
            parts.append(bytes(page[at : at + left]))
            address += len(parts[-1])
            left -= len(parts[-1])
        return b"".join(parts)

    # ------------------------------------------------------------------ damage

    def write(self, address: int, data: bytes) -> None:
        """Overwrite what was recorded; what was not is left out."""
        for offset, byte in enumerate(data):
            number, at = divmod(address + offset, PAGE)
            if number in self._pages:
                page = self._damaged.get(number)
                if page is None:
                    page = self._damaged[number] = bytearray(self._pages[number])
                page[at] = byte

    def damage(self, chance: random.Random, times: int) -> list[str]:
        """Overwrite so many of the words that readers asked for; says what with what."""
        done = []
        for _ in range(times):
            address, size = chance.choice(self._touched)
            at = address + chance.randrange(max(1, size)) // 8 * 8
            name, data = self._garbage(chance, at)
            self.write(at, data)
            done.append(f"{at:#x} ({at - address} into {size} bytes): {name}")
        return done

    def _garbage(self, chance: random.Random, at: int) -> tuple[str, bytes]:
        kinds = (self._number, self._pointer, self._pointer, self._pointer, self._bits, self._bytes)
        return chance.choice(kinds)(chance, at)

    @staticmethod
    def _number(chance: random.Random, at: int) -> tuple[str, bytes]:
        value = chance.choice([0, 1, 0xFF, 1 << 16, 1 << 31, 1 << 40, 1 << 60, (1 << 63) - 1, 1 << 63, -1])
        return f"number {value:#x}", struct.pack("<Q", value & (1 << 64) - 1)

    def _pointer(self, chance: random.Random, at: int) -> tuple[str, bytes]:
        # Much of what is there already, itself among it: cycles, and objects of other kinds.
        place = at if chance.random() < 0.1 else chance.choice(self._touched)[0]
        place += chance.choice([0, 0, 0, 1, 8, 16, -8])
        return f"pointer {place:#x}", struct.pack("<Q", place & (1 << 64) - 1)

    def _bits(self, chance: random.Random, at: int) -> tuple[str, bytes]:
        try:
            (word,) = struct.unpack("<Q", self._read(at, 8))
        except MemoryFault:
            word = 0
        word ^= 1 << chance.randrange(64)
        return f"a bit {word:#x}", struct.pack("<Q", word)

    @staticmethod
    def _bytes(chance: random.Random, at: int) -> tuple[str, bytes]:
        data = chance.randbytes(chance.choice([8, 8, 64]))
        return f"bytes {data.hex()}", data


class ImageRead:
    """`VectoredRead` of an image."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._regions: list[tuple[int, int]] = []
        self.size = 0
        self.buffer = bytearray()

    def lay_out(self, flat: list[int], size: int) -> None:
        """As `VectoredRead.lay_out`."""
        self._regions = list(zip(flat[::2], flat[1::2], strict=True))
        assert size == sum(flat[1::2])
        self.size = size

    def run(self) -> bool:
        """As `VectoredRead.run`."""
        parts = self._memory.read_many(self._regions)
        data = bytearray()
        for part in parts:
            if part is None:
                self.buffer = data + bytes(self.size - len(data))
                return False
            data += part
        self.buffer = data
        return True
