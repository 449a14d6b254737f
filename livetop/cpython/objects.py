"""Containers, ints and instances of the target, in every version.

From Objects/dictobject.c and pycore_dict.h: a dict has a table of keys, with the values or, where it is
split, without; instances of a class share the table of keys (PyHeapTypeObject.ht_cached_keys). The rest is
from Objects/setobject.c, listobject.c, longobject.c and typeobject.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory
from livetop.target.text import escape

from .layout import Layout
from .strings import ObjectError, read_text

_U64 = struct.Struct("<Q")
_I64 = struct.Struct("<q")
# PyDictKeyEntry, PyDictUnicodeEntry, setentry
_HASHED, _PLAIN, _SET = struct.Struct("<QQQ"), struct.Struct("<QQ"), struct.Struct("<Qq")
# DICT_KEYS_GENERAL: entries have their hash; from this many kinds on they are no dict keys.
_GENERAL, _KINDS = 0, 3
_DUMMY_HASH = -1

# Py_TPFLAGS_INLINE_VALUES (3.13 on), Py_TPFLAGS_MANAGED_DICT (3.11 on): Include/object.h
_INLINE_VALUES = 1 << 2
_MANAGED_DICT = 1 << 4
# PyLong_SHIFT of 64-bit machines; _PyLong_SIGN_MASK and _PyLong_NON_SIZE_BITS of 3.12 on.
_DIGIT = 30
_SIGN, _NEGATIVE, _NOT_SIZE = 3, 2, 3

# What is larger is no object of a sane program, or not worth the time.
_MAX_ENTRIES = 1 << 17
_MAX_INDEX_BYTES = 1 << 20
_MAX_DIGITS = 64
_MAX_SIZE = 1 << 32
_MAX_NAME = 200
_MAX_KNOWN = 1 << 12


class ObjectReader:
    """Reads objects by their addresses. Raises ObjectError, MemoryFault for what is not there (any more)."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout
        # Where keys were found: {(table, name): (index, place of the key, key)}.
        self._known: dict[tuple[int, str], tuple[int, int, int]] = {}

    def pointer(self, address: int) -> int:
        """The pointer stored at an address."""
        found: int = _U64.unpack(self._memory.read(address, 8))[0]
        return found

    def signed(self, address: int) -> int:
        """The Py_ssize_t stored at an address."""
        found: int = _I64.unpack(self._memory.read(address, 8))[0]
        return found

    def forget(self) -> None:
        """Look all names up afresh."""
        self._known.clear()

    # ------------------------------------------------------------------ plain objects

    def type_of(self, address: int) -> int:
        """The address of an object's type."""
        return self.pointer(address + self._layout.object_type)

    def type_name(self, address: int) -> str:
        """What an object's type is called (tp_name: "str", "_asyncio.Task"), escaped."""
        at = self.pointer(self.type_of(address) + self._layout.type_name)
        try:
            data = self._memory.read(at, _MAX_NAME)
        except MemoryFault:
            # The end of a mapping.
            data = self._memory.read(at, min(_MAX_NAME, -at % 4096))
        text, end, _ = data.partition(b"\0")
        if not end:
            raise ObjectError(f"no type of the object at {address:#x}")
        return escape(text.decode("utf-8", "replace"))

    def text(self, address: int) -> str:
        """A str object's text, escaped."""
        return read_text(self._memory, self._layout, address)

    def integer(self, address: int) -> int:
        """An int object's value, up to 64 digits of 30 bits."""
        o = self._layout
        if o.long_tag is None:
            size = self.signed(address + o.object_size)
            count, negative = abs(size), size < 0
        else:
            tag = self.pointer(address + o.long_tag)
            count, negative = tag >> _NOT_SIZE, tag & _SIGN == _NEGATIVE
        if count > _MAX_DIGITS:
            raise ObjectError(f"no int of a sane size at {address:#x}")
        digits = struct.unpack(
            f"<{count}I", self._memory.read(address + o.long_digits, 4 * count) if count else b""
        )
        value: int = sum(digit << _DIGIT * place for place, digit in enumerate(digits))
        return -value if negative else value

    # ------------------------------------------------------------------ lists, tuples, sets

    def list_items(self, address: int) -> list[int]:
        """The addresses of a list's items."""
        count = self._count(address)
        return self._words(self.pointer(address + self._layout.list_items), count) if count else []

    def tuple_items(self, address: int) -> list[int]:
        """The addresses of a tuple's items."""
        return self._words(address + self._layout.tuple_items, self._count(address))

    def _count(self, address: int) -> int:
        count = self.signed(address + self._layout.object_size)
        if not 0 <= count <= _MAX_ENTRIES:
            raise ObjectError(f"no list or tuple of a sane size at {address:#x}")
        return count

    def _words(self, address: int, count: int) -> list[int]:
        return list(struct.unpack(f"<{count}Q", self._memory.read(address, 8 * count))) if count else []

    def set_entries(self, address: int) -> list[int]:
        """The addresses of what a set contains, in no order."""
        o = self._layout
        mask = self.pointer(address + o.set_mask)
        if mask >= _MAX_ENTRIES or mask & mask + 1:
            raise ObjectError(f"no set of a sane size at {address:#x}")
        data = self._memory.read(self.pointer(address + o.set_table), (mask + 1) * _SET.size)
        return [key for key, hashed in _SET.iter_unpack(data) if key and hashed != _DUMMY_HASH]

    # ------------------------------------------------------------------ dicts

    def _table(self, keys: int) -> tuple[int, int, struct.Struct]:
        """(address of the first entry, number of entries used, their form) of a table of keys."""
        o = self._layout
        # All that is read of its head lies before the indices.
        head = self._memory.read(keys, o.keys_indices)
        form = _HASHED
        if o.keys_size is not None:
            (size,) = _U64.unpack_from(head, o.keys_size)
            # Indices are as wide as they must be (DK_IXSIZE).
            width = 1 if size <= 0xFF else 2 if size <= 0xFFFF else 4
            index_bytes = size * width
        else:
            assert o.keys_log2_bytes is not None and o.keys_kind is not None
            log2, kind = head[o.keys_log2_bytes], head[o.keys_kind]
            index_bytes = 1 << log2 if log2 < 64 else _MAX_INDEX_BYTES + 1
            if kind >= _KINDS:
                raise ObjectError(f"no dict keys at {keys:#x}")
            if kind != _GENERAL:
                form = _PLAIN
        (count,) = _U64.unpack_from(head, o.keys_count)
        if index_bytes > _MAX_INDEX_BYTES or count > _MAX_ENTRIES:
            raise ObjectError(f"no dict keys at {keys:#x}")
        return keys + o.keys_indices + index_bytes, count, form

    def entries(self, keys: int) -> Iterator[tuple[int, int, int]]:
        """(hash, key, value) of each entry of a table of keys; hash 0 where only str keys are stored.

        The values are 0 where the dict is split, and those of deleted entries.
        """
        at, count, form = self._table(keys)
        if not count:
            return
        data = self._memory.read(at, count * form.size)
        for entry in form.iter_unpack(data):
            yield entry if len(entry) == 3 else (0, *entry)

    def items(self, dictionary: int) -> list[tuple[int, int, int]]:
        """(hash, key, value) of what a dict holds; hash 0 where only str keys are stored."""
        o = self._layout
        entries = list(self.entries(self.pointer(dictionary + o.dict_keys)))
        values = self.pointer(dictionary + o.dict_values)
        if values:
            apart = self._words(values + o.values_head, len(entries))
            entries = [(hashed, key, value) for (hashed, key, _), value in zip(entries, apart, strict=True)]
        return [entry for entry in entries if entry[1] and entry[2]]

    def find(self, keys: int, name: str) -> tuple[int, int]:
        """(index, value) of a str key that is ASCII. Raises ObjectError when it is not there."""
        wanted = name.encode("ascii")
        entries = list(self.entries(keys))
        lengths = self._memory.read_many([(key + self._layout.unicode_length, 8) for _, key, _ in entries])
        size = _U64.pack(len(wanted))
        likely = [index for index, length in enumerate(lengths) if length == size and entries[index][1]]
        # Names are ASCII, so the characters begin behind the smaller head.
        start = self._layout.ascii_size
        texts = self._memory.read_many([(entries[index][1] + start, len(wanted)) for index in likely])
        for index, text in zip(likely, texts, strict=True):
            if text == wanted:
                return index, entries[index][2]
        raise ObjectError(f"no key {name}")

    def _index(self, keys: int, name: str) -> int:
        """Which entry of a shared table of keys a name is: looked for once, as long as it stays there."""
        known = self._known.get((keys, name))
        if known is not None and self.pointer(known[1]) == known[2]:
            return known[0]
        index, _ = self.find(keys, name)
        at, _, form = self._table(keys)
        place = at + index * form.size + form.size - 16
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[keys, name] = index, place, self.pointer(place)
        return index

    def item(self, dictionary: int, name: str) -> int:
        """The address of the value of a str key (ASCII) in a dict."""
        index, value = self.find(self.pointer(dictionary + self._layout.dict_keys), name)
        values = self.pointer(dictionary + self._layout.dict_values)
        if values:
            value = self.pointer(values + self._layout.values_head + 8 * index)
        if not value:
            raise ObjectError(f"no item {name}")
        return value

    # ------------------------------------------------------------------ modules, instances

    def module_attribute(self, modules: int, module: str, name: str) -> int:
        """The address of a module's global, from the address of `sys.modules`."""
        found = self.item(modules, module)
        return self.item(self.pointer(found + self._layout.module_dict), name)

    def attribute(self, instance: int, name: str) -> int:
        """The address of an attribute (ASCII) that an instance has itself, whatever its class is built on.

        Slots and the members of types that are written in C are not looked at.
        """
        o = self._layout
        kind = self.type_of(instance)
        flags = self.pointer(kind + o.type_flags)
        if o.managed_dict is None or not flags & _MANAGED_DICT:
            return self._of_dict(self._dict_of(instance, kind), name)
        managed = self.pointer(instance + o.managed_dict)
        values = 0
        if o.values_kind == "inline":
            if not managed and flags & _INLINE_VALUES:
                values = instance + self._size(kind) + o.values_head
        elif o.values_kind == "tagged":
            if managed & 1:
                values = managed + 1
        elif o.values_at is not None:
            values = self.pointer(instance + o.values_at)
        if not values:
            return self._of_dict(managed, name)
        value = self.pointer(values + 8 * self._index(self.pointer(kind + o.heap_cached_keys), name))
        if not value:
            raise ObjectError(f"no attribute {name}")
        return value

    def _of_dict(self, dictionary: int, name: str) -> int:
        if not dictionary:
            raise ObjectError(f"no attribute {name}")
        return self.item(dictionary, name)

    def _dict_of(self, instance: int, kind: int) -> int:
        """The dict at tp_dictoffset; 0 when there is none (_PyObject_GetDictPtr)."""
        o = self._layout
        offset = self.signed(kind + o.type_dictoffset)
        if offset < 0:
            # From the end of an object of variable size.
            items = abs(self.signed(instance + o.object_size)) * self.signed(kind + o.type_itemsize)
            if not 0 <= items < _MAX_SIZE:
                raise ObjectError(f"no instance at {instance:#x}")
            offset += self._size(kind) + items + 7 & -8
        if not 0 <= offset < _MAX_SIZE:
            raise ObjectError(f"no instance at {instance:#x}")
        return self.pointer(instance + offset) if offset else 0

    def _size(self, kind: int) -> int:
        size = self.signed(kind + self._layout.type_basicsize)
        if not 0 < size < _MAX_SIZE:
            raise ObjectError(f"no type at {kind:#x}")
        return size
