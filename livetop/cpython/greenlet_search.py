"""Finding greenlets: there is no list of them, but the garbage collector has all objects in lists.

Modules/gcmodule.c, Python/gc.c: each object that may be part of a cycle has a PyGC_Head before it, in a
doubly linked list a generation. The lists are long, and the program changes them, so they are walked a part
at a time; what is behind a place that was lost is left for the next round.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from time import monotonic

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .threads import Interpreter
from .type_names import TypeNames

GREENLET = "greenlet.greenlet"
MAX_GREENLETS = 5_000
"""Greenlets of one process that are looked at."""

# How far before the flag of a running collection the first generation is (offsetof() of the headers).
_BEFORE_FLAG = {
    (3, 8): 176,
    (3, 9): 176,
    (3, 10): 176,
    (3, 11): 176,
    (3, 12): 176,
    (3, 13): 176,
    (3, 14): 168,
    (3, 15): 104,
}
# Behind it the other generations, and the one of gc.freeze(): up to 3.13 there is a pointer before that.
_GENERATIONS = (0, 24, 48)
_PERMANENT = {(3, 14): 72, (3, 15): 72}
_PERMANENT_BEFORE = 80

_GC_HEAD = 16
_LINK = ~3
_BLOCK = 16 << 10
_MAX_BLOCKS = 2048
# Objects of one list, after which it is taken to be garbage.
_MAX_OBJECTS = 50_000_000
# Objects between two looks at the clock.
_STRIDE = 500
_U64 = struct.Struct("<Q")


class _Objects:
    """Heads of objects, read in large pieces, as objects lie beside each other."""

    def __init__(self, memory: Memory, type_at: int) -> None:
        self._memory = memory
        self._blocks: dict[int, bytes] = {}
        # (link to the next object, type)
        self._head = struct.Struct(f"<Q{type_at - 8}xQ")

    def forget(self) -> None:
        """What was read is old now."""
        self._blocks.clear()

    def head(self, node: int) -> tuple[int, int]:
        """(next node, type) of the object whose PyGC_Head this is; (0, 0) where there is none."""
        start = node & -_BLOCK
        block = self._blocks.get(start)
        if block is None:
            block = self._read(start)
        try:
            found: tuple[int, int] = self._head.unpack_from(block, node - start)
        except struct.error:
            # At the end of a block, or of what is mapped.
            try:
                found = self._head.unpack(self._memory.read(node, self._head.size))
            except MemoryFault:
                return 0, 0
        return found

    def _read(self, start: int) -> bytes:
        if len(self._blocks) >= _MAX_BLOCKS:
            self._blocks.clear()
        try:
            block = self._memory.read(start, _BLOCK)
        except MemoryFault:
            block = b""
        self._blocks[start] = block
        return block

    def follows(self, before: int, node: int) -> bool:
        """Whether a node is still behind another one."""
        try:
            return bool(_U64.unpack(self._memory.read(before, 8))[0] & _LINK == node)
        except MemoryFault:
            return False


class GreenletSearch:
    """Finds the greenlets of one process, a part of the search at a time. `found` are their addresses.

    `rounds` counts how often all lists were walked to their ends.
    """

    def __init__(self, memory: Memory, layout: Layout, types: TypeNames) -> None:
        self._objects = _Objects(memory, _GC_HEAD + layout.object_type)
        self._types = types
        version = layout.version
        self._generations: tuple[int, ...] = ()
        if version in _BEFORE_FLAG and not layout.free_threaded:
            before = _BEFORE_FLAG[version]
            offsets = (*_GENERATIONS, _PERMANENT.get(version, _PERMANENT_BEFORE))
            self._generations = tuple(offset - before for offset in offsets)
        self.found: set[int] = set()
        self.rounds = 0
        self._seen: set[int] = set()
        self._walk: Iterator[bool] | None = None

    @property
    def possible(self) -> bool:
        """Whether this version has such lists: builds without a GIL have none."""
        return bool(self._generations)

    @property
    def whole(self) -> bool:
        """Whether the last round found all there are."""
        return len(self.found) < MAX_GREENLETS

    def advance(self, interpreters: Iterable[Interpreter], seconds: float) -> bool:
        """Search on for about so long; True when a round is complete."""
        if not self._generations:
            return True
        deadline = monotonic() + seconds
        self._objects.forget()
        if self._walk is None:
            self._seen = set()
            flags = [one.collecting for one in interpreters if one.collecting]
            self._walk = self._lists([flag + at for flag in flags for at in self._generations])
        for _ in self._walk:
            if monotonic() >= deadline:
                return False
        self._walk = None
        self.rounds += 1
        self.found = self._seen
        return True

    def _lists(self, heads: list[int]) -> Iterator[bool]:
        """Walk all lists; yields now and then."""
        objects, seen = self._objects, self._seen
        kinds: dict[int, bool] = {}
        for list_head in heads:
            before, node = list_head, objects.head(list_head)[0] & _LINK
            for count in range(1, _MAX_OBJECTS):
                if not node or node == list_head or len(seen) >= MAX_GREENLETS:
                    break
                if not count % _STRIDE:
                    yield True
                    if not objects.follows(before, node):
                        # It is not there any more: what comes behind is found in the next round.
                        break
                following, kind = objects.head(node)
                wanted = kinds.get(kind)
                if wanted is None:
                    # All types of the program are looked at here, which may be many.
                    if self._types.full:
                        self._types.forget()
                    wanted = kinds[kind] = GREENLET in self._types.lineage(kind)
                if wanted:
                    seen.add(node + _GC_HEAD)
                before, node = node, following & _LINK
