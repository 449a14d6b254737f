"""Greenlets among the objects of the garbage collector."""

from __future__ import annotations

import struct
from itertools import pairwise

from fake_target import ALL_LAYOUTS, FakeObjects

from livetop.cpython.greenlet_search import GREENLET, GreenletSearch
from livetop.cpython.threads import Interpreter
from livetop.cpython.type_names import TypeNames

HEAD = 16
BEFORE_FLAG = 176
U64 = struct.Struct("<Q")


def test_greenlets_behind_objects_of_more_types_than_are_kept() -> None:
    layout = ALL_LAYOUTS["3.12"]
    objects = FakeObjects(layout)
    size = layout.type_flags + 96
    count = 3000
    # One segment, as the reads of a fake memory go through all of them.
    names = objects.place(b"Some\0".ljust(128, b"\0") + GREENLET.encode().ljust(128, b"\0"))
    types = bytearray(size * (count + 1))
    for index in range(count + 1):
        U64.pack_into(types, size * index + layout.type_name, names + (128 if index == count else 0))
    kinds = objects.place(bytes(types))
    width = HEAD + 32
    heap = objects.place(bytes(width * (count + 1)))
    nodes = [heap + width * index for index in range(count + 1)]
    for index, node in enumerate(nodes):
        objects.write(node + HEAD + layout.object_type, "<Q", kinds + size * index)
    lists = objects.place(bytes(512))
    flag = lists + BEFORE_FLAG
    for node, following in pairwise([lists, *nodes, lists]):
        objects.write(node, "<Q", following)
    for empty in (24, 48, 80):
        objects.write(lists + empty, "<Q", lists + empty)
    search = GreenletSearch(objects.memory, layout, TypeNames(objects.memory, layout))
    assert search.advance([Interpreter(0x1000, 0, flag)], 60)
    assert search.found == {nodes[-1] + HEAD}
