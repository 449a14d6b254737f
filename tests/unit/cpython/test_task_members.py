"""Containers that many tasks wait for: read once a look, and told of within bounds."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import pytest
from fake_target import ALL_LAYOUTS, FakeObjects

from livetop.cpython.objects import ObjectReader
from livetop.cpython.strings import ObjectError
from livetop.cpython.task_lists import MAX_TASKS, TaskLists
from livetop.cpython.task_members import MAX_MEMBERS, TaskMembers
from livetop.cpython.task_waits import TaskWaits
from livetop.target.errors import MemoryFault

LAYOUT = ALL_LAYOUTS["3.12"]


class Heap(FakeObjects):
    def __init__(self) -> None:
        super().__init__(LAYOUT)
        self.members = TaskMembers(TaskLists(self.memory, LAYOUT, ObjectReader(self.memory, LAYOUT)))

    def set_of(self, count: int, slots: int) -> int:
        entries = b"".join(struct.pack("<QQ", index + 1, 7) for index in range(count))
        table = self.place(entries.ljust(16 * slots, b"\0"))
        at = self.place(bytes(256))
        # fill, used, mask
        self.write(at + LAYOUT.set_mask - 16, "<QQQ", count, count, slots - 1)
        self.write(at + LAYOUT.set_table, "<Q", table)
        return at

    def list_of(self, count: int) -> int:
        items = self.place(struct.pack(f"<{count}Q", *range(1, count + 1)) + bytes(8))
        at = self.place(bytes(256))
        self.write(at + LAYOUT.object_size, "<Q", count)
        self.write(at + LAYOUT.list_items, "<Q", items)
        return at


def test_what_several_wait_for_is_read_once_a_look() -> None:
    heap = Heap()
    a_set, a_list = heap.set_of(3, 8), heap.list_of(4)
    assert heap.members.of_set(a_set) == (3, (1, 2, 3))
    assert heap.members.of_list(a_list) == (4, (1, 2, 3, 4))
    reads = heap.memory.reads
    for _ in range(100):
        assert heap.members.of_set(a_set).total == 3
        assert heap.members.of_list(a_list).addresses == (1, 2, 3, 4)
    assert heap.memory.reads == reads
    heap.write(a_list + LAYOUT.object_size, "<Q", 2)
    heap.members.forget()
    assert heap.members.of_list(a_list) == (2, (1, 2))


def test_of_many_that_wait_for_many_only_how_many_is_told() -> None:
    heap = Heap()
    shared = heap.list_of(10_000)
    found = [heap.members.of_list(shared) for _ in range(1000)]
    assert {one.total for one in found} == {10_000}
    told = sum(len(one.addresses) for one in found)
    assert MAX_MEMBERS - 20_000 <= told <= MAX_MEMBERS
    # No more is read of another one either.
    another = heap.set_of(15_000, 1 << 15)
    heap.memory.reads = 0
    assert heap.members.of_set(another) == (15_000, ())
    assert heap.memory.reads == 1
    heap.members.forget()
    assert len(heap.members.of_set(another).addresses) == 15_000


def test_large_sets_of_few_are_not_all_read() -> None:
    heap = Heap()
    sparse = [heap.set_of(1, 1 << 15) for _ in range(80)]
    found = [heap.members.of_set(one) for one in sparse]
    assert {one.total for one in found} == {1}
    assert 0 < sum(len(one.addresses) for one in found) <= 8 * MAX_MEMBERS >> 15


def test_a_list_of_more_than_are_looked_at() -> None:
    heap = Heap()
    found = heap.members.of_list(heap.list_of(MAX_TASKS + 5))
    assert (found.total, len(found.addresses)) == (MAX_TASKS + 5, MAX_TASKS)


def test_no_containers() -> None:
    heap = Heap()
    broken = heap.set_of(3, 8)
    heap.write(broken + LAYOUT.set_mask - 8, "<Q", 1 << 40)
    with pytest.raises(ObjectError):
        heap.members.of_set(broken)
    with pytest.raises(MemoryFault):
        heap.members.of_list(0x10)


def test_tasks_that_wait_for_the_same_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = Heap()
    objects = ObjectReader(heap.memory, LAYOUT)
    children = heap.list_of(4)
    monkeypatch.setattr(objects, "attribute", lambda *_: children)
    lists = TaskLists(heap.memory, LAYOUT, objects)
    reads: list[int] = []
    items = lists.items
    monkeypatch.setattr(lists, "items", lambda at: reads.append(at) or items(at))
    types = SimpleNamespace(lineage=lambda kind: ("_GatheringFuture", "_asyncio.Future"))
    waits = TaskWaits(heap.memory, LAYOUT, objects, types, None, lists, None)
    for look in (1, 2):
        waits.forget()
        for _ in range(50):
            assert waits.of(0x1000, 0x2000, [], []) == ("gather of 4", (1, 2, 3, 4))
        assert len(reads) == look
