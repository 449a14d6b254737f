"""Dicts, classes and their instances in fake memory, laid out as each version does."""

from __future__ import annotations

import struct

from fake_target import FakeObjects

_MANAGED_DICT, _INLINE_VALUES = 1 << 4, 1 << 2
# Room before an object, for what a version keeps there.
_BEFORE = 48


def make_keys(objects: FakeObjects, items: list[tuple[int, int]], *, general: bool = False) -> int:
    """A table of (key, value), or of (hash, key = hash, value)."""
    o = objects.layout
    log2 = max(3, (len(items) * 3 // 2).bit_length())
    head = bytearray(o.keys_indices)
    if o.keys_size is not None:
        general_form = True
        struct.pack_into("<Q", head, o.keys_size, 1 << log2)
        indices = (1 << log2) * (1 if log2 < 8 else 2)
    else:
        assert o.keys_kind is not None and o.keys_log2_bytes is not None
        general_form = general
        head[o.keys_log2_bytes] = log2 if log2 < 8 else log2 + 1
        head[o.keys_kind] = 0 if general else 1
        indices = 1 << head[o.keys_log2_bytes]
    struct.pack_into("<Q", head, o.keys_count, len(items))
    data = bytes(head) + bytes(indices)
    for key, value in items:
        hashed = key if general else 0xBADC0DE
        data += struct.pack("<QQQ", hashed, key, value) if general_form else struct.pack("<QQ", key, value)
    return objects.place(data)


def make_dict(objects: FakeObjects, items: list[tuple[int, int]], *, general: bool = False) -> int:
    """A dict of (key, value)."""
    data = bytearray(objects.layout.dict_values + 8)
    struct.pack_into(
        "<QQ", data, objects.layout.dict_keys, make_keys(objects, items, general=general), 0
    )  # fmt: skip
    return objects.place(bytes(data))


def make_split_dict(objects: FakeObjects, keys: int, values: list[int]) -> int:
    """A dict whose values are apart from its keys."""
    apart = objects.place(bytes(objects.layout.values_head) + struct.pack(f"<{len(values)}Q", *values))
    data = bytearray(objects.layout.dict_values + 8)
    struct.pack_into("<Q", data, objects.layout.dict_keys, keys)
    struct.pack_into("<Q", data, objects.layout.dict_values, apart)
    return objects.place(bytes(data))


def make_names(objects: FakeObjects, items: dict[str, int]) -> int:
    """A dict whose keys are str."""
    return make_dict(objects, [(objects.text(name), value) for name, value in items.items()])


def make_module(objects: FakeObjects, attributes: dict[str, int]) -> int:
    """A module with these globals."""
    data = bytearray(objects.layout.module_dict + 8)
    struct.pack_into("<Q", data, objects.layout.module_dict, make_names(objects, attributes))
    return objects.place(bytes(data))


class FakeClass:
    """A class whose instances share their table of keys; `base` bytes of each belong to a type in C."""

    def __init__(
        self,
        objects: FakeObjects,
        names: list[str],
        *,
        base: int = 0,
        dict_offset: int = 0,
        item_size: int = 0,
    ) -> None:
        self.objects = objects
        o = objects.layout
        self.size = o.object_head + base
        managed = o.managed_dict is not None and not dict_offset
        if not managed and not dict_offset:
            dict_offset = self.size
            self.size += 8
        self.dict_offset = dict_offset
        self.keys = make_keys(objects, [(objects.text(name), 0) for name in names])
        name = objects.place(b"Fake\0")
        data = bytearray(o.heap_cached_keys + 8)
        flags = (_MANAGED_DICT | (_INLINE_VALUES if o.values_kind == "inline" else 0)) if managed else 0
        for place, value in (
            (o.type_name, name), (o.type_flags, flags), (o.type_dictoffset, -1 if managed else dict_offset),
            (o.type_basicsize, self.size), (o.type_itemsize, item_size), (o.heap_cached_keys, self.keys),
        ):  # fmt: skip
            struct.pack_into("<q", data, place, value)
        self.address = objects.place(bytes(data))

    def instance(self, values: list[int], *, own_dict: int = 0, items: int = 0, item_bytes: int = 0) -> int:
        """An instance: its attributes where this version keeps them, or in a dict of its own."""
        o = self.objects.layout
        packed = struct.pack(f"<{len(values)}Q", *values)
        before, body = bytearray(_BEFORE), bytearray(self.size + item_bytes)
        behind = b""
        if self.dict_offset:
            at = self.dict_offset if self.dict_offset > 0 else len(body) + self.dict_offset
            dictionary = own_dict or make_split_dict(self.objects, self.keys, values)
            struct.pack_into("<Q", body, at, dictionary)
        elif o.values_kind == "inline":
            behind = bytes(o.values_head) + packed
            struct.pack_into("<Q", before, _BEFORE + (o.managed_dict or 0), own_dict)
        elif o.values_kind == "tagged":
            # A dict's pointer, or that of the values less one.
            pointer = own_dict or self.objects.place(packed) - 1
            struct.pack_into("<Q", before, _BEFORE + (o.managed_dict or 0), pointer)
        else:
            place = 0 if own_dict else self.objects.place(packed)
            struct.pack_into("<Q", before, _BEFORE + (o.values_at or 0), place)
            struct.pack_into("<Q", before, _BEFORE + (o.managed_dict or 0), own_dict)
        struct.pack_into("<Q", body, o.object_type, self.address)
        if items:
            struct.pack_into("<q", body, o.object_size, items)
        return self.objects.place(bytes(before) + bytes(body) + behind) + _BEFORE
