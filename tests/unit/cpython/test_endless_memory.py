"""Memory in which every pointer leads on, to itself or far too far: readers end, having asked for little."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat

import pytest
from damaged import ImageRead
from fake_target import ALL_LAYOUTS
from whole_readers import ASKED, LARGEST, READS, one_stack, read_all

from livetop.cpython.checks import THREAD_INTERPRETER
from livetop.cpython.code import CodeReader
from livetop.cpython.layout import Layout
from livetop.cpython.native_ids import NativeIds
from livetop.cpython.objects import ObjectReader
from livetop.cpython.outcome import Outcome
from livetop.cpython.readers import make_reader, make_shape
from livetop.cpython.runtime import Identity, Runtime
from livetop.cpython.strings import ObjectError
from livetop.cpython.threads import MAX_INTERPRETERS, MAX_THREADS, read_interpreters, read_threads
from livetop.cpython.tree import Place, StackTree
from livetop.target.errors import MemoryFault
from livetop.target.memory import MAX_READ

RUNTIME = 1 << 32
# Each word has the address of what lies so far behind it: 0 is itself. None: a length of 2^60.
STEPS = (512, 0, None)
FAMILIES = ("3.8", "3.12", "3.15t")


class Endless:
    """`Memory` that goes on for ever; `words` tells what so many words from an address on are."""

    def __init__(self, words: Callable[[int, int], Iterable[int]]) -> None:
        self._words = words
        self.reads = self.asked = self.largest = 0

    def read(self, address: int, size: int) -> bytes:
        """As `Memory.read`."""
        self.reads += 1
        return self._read(address, size)

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """As `Memory.read_many`."""
        self.reads += 1
        found: list[bytes | None] = []
        for address, size in regions:
            try:
                found.append(self._read(address, size))
            except MemoryFault:
                found.append(None)
        return found

    def _read(self, address: int, size: int) -> bytes:
        if not (0 < address < 1 << 62 and 0 <= size <= MAX_READ):
            raise MemoryFault(address, size)
        self.asked += size
        self.largest = max(self.largest, size)
        assert self.reads < READS, "read for ever"
        assert self.asked < ASKED, "memory without end"
        first = address & -8
        count = (address + size - first + 7) // 8
        data = array("Q", self._words(first, count)).tobytes()
        return data[address - first : address - first + size]


def endless(step: int | None) -> Endless:
    if step is None:
        return Endless(lambda at, count: repeat(1 << 60, count))
    return Endless(lambda at, count: range(at + step, at + step + 8 * count, 8))


def bounded(memory: Endless) -> bool:
    return memory.reads < READS and memory.asked < ASKED and memory.largest <= LARGEST


@pytest.fixture(params=FAMILIES)
def layout(request: pytest.FixtureRequest) -> Layout:
    return ALL_LAYOUTS[request.param]


@pytest.mark.parametrize("step", STEPS)
def test_a_runtime_that_leads_on_and_on(layout: Layout, step: int | None) -> None:
    memory = endless(step)
    runtime = Runtime(RUNTIME, layout, Identity("", "release", True), None)
    read_all(memory, runtime, [1, 2, 3], None)
    assert bounded(memory)


@pytest.mark.parametrize("step", [512, None])
def test_a_stack_that_leads_on_and_on(layout: Layout, step: int | None) -> None:
    memory = endless(step)
    tree = StackTree(CodeReader(memory, layout, None))
    reader = make_reader(memory, make_shape(layout), tree, RUNTIME)
    for double in (False, True):
        outcome = one_stack(reader, ImageRead(memory), double)
        assert type(outcome) in (Outcome, Place)
    assert bounded(memory)


def test_a_million_thread_states_in_no_end_of_interpreters(layout: Layout) -> None:
    """All of what a list of threads is checked by is right; there is only too much of everything."""
    size = 1 << 24

    def word(at: int) -> int:
        # Interpreters lie one behind the other, each with the threads of its own at its upper end.
        index, offset = divmod(at - RUNTIME, size)
        interpreter = RUNTIME + index * size
        thread, field = divmod(offset - size // 2, 1024)
        if thread < 0:
            if offset == layout.threads_head:
                return interpreter + size // 2
            return interpreter + size
        if field == layout.thread_next:
            return interpreter + size // 2 + (thread + 1) * 1024
        return interpreter if field == THREAD_INTERPRETER else thread + 1

    memory = Endless(lambda at, count: map(word, range(at, at + 8 * count, 8)))
    runtime = Runtime(RUNTIME, layout, Identity("", "release", True), None)
    interpreters = read_interpreters(memory, runtime)
    assert len(interpreters) == MAX_INTERPRETERS
    # So many are taken of one at most, as of all of them together: what a caller leaves is for the next one.
    ids = NativeIds(memory, lambda: [1, 2, 3])
    found, whole = read_threads(memory, runtime, interpreters[0], {}, ids)
    assert len(found) <= MAX_THREADS // 2
    assert not whole
    assert bounded(memory)


@pytest.mark.parametrize("layout", ALL_LAYOUTS.values(), ids=ALL_LAYOUTS)
@pytest.mark.parametrize("step", STEPS)
def test_objects_that_are_none(layout: Layout, step: int | None) -> None:
    memory = endless(step)
    objects = ObjectReader(memory, layout)
    readers: list[Callable[[int], object]] = [
        objects.text,
        objects.integer,
        objects.type_name,
        objects.list_items,
        objects.tuple_items,
        objects.set_entries,
        objects.items,
        lambda at: list(objects.entries(at)),
        lambda at: objects.item(at, "name"),
        lambda at: objects.attribute(at, "name"),
        lambda at: objects.module_attribute(at, "module", "name"),
        lambda at: CodeReader(memory, layout, None).get(at, 0.0),
    ]
    for read in readers:
        with contextlib.suppress(ObjectError, MemoryFault):
            read(RUNTIME)
    assert bounded(memory)
