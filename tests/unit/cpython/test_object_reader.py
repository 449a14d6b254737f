"""Containers, ints, instances and text of all versions, in fake memory; and garbage instead of them."""

from __future__ import annotations

import struct

import pytest
from fake_objects import FakeClass, make_dict, make_keys, make_names, make_split_dict
from fake_target import ALL_LAYOUTS, FakeObjects
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.layout import Layout
from livetop.cpython.objects import ObjectReader
from livetop.cpython.strings import ObjectError, read_text
from livetop.target.errors import MemoryFault


@pytest.fixture(params=ALL_LAYOUTS)
def objects(request: pytest.FixtureRequest) -> FakeObjects:
    return FakeObjects(ALL_LAYOUTS[request.param])


@pytest.fixture
def reader(objects: FakeObjects) -> ObjectReader:
    return ObjectReader(objects.memory, objects.layout)


def _object(objects: FakeObjects, size: int, *fields: tuple[int, int]) -> int:
    data = bytearray(size)
    for place, value in fields:
        struct.pack_into("<q", data, place, value)
    return objects.place(bytes(data))


def _int(objects: FakeObjects, value: int) -> int:
    o = objects.layout
    digits = []
    rest = abs(value)
    while rest:
        digits.append(rest & (1 << 30) - 1)
        rest >>= 30
    if o.long_tag is None:
        head = _object(objects, o.long_digits, (o.object_size, len(digits) * (-1 if value < 0 else 1)))
    else:
        sign = 2 if value < 0 else 0 if value else 1
        head = _object(objects, o.long_digits, (o.long_tag, len(digits) << 3 | sign))
    objects.heap += struct.pack(f"<{len(digits)}I", *digits)
    return head


def _list(objects: FakeObjects, items: list[int]) -> int:
    o = objects.layout
    place = objects.place(struct.pack(f"<{len(items)}Q", *items)) if items else 0
    return _object(objects, o.list_items + 8, (o.object_size, len(items)), (o.list_items, place))


def _set(objects: FakeObjects, slots: list[tuple[int, int]]) -> int:
    o = objects.layout
    table = objects.place(b"".join(struct.pack("<Qq", *slot) for slot in slots))
    return _object(objects, o.set_table + 8, (o.set_mask, len(slots) - 1), (o.set_table, table))


# ---------------------------------------------------------------- what is there


@pytest.mark.parametrize("value", [0, 1, -1, 2**30 - 1, 2**30, -(2**30), 2**64 + 5, -(2**200)])
def test_ints(objects: FakeObjects, reader: ObjectReader, value: int) -> None:
    assert reader.integer(_int(objects, value)) == value


def test_lists_and_tuples(objects: FakeObjects, reader: ObjectReader) -> None:
    assert reader.list_items(_list(objects, [])) == []
    assert reader.list_items(_list(objects, [7, 8, 9])) == [7, 8, 9]
    o = objects.layout
    items = [(o.tuple_items, 5), (o.tuple_items + 8, 6)]
    assert reader.tuple_items(_object(objects, o.tuple_items + 16, (o.object_size, 2), *items)) == [5, 6]


def test_sets_without_what_was_taken_out(objects: FakeObjects, reader: ObjectReader) -> None:
    slots = [(0, 0), (0x10, 5), (0x99, -1), (0x20, 0), (0, 0), (0, 0), (0x30, -7), (0, 0)]
    assert reader.set_entries(_set(objects, slots)) == [0x10, 0x20, 0x30]


@pytest.mark.parametrize("count", [0, 3, 5, 200, 400])
def test_dicts_of_all_sizes(objects: FakeObjects, reader: ObjectReader, count: int) -> None:
    names = {f"name{number}": 0x1000 + number for number in range(count)}
    made = make_names(objects, names)
    for name, value in names.items():
        assert reader.item(made, name) == value
    with pytest.raises(ObjectError):
        reader.item(made, "name")
    assert [value for _, _, value in reader.items(made)] == list(names.values())


def test_keys_that_are_ints_have_their_hash(objects: FakeObjects, reader: ObjectReader) -> None:
    made = make_dict(objects, [(11, 0xA), (12, 0), (13, 0xB)], general=True)
    assert [(hashed, value) for hashed, _, value in reader.items(made)] == [(11, 0xA), (13, 0xB)]


def test_values_of_a_split_dict(objects: FakeObjects, reader: ObjectReader) -> None:
    keys = make_keys(objects, [(objects.text("a"), 0), (objects.text("b"), 0), (objects.text("c"), 0)])
    made = make_split_dict(objects, keys, [0xA0, 0xB0, 0])
    assert reader.item(made, "b") == 0xB0
    assert [value for _, _, value in reader.items(made)] == [0xA0, 0xB0]
    for missing in ("c", "d"):
        with pytest.raises(ObjectError):
            reader.item(made, missing)


def test_attributes_of_instances(objects: FakeObjects, reader: ObjectReader) -> None:
    made = FakeClass(objects, ["_target", "_name"])
    first, second = made.instance([1, 2]), made.instance([3, 4])
    assert [reader.attribute(first, "_name"), reader.attribute(second, "_name")] == [2, 4]
    own = make_names(objects, {"_other": 5, "_name": 6})
    assert reader.attribute(made.instance([0, 0], own_dict=own), "_name") == 6
    assert reader.type_name(first) == "Fake"
    with pytest.raises(ObjectError):
        reader.attribute(first, "_nothing")
    with pytest.raises(ObjectError):
        reader.attribute(made.instance([1, 0]), "_name")


def test_attributes_behind_what_a_base_in_c_keeps(objects: FakeObjects, reader: ObjectReader) -> None:
    made = FakeClass(objects, ["_coro", "_name"], base=40)
    assert reader.attribute(made.instance([1, 2]), "_name") == 2


def test_attributes_in_a_dict_at_an_offset_in_every_version(
    objects: FakeObjects, reader: ObjectReader
) -> None:
    # As futures and tasks in C have it up to 3.12.
    made = FakeClass(objects, ["_coro", "_name"], base=40, dict_offset=objects.layout.object_head + 16)
    assert reader.attribute(made.instance([1, 2]), "_name") == 2


def test_attributes_in_a_dict_behind_items(objects: FakeObjects, reader: ObjectReader) -> None:
    # As in classes derived from int or tuple: a negative offset counts from the end.
    made = FakeClass(objects, ["one", "two"], base=16, dict_offset=-8, item_size=4)
    for items, room in ((3, 16), (-3, 16), (4, 16), (5, 24)):
        # 4 bytes an item, rounded up to words, and the word of the dict is the last of the basic size.
        value = made.instance([1, 2], items=items, item_bytes=room)
        place = value + made.size + (abs(items) * 4 + 7 & -8) - 8
        objects.write(place, "<Q", make_names(objects, {"two": 77}))
        assert reader.attribute(value, "two") == 77


def test_a_table_of_keys_that_becomes_another_is_looked_at_again(
    objects: FakeObjects, reader: ObjectReader
) -> None:
    made = FakeClass(objects, ["a", "b"])
    one = made.instance([1, 2])
    assert reader.attribute(one, "b") == 2
    other = make_keys(objects, [(objects.text("b"), 0), (objects.text("a"), 0)])
    size = objects.base + len(objects.heap) - other
    begin, source = made.keys - objects.base, other - objects.base
    objects.heap[begin : begin + size] = objects.heap[source : source + size]
    assert reader.attribute(one, "b") == 1


@pytest.mark.parametrize(("text", "kind"), [("plain", 0), ("naïve", 1), ("ω", 2), ("🐍!", 4)])
def test_text_of_every_width(objects: FakeObjects, text: str, kind: int) -> None:
    assert read_text(objects.memory, objects.layout, objects.text(text, kind)) == text


@pytest.mark.parametrize(("text", "kind"), [("plain", 1), ("ω", 2), ("🐍!", 4)])
def test_text_of_classes_derived_from_str(objects: FakeObjects, text: str, kind: int) -> None:
    o = objects.layout
    codec = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[kind]
    data = objects.place(text.encode(codec))
    head = bytearray(o.compact_size + 8)
    struct.pack_into("<Q", head, o.unicode_length, len(text))
    struct.pack_into("<I", head, o.unicode_state, kind * (o.kind_mask // 7))
    struct.pack_into("<Q", head, o.compact_size, data)
    assert read_text(objects.memory, o, objects.place(bytes(head))) == text


# ---------------------------------------------------------------- garbage

HUGE = [1 << 60, (1 << 63) - 1, -(1 << 60), 1 << 40]


@pytest.mark.parametrize("size", HUGE)
def test_lengths_that_make_no_sense_are_refused(
    objects: FakeObjects, reader: ObjectReader, size: int
) -> None:
    o = objects.layout
    broken = _object(
        objects, 400, (o.object_size, size), (o.list_items, 8), (o.set_mask, size), (o.set_table, 8)
    )
    for read in (reader.list_items, reader.tuple_items, reader.set_entries):
        with pytest.raises((ObjectError, MemoryFault)):
            read(broken)
    number = _object(objects, 400, (o.object_size if o.long_tag is None else o.long_tag, size))
    with pytest.raises(ObjectError):
        reader.integer(number)
    keys = bytearray(o.keys_indices + 64)
    struct.pack_into("<q", keys, o.keys_count, size)
    with pytest.raises(ObjectError):
        list(reader.entries(objects.place(bytes(keys))))
    text = bytearray(o.compact_size + 8)
    struct.pack_into("<q", text, o.unicode_length, size)
    struct.pack_into("<I", text, o.unicode_state, o.kind_mask // 7 | o.compact_mask | o.ascii_mask)
    with pytest.raises((ObjectError, MemoryFault)):
        read_text(objects.memory, o, objects.place(bytes(text)))


def test_tables_of_indices_that_make_no_sense_are_refused(objects: FakeObjects, reader: ObjectReader) -> None:
    o = objects.layout
    keys = bytearray(o.keys_indices + 64)
    struct.pack_into("<Q", keys, o.keys_count, 1)
    if o.keys_size is not None:
        struct.pack_into("<Q", keys, o.keys_size, 1 << 60)
    else:
        assert o.keys_log2_bytes is not None
        keys[o.keys_log2_bytes] = 200
    with pytest.raises(ObjectError):
        list(reader.entries(objects.place(bytes(keys))))


def test_a_text_that_is_not_what_it_says_is_shown_escaped(objects: FakeObjects) -> None:
    o = objects.layout
    head = bytearray(o.ascii_size)
    struct.pack_into("<Q", head, o.unicode_length, 4)
    struct.pack_into("<I", head, o.unicode_state, o.kind_mask // 7 | o.compact_mask | o.ascii_mask)
    assert read_text(objects.memory, o, objects.place(bytes(head) + b"\xff\x1b\0a")).isprintable()
    lone = objects.text("\ud800x", 2)
    assert read_text(objects.memory, o, lone).isprintable()


def test_a_type_name_without_an_end_is_refused(objects: FakeObjects, reader: ObjectReader) -> None:
    o = objects.layout
    kind = _object(objects, o.heap_cached_keys + 8, (o.type_name, objects.place(b"\xee" * 300)))
    with pytest.raises(ObjectError):
        reader.type_name(_object(objects, 64, (o.object_type, kind)))


@given(
    version=st.sampled_from(list(ALL_LAYOUTS)),
    data=st.binary(min_size=8, max_size=64),
    place=st.floats(0, 1, exclude_max=True),
)
def test_garbage_gives_an_error_of_its_kind_or_a_value(version: str, data: bytes, place: float) -> None:
    layout: Layout = ALL_LAYOUTS[version]
    objects = FakeObjects(layout)
    reader = ObjectReader(objects.memory, layout)
    made = FakeClass(objects, ["a", "b"], base=16)
    value = made.instance([_int(objects, 5), _list(objects, [1])])
    spots = [value, made.address, made.keys, _set(objects, [(1, 1)] * 4), _int(objects, 7)]
    at = int(place * (len(objects.heap) - 64))
    objects.heap[at : at + len(data)] = data
    for spot in spots:
        for read in (
            reader.integer, reader.list_items, reader.tuple_items, reader.set_entries, reader.type_name,
            reader.items, reader.text,
            lambda spot: reader.attribute(spot, "b"), lambda spot: reader.item(spot, "b"),
        ):  # fmt: skip
            try:
                read(spot)
            except (ObjectError, MemoryFault):
                continue
