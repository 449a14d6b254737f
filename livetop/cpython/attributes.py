"""Attributes of instances, whatever their class is built on.

From Objects/dictobject.c, pycore_object.h: a class derived from one in C may keep a dict at `tp_dictoffset`
(futures, up to 3.12), and its instances' values lie behind all that its base keeps (3.14 on).
"""

from __future__ import annotations

import struct

from livetop.target.memory import Memory

from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError

_I64 = struct.Struct("<q")
_LARGEST = 1 << 16
# Py_TPFLAGS_INLINE_VALUES (Include/object.h, 3.13 on).
_INLINE_VALUES = 1 << 2


class Attributes:
    """Reads attributes. Raises ObjectError, MemoryFault for what is not there (any more)."""

    def __init__(self, memory: Memory, layout: Layout, objects: ObjectReader) -> None:
        self._memory = memory
        self._o = layout
        self._objects = objects
        self._indices: dict[str, dict[int, int]] = {}

    def forget(self) -> None:
        """Look everything up afresh: a class's address may be used again."""
        self._indices.clear()

    def of(self, instance: int, name: str) -> int:
        """The address of an instance's attribute."""
        o, objects = self._o, self._objects
        kind = objects.pointer(instance + o.object_type)
        at = self._signed(kind + o.type_dictoffset)
        if 0 < at < _LARGEST:
            return self._item(objects.pointer(instance + at), name)
        if o.values_kind != "inline":
            return objects.attribute(instance, name, self._indices.setdefault(name, {}))
        assert o.managed_dict is not None
        managed = objects.pointer(instance + o.managed_dict)
        if managed:
            return self._item(managed, name)
        size = self._signed(kind + o.type_basicsize)
        if not objects.pointer(kind + o.type_flags) & _INLINE_VALUES or not 0 < size < _LARGEST:
            raise ObjectError(f"no attribute {name}")
        indices = self._indices.setdefault(name, {})
        index = indices.get(kind)
        if index is None:
            index = indices[kind] = objects.find(objects.pointer(kind + o.heap_cached_keys), name)[0]
        value = objects.pointer(instance + size + o.values_head + 8 * index)
        if not value:
            raise ObjectError(f"no attribute {name}")
        return value

    def _item(self, dictionary: int, name: str) -> int:
        if not dictionary:
            raise ObjectError(f"no attribute {name}")
        return self._objects.item(dictionary, name)

    def _signed(self, address: int) -> int:
        found: int = _I64.unpack(self._memory.read(address, 8))[0]
        return found
