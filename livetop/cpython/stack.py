"""One thread's Python stack: where its frames were found last, and how to read them all at once.

CPython 3.11 on keeps most frames in the chunks of the thread's data stack; those of generators live in
their generator object, and the marks of a new evaluation loop on the C stack. The addresses of all of
them are known from the last sample, so one vectored read fetches the thread state, the current frame's
pointer, the frames that lie elsewhere ("extras") and the newest chunk, then older chunks, then all but
the older chunks once more. A sample of a running thread is accepted when the two copies agree in
everything but where the innermost frame stands: see `StackReader.parse`.

What the last sample learned is used again: the part of the stack whose bytes have not changed is not
parsed again.
"""

from __future__ import annotations

import struct

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory
from livetop.target.vectored import VectoredRead

from .layout import CHUNK, CHUNK_DATA, Layout
from .tree import Place, StackTree

# The innermost frames of the next sample may lie higher: read this much more than was used.
_MARGIN = 1024
# Read less again when a deep stack has become shallow by this much.
_SLACK = 8192
_FRAME = 80
_BLANK = bytes(_FRAME)
_MAX_EXTRAS = 16
_MAX_CFRAMES = 8
_MAX_REGIONS = 400
# enum _frameowner (pycore_frame.h), the same in 3.11 to 3.13.
_OWNED_BY_GENERATOR = 1
# A caller that moved on spoils the comparison for all frames inside it: try so many further out.
_MAX_TRIES = 6
_MAX_CHUNKS = 1024
_MAX_CHUNK = 1 << 24
_MAX_OLDER = 8 << 20
MAX_DEPTH = 20_000


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


class Shape:
    """The structs of one layout, computed once and shared by all threads."""

    __slots__ = (
        "cframe_struct", "frame", "hidden", "layout",
        "state_low", "state_size", "state_struct", "through_cframe",
    )  # fmt: skip

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.through_cframe = layout.cframe is not None
        pointer = layout.cframe if layout.cframe is not None else layout.current_frame
        low = self.state_low = min(pointer, layout.datastack_chunk)
        end = layout.datastack_top + 8
        self.state_size = end - low
        # (current frame or cframe, chunk, top)
        gap = layout.datastack_chunk - pointer - 8
        self.state_struct = struct.Struct(f"<Q{gap}xQQ")
        self.cframe_struct = struct.Struct("<Q")
        self.frame = _frame_struct(layout)
        self.hidden = layout.hidden_owner


def _frame_struct(layout: Layout) -> struct.Struct:
    """(code, previous, instruction, owner), in that order in every version from 3.11 on."""
    at = (layout.frame_code, layout.frame_previous, layout.frame_instruction)
    form, position = "<", 0
    for offset in at:
        form += f"{offset - position}xQ"
        position = offset + 8
    return struct.Struct(form + f"{layout.frame_owner - position}xB")


class StackReader:
    """Reads the stack of one thread state. `regions` is what a vectored read must fetch for it.

    The regions of one copy are: thread state, the cframe's pointer (3.11, 3.12), extras, newest chunk.
    `regions` has one copy, the older chunks, and the copy again; `size` bytes in all.
    """

    __slots__ = (
        "_cframes", "_chunk", "_chunk_at", "_chunk_end", "_copy", "_extras", "_index", "_known_at",
        "_older", "_older_at", "_older_bytes", "_older_size", "_order", "_prefix", "_root", "_shape",
        "_state", "_tree", "address", "depth", "memory", "regions", "single", "single_size", "size",
    )  # fmt: skip

    def __init__(self, memory: Memory, shape: Shape, tree: StackTree, address: int) -> None:
        self.memory = memory
        self.address = address
        self._shape = shape
        self._tree = tree
        self._state = address + shape.state_low
        # Addresses that are read -> where they lie in a copy.
        self._cframes: dict[int, int] = {}
        self._extras: dict[int, int] = {}
        self._chunk = self._chunk_end = 0
        # (low, end, where it lies behind the first copy)
        self._older: list[tuple[int, int, int]] = []
        self._older_size = 0
        self._known_at = self._chunk_at = self._older_at = self._copy = 0
        # What the last walk saw: the bytes of all callers, and for each of its frames
        # (bytes that hold all its callers, their place, their number, the frame's `previous`).
        self._prefix: bytearray | None = None
        self._older_bytes: bytearray | None = None
        self._index: dict[int, tuple[int, Place, int, int]] = {}
        self._order: list[int] = []
        self._root = tree.root
        self.depth = 0
        self.regions: list[int] = []
        self.single: list[int] = []
        self.size = self.single_size = 0
        self.lay_out()

    # ------------------------------------------------------------------ where things are

    def lay_out(self) -> bool:
        """Find out where the stack lies now and lay out `regions`; False when the thread state is gone.

        The thread may be running: what is found is a prediction, and `parse` checks it.
        """
        shape = self._shape
        try:
            data = self.memory.read(self._state, shape.state_size)
            pointer, chunk, top = shape.state_struct.unpack(data)
            if shape.through_cframe:
                cframe = pointer + shape.layout.current_frame
                (pointer,) = shape.cframe_struct.unpack(self.memory.read(cframe, 8))
                self._cframes.pop(cframe, None)
                self._cframes[cframe] = 0
                while len(self._cframes) > _MAX_CFRAMES:
                    del self._cframes[next(iter(self._cframes))]
        except MemoryFault:
            return False
        self._lay_chunks(chunk, top)
        self._lay_extras(pointer, top)
        self._assemble()
        return True

    def _lay_chunks(self, chunk: int, top: int) -> None:
        """Take the newest chunk up to a little above `top`, and the used part of the older ones."""
        self._older = []
        self._older_size = 0
        try:
            previous, size, _ = CHUNK.unpack(self.memory.read(chunk, CHUNK_DATA)) if chunk else (0, 0, 0)
        except MemoryFault:
            chunk = previous = size = 0
        if not CHUNK_DATA < size <= _MAX_CHUNK:
            chunk = previous = size = 0
        self._chunk = chunk
        self._chunk_end = min(chunk + size, max(top, chunk + CHUNK_DATA) + _MARGIN) if chunk else 0
        at = previous
        while at and len(self._older) < _MAX_CHUNKS and self._older_size < _MAX_OLDER:
            try:
                following, size, used = CHUNK.unpack(self.memory.read(at, CHUNK_DATA))
            except MemoryFault:
                break
            length = min(CHUNK_DATA + used * 8, size)
            if not CHUNK_DATA <= length <= _MAX_CHUNK:
                break
            self._older.append((at, at + length, self._older_size))
            self._older_size += length
            at = following

    def _lay_extras(self, frame: int, top: int) -> None:
        """Follow the frames and make room for those that lie outside the chunks.

        Slots of frames that are no longer on the stack stay as long as there is room: a generator that
        was resumed once will be resumed again.
        """
        blocks = [(low, end) for low, end, _ in self._older]
        if self._chunk:
            blocks.insert(0, (self._chunk, min(self._chunk_end, max(top, self._chunk) + _FRAME)))
        texts = self.memory.read_many([(low, end - low) for low, end in blocks])
        known = [(low, end - _FRAME, text) for (low, end), text in zip(blocks, texts, strict=True) if text]
        unpack = self._shape.frame.unpack_from
        fresh: dict[int, None] = {}
        for _ in range(MAX_DEPTH):
            if not frame or frame in fresh or len(fresh) > _MAX_REGIONS:
                break
            for low, last, text in known:
                if low <= frame <= last:
                    frame = unpack(text, frame - low)[1]
                    break
            else:
                try:
                    data = self.memory.read(frame, _FRAME)
                except MemoryFault:
                    break
                if not self._chunk <= frame < self._chunk_end:
                    fresh[frame] = None
                frame = unpack(data)[1]
        inside = [(self._chunk, self._chunk_end), *blocks[1:]] if self._chunk else blocks
        kept = [
            address
            for address in self._extras
            if address not in fresh and not any(low <= address < end for low, end in inside)
        ]
        room = max(0, _MAX_EXTRAS - len(fresh))
        # Outer frames first, stale ones before them: what changes most lies last.
        self._extras = dict.fromkeys([*(kept[-room:] if room else ()), *reversed(fresh)], 0)

    def _assemble(self) -> None:
        """Turn what is known into the flat list of regions, and the offsets of each part."""
        shape = self._shape
        copy = [self._state, shape.state_size]
        at = shape.state_size
        for address in self._cframes:
            copy += (address, 8)
            self._cframes[address] = at
            at += 8
        self._known_at = at
        for address in self._extras:
            copy += (address, _FRAME)
            self._extras[address] = at
            at += _FRAME
        self._chunk_at = at
        if self._chunk:
            copy += (self._chunk, self._chunk_end - self._chunk)
            at += self._chunk_end - self._chunk
        older: list[int] = []
        for low, end, _ in self._older:
            older += (low, end - low)
        self._older_at = at
        self._copy = at + self._older_size
        self.regions = copy + older + copy
        self.size = self._copy + at
        self.single = copy + older
        self.single_size = self._copy
        self.forget()

    def forget(self) -> None:
        """Parse the next sample whole."""
        self._prefix = None
        self._index = {}
        self._order = []
        self._root = self._tree.root

    # ------------------------------------------------------------------ reading

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
        if low <= leaf <= end - _FRAME:
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
            below[at - start : at - start + _FRAME] = _BLANK
        if double:
            code2, previous2, _, owner2 = unpack(buffer, at + self._copy)
            if code2 != code or previous2 != previous or owner2 != owner:
                return TORN
            again = buffer[start + self._copy : stop + self._copy]
            if slot:
                again[at - start : at - start + _FRAME] = _BLANK
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
        low, end, chunk_at = self._chunk, self._chunk_end - _FRAME, base + self._chunk_at
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
                        if older_low <= frame <= older_end - _FRAME:
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
