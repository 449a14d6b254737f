"""Dicts, modules and instances of the target, as far as thread names need them.

From Objects/dictobject.c and pycore_dict.h: a dict has a table of keys and, where it is split, its values
apart; instances of a class share the table of keys (PyHeapTypeObject.ht_cached_keys).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from livetop.target.memory import Memory

from .layout import Layout
from .strings import ObjectError, read_text

_U64 = struct.Struct("<Q")
# dk_log2_size, dk_log2_index_bytes, dk_kind (at 8, 9, 10), dk_nentries (at 24)
_KEYS = struct.Struct("<8xBBBx12xQ")
_INDICES = 32
_GENERAL = 0

_MAX_ENTRIES = 1 << 17


class ObjectReader:
    """Reads containers. Raises ObjectError, MemoryFault for what is not there (any more)."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout

    def pointer(self, address: int) -> int:
        """The pointer stored at an address."""
        found: int = _U64.unpack(self._memory.read(address, 8))[0]
        return found

    def text(self, address: int) -> str:
        """A str object's text, escaped."""
        return read_text(self._memory, self._layout, address)

    def entries(self, keys: int) -> Iterator[tuple[int, int, int]]:
        """(hash, key, value) of each entry of a table of keys; hash 0 where only str keys are stored."""
        _, index_bytes, kind, count = _KEYS.unpack(self._memory.read(keys, _KEYS.size))
        if index_bytes > 32 or count > _MAX_ENTRIES or kind > 2:
            raise ObjectError(f"no dict keys at {keys:#x}")
        words = 3 if kind == _GENERAL else 2
        if not count:
            return
        data = self._memory.read(keys + _INDICES + (1 << index_bytes), count * words * 8)
        for entry in struct.iter_unpack(f"<{words}Q", data):
            yield entry if words == 3 else (0, *entry)

    def find(self, keys: int, name: str) -> tuple[int, int]:
        """(index, value) of a str key. Raises ObjectError when it is not there."""
        wanted = name.encode("ascii")
        # Names are ASCII, so the characters begin behind the smaller head.
        start = self._layout.ascii_size
        entries = list(self.entries(keys))
        regions = [
            (key + part, size)
            for _, key, _ in entries
            for part, size in ((self._layout.unicode_length, 8), (start, len(wanted)))
        ]
        parts = self._memory.read_many(regions)
        for index, (_, key, value) in enumerate(entries):
            length, text = parts[2 * index], parts[2 * index + 1]
            if key and text == wanted and length is not None and _U64.unpack(length)[0] == len(wanted):
                return index, value
        raise ObjectError(f"no key {name}")

    def item(self, dictionary: int, name: str) -> int:
        """Address of the value of a str key in a dict."""
        index, value = self.find(self.pointer(dictionary + self._layout.dict_keys), name)
        values = self.pointer(dictionary + self._layout.dict_values)
        if values:
            value = self.pointer(values + self._split_start() + 8 * index)
        if not value:
            raise ObjectError(f"no item {name}")
        return value

    def _split_start(self) -> int:
        """Bytes before the values of a split table: 3.13 keeps four counters there."""
        return 8 if self._layout.values_kind == "inline" else 0

    def module_attribute(self, modules: int, module: str, name: str) -> int:
        """Address of a module's global, from the address of `sys.modules`."""
        found = self.item(modules, module)
        return self.item(self.pointer(found + self._layout.module_dict), name)

    def attribute(self, instance: int, name: str, indices: dict[int, int]) -> int:
        """Address of an instance's attribute; `indices` remembers where each class keeps it."""
        o = self._layout
        assert o.managed_dict is not None and o.values_at is not None
        managed = self.pointer(instance + o.managed_dict)
        if o.values_kind == "inline":
            if managed:
                return self.item(managed, name)
            values = instance + o.values_at
        elif o.values_kind == "tagged":
            if not managed & 1:
                return self.item(managed, name)
            values = managed + 1
        else:
            values = self.pointer(instance + o.values_at)
            if not values:
                return self.item(managed, name)
        kind = self.pointer(instance + o.object_type)
        index = indices.get(kind)
        if index is None:
            index, _ = self.find(self.pointer(kind + o.heap_cached_keys), name)
            indices[kind] = index
        value = self.pointer(values + 8 * index)
        if not value:
            raise ObjectError(f"no attribute {name}")
        return value
