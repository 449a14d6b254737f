"""Where the frames of one thread of CPython 3.6 to 3.10 lie, as far as the last looks tell.

Each frame is an object of its own on the heap. Its memory is used again, mostly for the same function
(`co_zombieframe`, the free list): the addresses of the last looks nearly always hold the frames of the next.
One vectored read fetches the heads of the innermost frames twice, the second time in reverse, and in between
those of all others, with the thread state before and after these: what changes most is read twice within a
microsecond or two, and callers are read while what they called runs. To read callers before that, and after
it, is not enough: one that calls this and that in turn may be where it called that at both times.
"""

from __future__ import annotations

import struct

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .limit import WHOLE, Limit

# Frames of the stack whose heads are read twice: the innermost ones. It takes longer to return from so many
# calls and make them again than to read them.
_TWICE = 8
_MOST_NEAR = 160
# Frames that are not on the stack now, but were a moment ago: they are read, too, next to the innermost ones.
_MOST_RECENT = 48
_INNERMOST = 1
# Frames that are looked up while a thread is kept waiting, and known ones in a row that end it.
_HURRY = 100
_ENOUGH_KNOWN = 3
_PAGE = 4096
_MOST_PAGES = 256

_U64 = struct.Struct("<Q")


class HeapShape:
    """The structs of one layout, computed once and shared by all threads."""

    __slots__ = ("alive", "frame", "layout", "low", "size", "state_at", "unit")

    def __init__(self, layout: Layout) -> None:
        assert layout.frame_state is not None
        self.layout = layout
        self.low = layout.frame_previous
        # (previous, code, last instruction, state), in that order in all versions.
        self.frame = struct.Struct(
            f"<QQ{layout.frame_instruction - layout.frame_code - 8}xi"
            f"{layout.frame_state - layout.frame_instruction - 4}xb"
        )
        self.size = (layout.frame_state - self.low + 8) & -8
        self.state_at = layout.frame_state - self.low
        self.unit = layout.instruction_unit
        # What `frame_state` of a frame is that has called another one.
        self.alive = frozenset(
            state for state in (layout.frame_executing, layout.frame_unwinding) if state is not None
        )


class HeapRegions:
    """The regions to read for one thread state.

    `regions` has the copy: the heads of frames that are not on the stack now, then those of the innermost
    ones that are; then the thread state's pointer, the frames further out, and the pointer again; then the
    copy in reverse. `single` ends before that, after `single_size` bytes. Both are flat: address, size,
    address, size ...
    """

    __slots__ = (
        "_afresh", "_cut", "_far", "_heads", "_limit", "_missing", "_others", "_shape", "_slots", "_state",
        "_steady", "address", "memory", "regions", "single", "single_size", "size",
    )  # fmt: skip

    def __init__(self, memory: Memory, shape: HeapShape, address: int, limit: Limit = WHOLE) -> None:
        self.memory = memory
        self.address = address
        self._limit = limit
        # The innermost frame of those that are not read, 0 if all are.
        self._cut = 0
        self._shape = shape
        self._state = address + shape.layout.current_frame
        # Frame -> (where its head lies in the first copy, in the second: 0 for one that is read once, and
        # where it ends among all heads, those far out first). The least recent ones first.
        self._slots: dict[int, tuple[int, int, int]] = {}
        # Bytes of the heads far out, of these and all others that change least, of those of the copy, and of
        # those with which it begins, which are not on the stack.
        self._far = self._steady = self._heads = self._others = 0
        # A frame that was not where anything was read, 0 if none was missed.
        self._missing = 0
        # Whether what is not on the stack is to be left out the next time.
        self._afresh = False
        self.regions: list[int] = []
        self.single: list[int] = []
        self.size = self.single_size = 0
        if not self.lay_out():
            # Never nothing at all: that would be read at once, and what was read before taken for it.
            self._assemble([], [])

    def lay_out(self, *, follow: bool = True) -> bool:
        """Find out where the stack lies now and lay out `regions`; False when the thread state is gone.

        The thread may be running: what is found is a prediction, and `parse` checks it. Without `follow`
        only frames that were never met are looked up, which takes some microseconds: for a thread that is
        being kept waiting.
        """
        try:
            (frame,) = _U64.unpack(self.memory.read(self._state, 8))
        except MemoryFault:
            return False
        if follow:
            self._assemble(*self._chain(frame))
        else:
            self._assemble(*self._ends(self._missing or frame))
        self._missing = 0
        return True

    def _chain(self, frame: int) -> tuple[list[int], list[int]]:
        """The stack's frames, outermost first, but for the innermost ones; then these, behind recent ones.

        Addresses whose memory was given back are forgotten: one would spoil each read from now on.
        """
        shape, limit = self._shape, self._limit
        low, size, unpack = shape.low, shape.size, shape.frame.unpack_from
        known = list(self._slots)
        heads = dict(zip(known, self.memory.read_many([(at + low, size) for at in known]), strict=True))
        pages: dict[int, bytes] = {}
        found: dict[int, None] = {}
        cut = 0
        while frame and frame not in found:
            if frame == self._cut and len(found) >= limit.kept:
                cut = frame
                break
            if len(found) == limit.most:
                order = list(found)
                cut = order[limit.kept]
                found = dict.fromkeys(order[: limit.kept])
                break
            head = heads.get(frame)
            if head is None:
                head = self._head(frame + low, pages)
                if head is None:
                    break
            found[frame] = None
            frame = unpack(head)[0]
        self._cut = cut
        chain = list(reversed(found))
        recent = [
            at for at in known if heads[at] is not None and at not in found and at != cut and not self._afresh
        ]
        self._afresh = False
        return chain[:-_INNERMOST], [*recent[-_MOST_RECENT:], *chain[-_INNERMOST:]]

    def _head(self, at: int, pages: dict[int, bytes]) -> bytes | None:
        """A head that was not read yet, with the page it lies on: its neighbours are frames, too."""
        size = self._shape.size
        start = at & -_PAGE
        page = pages.get(start)
        if page is None or at + size > start + len(page):
            try:
                page = self.memory.read(start, max(_PAGE, at + size - start))
            except MemoryFault:
                return None
            if len(pages) >= _MOST_PAGES:
                pages.clear()
            pages[start] = page
        return page[at - start : at - start + size]

    def _ends(self, frame: int) -> tuple[list[int], list[int]]:
        """What was laid out last, and behind it the frames from this one on that are new."""
        shape = self._shape
        fresh: list[int] = []
        known = 0
        for _ in range(_HURRY):
            if not frame or known == _ENOUGH_KNOWN:
                break
            try:
                (back,) = _U64.unpack(self.memory.read(frame + shape.low, 8))
            except MemoryFault:
                break
            if frame in self._slots:
                known += 1
            else:
                known = 0
                fresh.append(frame)
            frame = back
        frames = list(self._slots)
        steady = self._steady // shape.size
        return frames[:steady], [*frames[steady:], *reversed(fresh)][-_MOST_NEAR:]

    def _assemble(self, steady: list[int], near: list[int]) -> None:
        """Turn frames, outermost first, into the flat list of regions, and the offsets of each part."""
        shape = self._shape
        low, size = shape.low, shape.size
        frames = list(dict.fromkeys([*steady, *near]))
        far = max(0, len(steady) - _TWICE)
        heads = self._heads = size * (len(frames) - far)
        self._far = far * size
        self._steady = len(steady) * size
        middle = self.single_size = heads + self._far + 16
        inner = frames[len(steady) :]
        others, inner = inner[:-_INNERMOST], inner[-_INNERMOST:]
        self._others = len(others) * size
        order = [*others, *frames[far : len(steady)], *inner]
        ends = dict(zip(frames, range(size, size * len(frames) + 1, size), strict=True))
        slots = {frame: (heads + 8 + ends[frame] - size, 0, ends[frame]) for frame in frames[:far]}
        for frame, at in zip(order, range(0, heads, size), strict=True):
            slots[frame] = at, middle + heads - size - at, ends[frame]
        # Again in the order in which they were met.
        self._slots = {frame: slots[frame] for frame in frames}
        copy = [(frame + low, size) for frame in order]
        state = (self._state, 8)
        single = [*copy, state, *((frame + low, size) for frame in frames[:far]), state]
        self.single = [word for region in single for word in region]
        self.regions = [*self.single, *(word for region in reversed(copy) for word in region)]
        self.size = middle + heads


__all__ = ["HeapRegions", "HeapShape"]
