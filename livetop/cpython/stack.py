"""One thread's Python stack, from what was read of it to a place in the stack tree.

A sample of a running thread is accepted when two copies agree in everything but where the innermost frame
stands: see `StackReader.parse`. What the last sample learned is used again: the part of the stack whose
bytes have not changed is not parsed again.
"""

from __future__ import annotations

from livetop.target.memory import Memory
from livetop.target.vectored import VectoredRead

from .regions import FRAME, MAX_DEPTH, Shape, StackRegions
from .tree import Place, StackTree

# Read less again when a deep stack has become shallow by this much.
_SLACK = 8192
_BLANK = bytes(FRAME)
# enum _frameowner (pycore_frame.h), the same in 3.11 to 3.13.
_OWNED_BY_GENERATOR = 1
# A caller that moved on spoils the comparison for all frames inside it: try so many further out.
_MAX_TRIES = 6


class Outcome:
    """Why there is no stack: shared markers, compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


TORN = Outcome("torn")
"""The two copies differ: the thread moved while it was read."""
MISS = Outcome("miss")
"""The stack has grown beyond what was read, or lies elsewhere now: lay out and read again."""
EMPTY = Outcome("empty")
"""The thread runs no Python frame."""
UNKNOWN = Outcome("unknown")
"""A code object of the stack was not seen before and must not be read now: parse again later."""


class StackReader(StackRegions):
    """Reads the stack of one thread state; `depth` is that of the last one."""

    __slots__ = ("_index", "_older_bytes", "_order", "_prefix", "_root", "_tree", "depth")

    def __init__(self, memory: Memory, shape: Shape, tree: StackTree, address: int) -> None:
        # What the last walk saw: the bytes of all callers, and for each of its frames
        # (bytes that hold all its callers, their place, their number, the frame's `previous`).
        self._prefix: bytearray | None = None
        self._older_bytes: bytearray | None = None
        self._index: dict[int, tuple[int, Place, int, int]] = {}
        self._order: list[int] = []
        self._tree = tree
        self._root = tree.root
        self.depth = 0
        super().__init__(memory, shape, address)

    def lay_out(self) -> bool:
        """Find out where the stack lies now; see `StackRegions.lay_out`."""
        self.forget()
        return super().lay_out()

    def forget(self) -> None:
        """Parse the next sample whole."""
        self._prefix = None
        self._index = {}
        self._order = []
        self._root = self._tree.root

    def read_single(self, read: VectoredRead) -> bool:
        """Fetch one copy now, for a thread that stands still; False when an address was bad."""
        read.lay_out(self.single, self.single_size)
        return read.run()

    def read_double(self, read: VectoredRead) -> bool:
        """Fetch two copies now; False when an address was bad."""
        read.lay_out(self.regions, self.size)
        return read.run()

    def parse(self, buffer: bytearray, base: int, double: bool) -> Place | Outcome:
        """Turn what was read (at `base` of `buffer`) into a place in the stack tree, or say why not.

        With `double`, both copies must agree on the thread state and on every byte of the stack below
        the innermost frame, and on which code that frame runs; where it stands within that code is
        taken from the first copy, which the thread state brackets.
        """
        shape = self._shape
        unpack = shape.frame.unpack_from
        second = base + self._copy
        size = shape.state_size
        state = buffer[base : base + size]
        pointers = shape.state_struct.unpack(state)
        # Counters that may change lie between the pointers, so a difference is not yet a torn read.
        if (
            double
            and buffer[second : second + size] != state
            and pointers != shape.state_struct.unpack_from(buffer, second)
        ):
            return TORN
        leaf, chunk, top = pointers
        if shape.through_cframe:
            slot = self._cframes.get(leaf + shape.layout.current_frame)
            if slot is None:
                return MISS
            (leaf,) = shape.cframe_struct.unpack_from(buffer, base + slot)
            if double and shape.cframe_struct.unpack_from(buffer, second + slot)[0] != leaf:
                return TORN
        if not leaf:
            self.depth = 0
            return EMPTY
        if chunk != self._chunk or self._chunk_end - top > _SLACK:
            return MISS
        low, end = self._chunk, self._chunk_end
        start = base + self._known_at
        if low <= leaf <= end - FRAME:
            slot = 0
            at = stop = base + self._chunk_at + leaf - low
        else:
            slot = self._extras.get(leaf, 0)
            if not slot:
                return MISS
            at = base + slot
            stop = base + self._chunk_at + min(max(top, low), end) - low
        code, previous, instruction, owner = unpack(buffer, at)
        below = buffer[start:stop]
        if slot:
            # What the innermost frame does must not make its callers look changed.
            below[at - start : at - start + FRAME] = _BLANK
        if double:
            code2, previous2, _, owner2 = unpack(buffer, at + self._copy)
            if code2 != code or previous2 != previous or owner2 != owner:
                return TORN
            again = buffer[start + self._copy : stop + self._copy]
            if slot:
                again[at - start : at - start + FRAME] = _BLANK
            if again != below:
                return TORN
        older = None
        if self._older:
            older = buffer[base + self._older_at : base + self._older_at + self._older_size]

        if self._root is not self._tree.root:
            self.forget()
        # The callers are the same bytes as last time: only the innermost frame has to be looked at.
        if below == self._prefix and older == self._older_bytes:
            known = self._index.get(leaf)
            if known is not None and known[3] == previous:
                _, parent, depth, _ = known
                if owner >= shape.hidden:
                    self.depth = depth
                    return parent
                self.depth = depth + 1
                place = parent.children.get(instruction)
                if place is not None and place.code_address == code & ~3:
                    return place
                if self._tree.held:
                    return UNKNOWN
                return self._tree.enter(parent, code & ~3, instruction) or TORN
        return self._walk(buffer, base, leaf, code, previous, instruction, owner, below, older)

    def _walk(
        self,
        buffer: bytearray,
        base: int,
        leaf: int,
        code: int,
        previous: int,
        instruction: int,
        owner: int,
        below: bytearray,
        older: bytearray | None,
    ) -> Place | Outcome:
        """Go from the innermost frame out to a caller whose own callers have not changed, then in again."""
        shape, tree = self._shape, self._tree
        unpack, hidden = shape.frame.unpack_from, shape.hidden
        low, end, chunk_at = self._chunk, self._chunk_end - FRAME, base + self._chunk_at
        extras, index, order = self._extras, self._index, self._order
        prefix = self._prefix if older == self._older_bytes else None
        place, depth, kept, tries = tree.root, 0, 0, _MAX_TRIES
        frames: list[tuple[int, int, int, int, int]] = []
        frame = leaf
        while True:
            frames.append((frame, code, previous, instruction, owner))
            if prefix is not None and low <= frame <= end:
                known = index.get(frame)
                if known is not None and known[3] == previous:
                    length = known[0]
                    if length <= len(prefix) and below[:length] == prefix[:length]:
                        _, place, depth, _ = known
                        kept = order.index(frame)
                        break
                    tries -= 1
                    if not tries:
                        prefix = None
            frame = previous
            if not frame:
                if owner == _OWNED_BY_GENERATOR:
                    # Somebody resumed it: it is just being left, or entered.
                    return TORN
                break
            if len(frames) > MAX_DEPTH:
                return TORN
            if low <= frame <= end:
                code, previous, instruction, owner = unpack(buffer, chunk_at + frame - low)
            else:
                found = extras.get(frame)
                if found is not None:
                    code, previous, instruction, owner = unpack(buffer, base + found)
                else:
                    for older_low, older_end, at in self._older:
                        if older_low <= frame <= older_end - FRAME:
                            at += base + self._older_at + frame - older_low
                            code, previous, instruction, owner = unpack(buffer, at)
                            break
                    else:
                        return MISS
        # Frames that are no longer there must not be found again.
        for gone in order[kept:]:
            del index[gone]
        del order[kept:]
        # Half-done work must not be used again either, if an unreadable code object ends the walk.
        self._prefix = None
        cut = self._chunk_at - self._known_at
        for frame, code, previous, instruction, owner in reversed(frames):
            if frame in index:
                self.forget()
                return TORN
            index[frame] = (cut + frame - low if low <= frame <= end else 1 << 62, place, depth, previous)
            order.append(frame)
            if owner >= hidden:
                continue
            address = code & ~3
            inner = place.children.get(instruction)
            if inner is None or inner.code_address != address:
                if tree.held:
                    self.forget()
                    return UNKNOWN
                inner = tree.enter(place, address, instruction)
                if inner is None:
                    self.forget()
                    return TORN
            place = inner
            depth += 1
        self.depth = depth
        self._prefix = below
        self._older_bytes = older
        return place
