"""Tasks and await chains that cannot be: bounded work, and an end."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from fake_target import ALL_LAYOUTS, CODE_TYPE, FakeObjects

from livetop.cpython import coroutines as coroutines_module
from livetop.cpython.code import CodeReader
from livetop.cpython.coroutines import MAX_CHAIN, Chain, Coroutines
from livetop.cpython.layout import Layout
from livetop.cpython.objects import ObjectReader
from livetop.cpython.strings import ObjectError
from livetop.cpython.task_layouts import COROUTINES, TASKS, from_debug_offsets, moved
from livetop.cpython.task_lists import MAX_TASKS, TaskLists
from livetop.cpython.task_records import TaskRecords
from livetop.cpython.tasks import TaskInfo, awaiters_of
from livetop.cpython.threads import Interpreter
from livetop.cpython.type_names import TypeNames
from livetop.target.errors import MemoryFault

LAYOUTS = {name: layout for name, layout in ALL_LAYOUTS.items() if layout.version in COROUTINES}
U64 = struct.Struct("<Q")


class Heap(FakeObjects):
    """Coroutines and what they await, in memory."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.types = {name: self.type_called(name) for name in ("coroutine", "_asyncio.Future", "str", "int")}

    def type_called(self, name: str) -> int:
        o = self.layout
        at = self.place(bytes(o.type_dictoffset + 8))
        text = self.place(name.encode() + bytes(128))
        self.write(at + o.type_name, "<Q", text)
        return at

    def future(self) -> int:
        at = self.place(bytes(256))
        self.write(at + self.layout.object_type, "<Q", self.types["_asyncio.Future"])
        return at

    def coroutine(self) -> int:
        """One that is suspended in an await of nothing yet: see `awaits`."""
        o, c = self.layout, COROUTINES[self.layout.version]
        at = self.place(bytes(512))
        self.write(at + o.object_type, "<Q", self.types["coroutine"])
        code = self.code("works")
        suspended = max(c.suspended)
        if o.frames == "heap":
            frame, stack = self.place(bytes(512)), self.place(bytes(64))
            self.write(at + o.generator_frame, "<Q", frame)
            assert o.frame_state is not None
            self.write(frame + o.frame_state, "<b", suspended)
            self.write(frame + o.frame_instruction, "<i", 0)
            # The next opcode: YIELD_FROM.
            assert o.code_code is not None
            opcodes = self.bytes(bytes([0, 0, 72, 0]))
            self.write(code + o.code_code, "<Q", opcodes)
            if o.stack_kind == "pointer":
                self.write(frame + o.frame_stack, "<Q", stack + 16)
            else:
                self.write(frame + o.frame_values, "<Q", stack)
                self.write(frame + o.frame_stack, "<i", 2)
            self.write(frame + o.frame_code, "<Q", code)
            self.slots = getattr(self, "slots", {}) | {at: stack + 8}
            return at
        frame = at + o.generator_frame
        assert o.generator_state is not None
        self.write(at + o.generator_state, "<b", suspended)
        self.write(frame + o.frame_code, "<Q", code)
        instruction = code + o.code_adaptive
        # The next instruction: RESUME 3.
        self.write(instruction + 2, "<BB", 151, 3)
        self.write(frame + o.frame_instruction, "<Q", instruction)
        slot = frame + o.frame_values + 8
        if o.stack_kind == "pointer":
            self.write(frame + o.frame_stack, "<Q", slot + 8 * c.top)
        else:
            self.write(frame + o.frame_stack, "<i", 1 + c.top)
        self.slots = getattr(self, "slots", {}) | {at: slot}
        return at

    def awaits(self, coroutine: int, thing: int) -> None:
        self.write(self.slots[coroutine], "<Q", thing)

    def chains(self, roots: Sequence[int]) -> list[Chain]:
        types = TypeNames(self.memory, self.layout)
        codes = CodeReader(self.memory, self.layout, CODE_TYPE)
        reader = Coroutines(self.memory, self.layout, COROUTINES[self.layout.version], types, codes)
        return reader.chains(roots, 0.0)


@pytest.fixture(params=LAYOUTS, ids=str)
def heap(request: pytest.FixtureRequest) -> Heap:
    return Heap(LAYOUTS[request.param])


def test_a_chain_ends_at_what_is_no_coroutine(heap: Heap) -> None:
    outer, inner, future = heap.coroutine(), heap.coroutine(), heap.future()
    heap.awaits(outer, inner)
    heap.awaits(inner, future)
    (chain,) = heap.chains([outer])
    assert len(chain.links) == 2
    assert (chain.state, chain.end, chain.cut) == ("suspended", future, False)


def test_coroutines_that_await_each_other(heap: Heap) -> None:
    one, two, itself = heap.coroutine(), heap.coroutine(), heap.coroutine()
    heap.awaits(one, two)
    heap.awaits(two, one)
    heap.awaits(itself, itself)
    found = heap.chains([one, itself])
    assert [chain.cut for chain in found] == [True, True]
    assert all(len(chain.links) <= 3 for chain in found)


def test_a_chain_that_is_too_long(heap: Heap) -> None:
    coroutines = [heap.coroutine() for _ in range(MAX_CHAIN + 50)]
    for outer, inner in pairwise(coroutines):
        heap.awaits(outer, inner)
    (chain,) = heap.chains(coroutines[:1])
    assert chain.cut
    assert len(chain.links) == MAX_CHAIN


def test_all_chains_together_are_bounded(heap: Heap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coroutines_module, "MAX_LINKS", 200)
    coroutines = [heap.coroutine() for _ in range(30)]
    for outer, inner in pairwise(coroutines):
        heap.awaits(outer, inner)
    found = heap.chains(coroutines[:1] * 20)
    assert all(chain.cut for chain in found)
    assert sum(len(chain.links) for chain in found) == 200


def test_no_coroutines_at_all(heap: Heap) -> None:
    awaiting = heap.coroutine()
    heap.awaits(awaiting, 0x10)
    addresses = [0, 1, 0x7FFF_FFFF_FFFF_FFF8, (1 << 64) - 1, heap.future(), awaiting]
    found = heap.chains(addresses)
    assert [len(chain.links) for chain in found] == [0, 0, 0, 0, 0, 1]


def test_depths_that_no_stack_has(heap: Heap) -> None:
    o = heap.layout
    # Of those that have pointers, these are the lower half of them.
    for depth in (-(1 << 31), 0, (1 << 31) - 1):
        coroutine = heap.coroutine()
        frame = coroutine + o.generator_frame
        if o.frames == "heap":
            (frame,) = U64.unpack(heap.memory.read(frame, 8))
        heap.write(frame + o.frame_stack, "<i", depth)
        (chain,) = heap.chains([coroutine])
        assert len(chain.links) == 1


# ---------------------------------------------------------------------- lists and sets


class Endless:
    """Memory of which every word is the address of another one, so that no list comes to an end."""

    def __init__(self, step: int = 4096) -> None:
        self.step = step
        self.reads = 0

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        if not 0 < address < 1 << 47:
            raise MemoryFault(address, size)
        return (U64.pack(address + self.step) * (size // 8 + 1))[:size]

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        return [self.read(*region) for region in regions]


def lists_of(memory, layout: Layout) -> TaskLists:
    objects = ObjectReader(memory, layout)
    return TaskLists(memory, layout, objects)


def test_a_list_of_tasks_without_an_end() -> None:
    layout = LAYOUTS["3.14"]
    memory = Endless()
    lists = lists_of(memory, layout)
    (table,) = TASKS[layout.version]
    found = lists.find([Interpreter(0x10000, 0)], [0x20000], table)
    assert len(found) == MAX_TASKS
    assert not lists.whole
    assert memory.reads < 5 * MAX_TASKS


def test_a_list_of_tasks_that_leads_in_a_circle() -> None:
    heap = Heap(LAYOUTS["3.14"])
    (table,) = TASKS[heap.layout.version]
    assert table.head_of_thread is not None and table.node is not None
    thread = heap.place(bytes(4096))
    tasks = [heap.place(bytes(table.size)) for _ in range(3)]
    # Never back to the head.
    nodes = [task + table.node for task in tasks]
    for at, following in pairwise([thread + table.head_of_thread, *nodes, nodes[1]]):
        heap.write(at, "<Q", following)
    found = lists_of(heap.memory, heap.layout).find([], [thread], table)
    assert [task.address for task in found] == tasks
    assert {task.thread for task in found} == {thread}


@pytest.mark.parametrize("mask", [1 << 59, (1 << 60) - 1, 6, (1 << 64) - 1])
def test_sets_of_sizes_that_cannot_be(heap: Heap, mask: int) -> None:
    o = heap.layout
    address = heap.place(bytes(256))
    heap.write(address + o.set_mask, "<Q", mask)
    heap.write(address + o.set_table, "<Q", address)
    with pytest.raises((ObjectError, MemoryFault)):
        lists_of(heap.memory, o).members(address)


def test_a_set_larger_than_is_read() -> None:
    layout = LAYOUTS["3.12"]
    lists = lists_of(Endless(0), layout)
    # Every word of it is its own address: an object's head, a mask with holes.
    with pytest.raises(ObjectError):
        lists.members(0x12345678)


def test_a_list_of_sizes_that_cannot_be(heap: Heap) -> None:
    address = heap.place(bytes(256))
    heap.write(address + heap.layout.object_size, "<Q", 1 << 60)
    with pytest.raises(ObjectError):
        lists_of(heap.memory, heap.layout).items(address)


# ---------------------------------------------------------------------- names


def records_of(heap: Heap) -> TaskRecords:
    memory, layout = heap.memory, heap.layout
    objects = ObjectReader(memory, layout)
    types = TypeNames(memory, layout)
    return TaskRecords(memory, layout, objects, types, None)


def task_of(heap: Heap, name: int) -> int:
    layout = moved(TASKS[heap.layout.version][0], heap.layout.object_head)
    kind = heap.type_called("_asyncio.Task")
    heap.write(kind + heap.layout.type_basicsize, "<Q", layout.size)
    task = heap.place(bytes(layout.size))
    heap.write(task + heap.layout.object_type, "<Q", kind)
    heap.write(task + layout.coro, "<Q", heap.coroutine())
    heap.write(task + layout.name, "<Q", name)
    return task


def named(heap: Heap, text: str) -> int:
    at = heap.text(text)
    heap.write(at + heap.layout.object_type, "<Q", heap.types["str"])
    return at


def test_names(heap: Heap) -> None:
    tasks = [task_of(heap, named(heap, text)) for text in ("flush cache", "Task-17", "x" * 5000)]
    found = records_of(heap).read(tasks)
    assert [(one.name, one.number) for one in found if one] == [
        ("flush cache", 0),
        (None, 17),
        ("x" * 200, 0),
    ]


@pytest.mark.parametrize("length", [1 << 60, (1 << 64) - 1])
def test_names_of_lengths_that_cannot_be(heap: Heap, length: int) -> None:
    name = named(heap, "short")
    heap.write(name + heap.layout.unicode_length, "<Q", length)
    number = heap.place(bytes(256))
    heap.write(number + heap.layout.object_type, "<Q", heap.types["int"])
    o = heap.layout
    heap.write(number + (o.long_tag if o.long_tag is not None else o.object_size), "<Q", length)
    tasks = [task_of(heap, name), task_of(heap, number), task_of(heap, 0x10), task_of(heap, 0)]
    for record in records_of(heap).read(tasks):
        assert record is not None
        assert (record.name, record.number) == (None, 0)


def test_a_size_that_no_task_of_this_version_has() -> None:
    heap = Heap(LAYOUTS["3.10"])
    task = task_of(heap, named(heap, "a name"))
    (kind,) = U64.unpack(heap.memory.read(task + heap.layout.object_type, 8))
    heap.write(kind + heap.layout.type_basicsize, "<Q", 4242)
    assert records_of(heap).read([task]) == [None]


def test_offsets_that_cannot_be() -> None:
    good = (168, 136, 96, 108, 109, 128, 152, 225864, 10880, 936, 864, 872, 880)
    assert from_debug_offsets(struct.pack("<13Q", *good)) == TASKS[3, 14][0]
    for index, value in ((0, 1 << 60), (1, 0), (6, 4), (8, (1 << 64) - 1), (12, 1 << 40)):
        bad = [*good[:index], value, *good[index + 1 :]]
        assert from_debug_offsets(struct.pack("<13Q", *bad)) is None


# ---------------------------------------------------------------------- who awaits whom


def info(address: int, *awaited_by: int) -> TaskInfo:
    return TaskInfo(
        address, f"task {address}", True, "waiting", "works", [], "", 0, 0, 0, 0, awaited_by=[*awaited_by]
    )


def test_awaiters_are_told_innermost_first_however_they_await_each_other() -> None:
    infos = {1: info(1, 9, 2), 2: info(2, 3), 3: info(3, 1)}
    assert [task.address for task in awaiters_of(infos, 1)] == [1, 2, 3]
    chain = {number: info(number, number + 1) for number in range(1, 1000)}
    assert len(awaiters_of(chain, 1, 8)) == 8
    assert awaiters_of(infos, 77) == []
