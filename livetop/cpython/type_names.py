"""What types are called: PyTypeObject.tp_name, and the bases of those that programs define."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory
from livetop.target.text import escape

from .layout import Layout

_U64 = struct.Struct("<Q")
# tp_base lies so far behind tp_flags in every version (Include/cpython/object.h).
_BASE_BEHIND_FLAGS = 88
_MAX_NAME = 100
_MAX_BASES = 32
# Tasks, and what they wait for, are of fewer types in any sane program; what comes then has no name, and who
# looks at more of them forgets in time (`full`).
_MAX_TYPES = 1024


class TypeNames:
    """Names of types by address, as long as `forget` is not called: a type's address may be used again."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout
        self._names: dict[int, str] = {}
        self._bases: dict[int, tuple[str, ...]] = {}
        self._sizes: dict[tuple[int, str], int] = {}

    def forget(self) -> None:
        """Look everything up afresh."""
        self._names.clear()
        self._bases.clear()
        self._sizes.clear()

    @property
    def full(self) -> bool:
        """Whether the next type may have no name, for there are too many."""
        return max(len(self._names) + _MAX_BASES, len(self._bases) + 1, len(self._sizes) + 1) > _MAX_TYPES

    def name(self, address: int) -> str:
        """tp_name of the type at an address, escaped: with its module only if it is C; "" when unreadable."""
        found = self._names.get(address)
        if found is None:
            if len(self._names) >= _MAX_TYPES:
                return ""
            found = self._names[address] = self._read(address)
        return found

    def _read(self, address: int) -> str:
        memory = self._memory
        try:
            (at,) = _U64.unpack(memory.read(address + self._layout.type_name, 8))
            try:
                data = memory.read(at, _MAX_NAME)
            except MemoryFault:
                # The last bytes of a mapping.
                data = memory.read(at, 4096 - at % 4096)
        except MemoryFault:
            return ""
        text, end, _ = data[:_MAX_NAME].partition(b"\0")
        return escape(text.decode("utf-8", "replace")) if end or len(text) == _MAX_NAME else ""

    def lineage(self, address: int) -> tuple[str, ...]:
        """The names of a type and of its bases (tp_base), itself first."""
        found = self._bases.get(address)
        if found is None:
            if len(self._bases) >= _MAX_TYPES:
                return ()
            found = self._bases[address] = tuple(name for _, name in self._line(address))
        return found

    def _line(self, address: int) -> Iterator[tuple[int, str]]:
        """A type and its bases, one after the other."""
        base = self._layout.type_flags + _BASE_BEHIND_FLAGS
        for _ in range(_MAX_BASES):
            if not address:
                return
            yield address, self.name(address)
            try:
                (address,) = _U64.unpack(self._memory.read(address + base, 8))
            except MemoryFault:
                return

    def size_of(self, address: int, name: str) -> int:
        """tp_basicsize of the type called `name` among a type and its bases; 0 when it is not one of them."""
        found = self._sizes.get((address, name))
        if found is None:
            found = 0
            if len(self._sizes) >= _MAX_TYPES:
                return found
            for at, called in self._line(address):
                if called == name:
                    try:
                        (found,) = _U64.unpack(self._memory.read(at + self._layout.type_basicsize, 8))
                    except MemoryFault:
                        found = 0
                    break
            self._sizes[address, name] = found
        return found

    def of(self, objects: Iterable[int]) -> list[int]:
        """The addresses of the types of objects; 0 for what cannot be read."""
        at = self._layout.object_type
        data = self._memory.read_many([(address + at, 8) for address in objects])
        return [_U64.unpack(word)[0] if word else 0 for word in data]
