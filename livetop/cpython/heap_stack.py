"""One thread's Python stack where frames are objects on the heap: CPython 3.6 to 3.10.

The same protocol as `StackReader` (see `readers.Reader`). The rule for samples of a running thread is
stricter than there: no frame lies in a block of memory with its callers that could be compared as a whole.
"""

from __future__ import annotations

import struct

from livetop.target.memory import Memory

from .fetching import Fetching
from .heap_regions import HeapRegions, HeapShape
from .limit import WHOLE, Limit, more_callers
from .outcome import EMPTY, MISS, TORN, Outcome
from .tree import Place, StackTree

# So many frames more than the stack has are read for a while, before they are left out.
_SLACK = 200
_PATIENCE = 50
# So many samples in a row are rejected for frames that may be another thread's by now.
_RESTLESS = 10
# A caller that moved on spoils the comparison for all frames inside it: try so many further out.
_MAX_TRIES = 6

_U64 = struct.Struct("<Q")


class HeapReader(HeapRegions, Fetching):
    """Reads the stack of one thread state. Of the last one parsed it keeps

    - `depth`, the number of frames;
    - `instruction`, the address of the innermost frame's instruction, 0 when there is none;
    - `mark`, which is 0: these versions leave none on the C stack.
    """

    __slots__ = (
        "_again", "_first", "_idle", "_index", "_leaf", "_moving", "_order", "_root", "_running", "_tree",
        "depth",
        "instruction", "mark",
    )  # fmt: skip

    def __init__(
        self, memory: Memory, shape: HeapShape, tree: StackTree, address: int, limit: Limit = WHOLE
    ) -> None:
        # What the last walk saw: the heads that change least, outermost first, those of them that are read
        # twice as the second copy has them (None until it is needed), and for each caller (its place, its
        # number from the outermost on, where the part of these heads ends that holds it and all its callers).
        self._first: bytearray | None = None
        self._again: bytearray | None = None
        self._index: dict[int, tuple[Place, int, int]] = {}
        self._order: list[int] = []
        # Samples in a row for which much more was read than there was.
        self._idle = 0
        # The innermost frame, and what runs of all that was read, of the last sample that was accepted.
        self._leaf = 0
        self._running: bytearray | None = None
        # Samples in a row that were rejected because some frame was entered or left.
        self._moving = 0
        self._tree = tree
        self._root = tree.root
        self.depth = self.instruction = self.mark = 0
        super().__init__(memory, shape, address, limit)

    def lay_out(self, *, follow: bool = True) -> bool:
        """Find out where the stack lies now; see `HeapRegions.lay_out`."""
        self.forget()
        return super().lay_out(follow=follow)

    def forget(self) -> None:
        """Parse the next sample whole."""
        self._first = self._again = self._running = None
        self._index = {}
        self._order = []
        self._idle = 0
        self._root = self._tree.root

    def covers(self, buffer: bytearray, base: int) -> bool:
        """Whether what was read has all frames: a quick look, before a thread runs on."""
        slots, unpack = self._slots, _U64.unpack_from
        (frame,) = unpack(buffer, base + self._heads)
        steady = self._steady
        unchanged = self._unchanged(buffer, base, False, steady)
        for _ in slots:
            if not frame or frame == self._cut:
                break
            slot = slots.get(frame)
            if slot is None:
                self._missing = frame
                return False
            if unchanged and frame in self._index and slot[2] <= steady:
                break
            (frame,) = unpack(buffer, base + slot[0])
        return True

    def parse(self, buffer: bytearray, base: int, double: bool) -> Place | Outcome:
        """Turn what was read (at `base` of `buffer`) into a place in the stack tree, or say why not.

        With `double`, both copies must agree on the innermost frame, on what code it runs, on every byte of
        the heads of its next callers, and on which frames run, of the stack and of those that were on it a
        moment ago: all of the stack must, and nothing else that one of its frames has called. A frame that
        was not marked yet, or not any more, is not believed. Where the innermost frame stands within its
        code is taken from the first copy, made right before the thread state was seen.
        """
        shape = self._shape
        unpack, size = shape.frame.unpack_from, shape.size
        at = base + self._heads
        (frame,) = _U64.unpack_from(buffer, at)
        again = at + 8 + self._far
        if double and buffer[at : at + 8] != buffer[again : again + 8]:
            return TORN
        self.instruction = 0
        same = frame == self._leaf
        self._leaf = frame
        if not frame:
            self.depth = 0
            return EMPTY
        if self._root is not self._tree.root:
            self.forget()
        slots, index = self._slots, self._index
        slot = slots.get(frame)
        if slot is None:
            return MISS
        states: bytearray | None = None
        back, code, last, state = unpack(buffer, base + slot[0])
        if double:
            if not slot[1]:
                # It was far out when all was laid out, and is to be read twice now.
                return MISS
            back2, code2, _, state2 = unpack(buffer, base + slot[1])
            if back2 != back or code2 != code or state2 not in shape.alive or state not in shape.alive:
                return TORN
            states = buffer[base + shape.state_at : at : size]
            if buffer[base + self.size + shape.state_at - size : again + 7 : -size] != states:
                return self._moved()
        innermost, instruction = code, code + last * shape.unit

        # From the innermost frame's caller out to one whose own callers have not changed.
        steady = self._steady
        whole = self._unchanged(buffer, base, double, steady)
        tries = _MAX_TRIES if self._first is not None else 0
        frames: list[tuple[int, int, int, int]] = []
        place, kept = self._tree.root, 0
        while back:
            slot = slots.get(back)
            if slot is None:
                if back != self._cut:
                    return MISS
                place = more_callers(self._tree)
                break
            known = index.get(back)
            if known is not None and known[2] <= steady and known[0].code_address >= 0:
                if whole or (tries and self._unchanged(buffer, base, double, known[2])):
                    place, kept = known[0], known[1]
                    break
                tries -= tries > 0
            frame, head = back, base + slot[0]
            back, code, last, state = unpack(buffer, head)
            if double:
                again = base + slot[1]
                if slot[1] and buffer[head : head + size] != buffer[again : again + size]:
                    return TORN
                if state not in shape.alive:
                    return TORN
            frames.append((frame, code, code + last * shape.unit, slot[2]))
            if len(frames) > len(slots):
                # The same frame twice is a chain that was being changed.
                return TORN
        else:
            self._cut = 0
        depth = self.depth = kept + len(frames) + 1
        if not (self._limit.least if self._cut else 0) <= depth <= self._limit.most:
            return MISS
        if len(slots) - depth > _SLACK:
            self._idle += 1
            if self._idle > _PATIENCE:
                return MISS
        if frames:
            outer = self._enter(frames, place, kept)
            if outer is None:
                self.forget()
                return TORN
            place = outer
            if not whole:
                self._first = self._heads_of(buffer, base)
                self._again = None
        if states is not None and (frames or not same or states != self._running):
            if self._contradicted(buffer, base):
                self._running = None
                return self._moved()
            self._running = states
        inner = place.children.get(instruction)
        if inner is None or inner.code_address != innermost:
            inner = self._tree.enter(place, innermost, instruction)
            if inner is None:
                return TORN
        assert inner.code is not None
        self.instruction = inner.code.opcodes + instruction - innermost
        self._moving = 0
        return inner

    def _moved(self) -> Outcome:
        """Frames were entered or left meanwhile.

        Or something else has got the memory of some that are not on the stack: they are left out in the end.
        """
        self._moving += 1
        self._afresh = self._moving > _RESTLESS
        return MISS if self._afresh else TORN

    def _contradicted(self, buffer: bytearray, base: int) -> bool:
        """Whether a frame that is not on the stack runs, and was called by one that is.

        That one has called two at once: it was read at another instant. Frames of other threads and of parked
        greenlets run, too, but have other callers.
        """
        shape = self._shape
        unpack, alive = shape.frame.unpack_from, shape.alive
        stack = {self._leaf, *self._order[: self.depth - 1]}
        for frame, slot in self._slots.items():
            if slot[1] and frame not in stack and buffer[base + slot[0] + shape.state_at] in alive:
                back, *_ = unpack(buffer, base + slot[0])
                if back in stack:
                    return True
        return False

    def _heads_of(self, buffer: bytearray, base: int) -> bytearray:
        """The heads that change least, outermost first, from the first copy."""
        far = base + self._heads + 8
        base += self._others
        near = buffer[base : base + self._steady - self._far]
        return buffer[far : far + self._far] + near if self._far else near

    def _unchanged(self, buffer: bytearray, base: int, double: bool, length: int) -> bool:
        """Whether so many bytes of the heads that change least are what they were, in both copies."""
        first, far = self._first, self._far
        if first is None:
            return False
        if far:
            at, size = base + self._heads + 8, min(far, length)
            if buffer[at : at + size] != first[:size]:
                return False
        near = length - far
        if near <= 0:
            return True
        at = base + self._others
        if buffer[at : at + near] != (first[far:length] if far or length < len(first) else first):
            return False
        if not double:
            return True
        again = self._again
        if again is None:
            size = self._shape.size
            heads = range(self._steady - size, far - 1, -size)
            again = self._again = bytearray().join([first[at : at + size] for at in heads])
        end = base + self.size - self._others
        return buffer[end - near : end] == (again if near == len(again) else again[-near:])

    def _enter(self, frames: list[tuple[int, int, int, int]], place: Place, kept: int) -> Place | None:
        """The place of the innermost of these frames (innermost first: address, code, instruction, end).

        They were called from `place`, which is that of the frame before number `kept`.
        """
        index, order, tree = self._index, self._order, self._tree
        # Frames that are no longer there must not be found again.
        for gone in order[kept:]:
            del index[gone]
        del order[kept:]
        end = index[order[-1]][2] if order else 0
        for frame, code, instruction, head_end in reversed(frames):
            if frame in index:
                return None
            inner = place.children.get(instruction)
            if inner is None or inner.code_address != code:
                inner = tree.enter(place, code, instruction)
                if inner is None:
                    return None
            place = inner
            end = max(end, head_end)
            order.append(frame)
            index[frame] = (place, len(order), end)
        return place

    def frames(self) -> list[int]:
        """Addresses of the frames of the stack that was parsed last, innermost first."""
        callers = self._order[: self.depth - 1]
        callers.reverse()
        return [self._leaf, *callers]

    def runs(self, buffer: bytearray | bytes, base: int) -> list[tuple[int, int]]:
        """The evaluation loops of the stack that was parsed last: one a frame, without marks."""
        return [(0, 1)] * self.depth

    def instructions(self, buffer: bytearray | bytes, base: int) -> list[int]:
        """None: these versions know no columns."""
        return []
