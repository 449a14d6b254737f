"""Where the frames of one thread lie, as far as the last look tells: what to read, all at once.

CPython 3.11 on keeps most frames in the chunks of the thread's data stack; those of generators live in
their generator object, and the marks of a new evaluation loop on the C stack. All these addresses are
known from the last look, so one vectored read can fetch the thread state, the current frame's pointer,
the frames that lie elsewhere ("extras") and the newest chunk, then older chunks, then all but the older
chunks once more.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import CHUNK, CHUNK_DATA, FRAME
from .limit import WHOLE, Limit
from .shape import Shape

# The innermost frames of the next sample may lie higher: read this much more than was used.
_MARGIN = 1024

_MAX_EXTRAS = 16
# Frames next to the innermost one that are followed while a thread is kept waiting: coroutines that await one
# another, each in an object of its own.
NEAR = 32
_MAX_CFRAMES = 8
# From so many extras on (recursion through generators or C) neighbours are read together: a gap this small
# holds no page of its own, so it is mapped where they are.
_MANY_EXTRAS = 64
_GAP = 2048
# Together below what one call takes: 2 * (1 + 8 + 400 + 1) + 150.
_MOST_REGIONS = 400
_MAX_CHUNKS = 150
# Frames that fill a chunk, at least half of it: more chunks than the frames that are read take are not.
_PER_CHUNK = 64
_PAGE = 4096
_MAX_CHUNK = 1 << 24
_MAX_OLDER = 8 << 20


def _joined(extras: Iterable[int]) -> list[tuple[list[int], int]]:
    """The regions that hold these frames: (addresses of the frames in it, size in bytes)."""
    addresses = list(extras)
    if len(addresses) < _MANY_EXTRAS:
        return [([address], FRAME) for address in addresses]
    addresses.sort()
    regions = [([addresses[0]], FRAME)]
    for address in addresses[1:]:
        region, size = regions[-1]
        if address - (region[0] + size) <= _GAP:
            region.append(address)
            regions[-1] = (region, address + FRAME - region[0])
        else:
            regions.append(([address], FRAME))
    return regions


class StackRegions:
    """The regions to read for one thread state.

    Those of one copy are: thread state, the cframe's pointer (3.11, 3.12), extras, newest chunk. `regions`
    has one copy, the older chunks, and the copy again: `size` bytes in all; `single` ends before the second
    copy, after `single_size` bytes. Both lists are flat: address, size, address, size ...
    """

    __slots__ = (
        "_base", "_cframes", "_chunk", "_chunk_at", "_chunk_end", "_copy", "_cut", "_extras", "_limit",
        "_older", "_older_at", "_older_size", "_outer_mark", "_shape", "_state", "address", "memory",
        "regions", "single", "single_size", "size",
    )  # fmt: skip

    def __init__(self, memory: Memory, shape: Shape, address: int, limit: Limit = WHOLE) -> None:
        self.memory = memory
        self.address = address
        self._limit = limit
        # The innermost frame of those that are not read, 0 if all are, and the entry frame (3.12 on) of the
        # loop that runs it.
        self._cut = self._outer_mark = 0
        self._shape = shape
        self._state = address + shape.state_low
        # Addresses that are read -> where they lie in a copy.
        self._cframes: dict[int, int] = {}
        self._extras: dict[int, int] = {}
        self._chunk = self._chunk_end = 0
        # The frame that ends every stack and runs nothing (3.15), 0 where stacks end with none.
        self._base = 0
        # (low, end, where it lies behind the first copy)
        self._older: list[tuple[int, int, int]] = []
        self._older_size = 0
        self._chunk_at = self._older_at = self._copy = 0
        self.regions: list[int] = []
        self.single: list[int] = []
        self.size = self.single_size = 0
        if not self.lay_out():
            # Never nothing at all: that would be read at once, and what was read before taken for it.
            self._assemble()

    def lay_out(self, *, follow: bool = True) -> bool:
        """Find out where the stack lies now and lay out `regions`; False when the thread state is gone.

        The thread may be running: what is found is a prediction, and `parse` checks it. Without `follow`
        only the newest end of the stack is looked at, as far as it is not the one that was parsed last, which
        takes some microseconds at any depth: for a thread that is being kept waiting.
        """
        shape = self._shape
        try:
            data = self.memory.read(self._state, shape.state_size)
            pointer, chunk, top = shape.state_struct.unpack(data)
            if shape.base is not None:
                (self._base,) = shape.cframe_struct.unpack_from(data, shape.base)
            if shape.through_cframe:
                cframe = pointer + shape.layout.current_frame
                (pointer,) = shape.cframe_struct.unpack(self.memory.read(cframe, 8))
                self._cframes.pop(cframe, None)
                self._cframes[cframe] = 0
                while len(self._cframes) > _MAX_CFRAMES:
                    del self._cframes[next(iter(self._cframes))]
        except MemoryFault:
            return False
        self._forget_unmapped()
        self._lay_chunks(chunk, top)
        if follow:
            self._lay_extras(pointer, top)
        else:
            self._lay_near(pointer)
        self._assemble()
        return True

    def _previous_of(self, frame: int) -> int | None:
        """The caller of a frame of the stack that was parsed last; None when it was not on it."""
        raise NotImplementedError

    def _lay_near(self, frame: int) -> None:
        """Make room for innermost frames that lie outside the chunks, out to one that is known."""
        near: dict[int, None] = {}
        unpack = self._shape.frame.unpack_from
        for _ in range(NEAR):
            if not frame or frame == self._base or frame in near:
                break
            try:
                _, previous, _, _ = unpack(self.memory.read(frame, FRAME))
            except MemoryFault:
                break
            if not self._inside(frame):
                near[frame] = None
            if self._previous_of(frame) == previous:
                break
            frame = previous
        self._take_extras(near)

    def _inside(self, frame: int) -> bool:
        """Whether a frame lies in one of the chunks."""
        if self._chunk <= frame < self._chunk_end:
            return True
        return any(low <= frame < end for low, end, _ in self._older)

    def _forget_unmapped(self) -> None:
        """One address whose memory was given back would spoil each read from now on."""
        slots = [(self._cframes, address, 8) for address in self._cframes]
        slots += [(self._extras, address, FRAME) for address in self._extras]
        data = self.memory.read_many([(address, size) for _, address, size in slots])
        for (known, address, _), found in zip(slots, data, strict=True):
            if found is None:
                del known[address]

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
        most = min(_MAX_CHUNKS, self._limit.most // _PER_CHUNK)
        while at and len(self._older) < most and self._older_size < _MAX_OLDER:
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
            blocks.insert(0, (self._chunk, min(self._chunk_end, max(top, self._chunk) + FRAME)))
        texts = self.memory.read_many([(low, end - low) for low, end in blocks])
        known = [(low, end - FRAME, text) for (low, end), text in zip(blocks, texts, strict=True) if text]
        unpack, limit = self._shape.frame.unpack_from, self._limit
        order: list[int] = []
        fresh: dict[int, None] = {}
        cut = 0
        while frame and frame != self._base and frame not in fresh:
            if frame == self._cut and len(order) >= limit.kept:
                cut = frame
                break
            if len(order) == limit.most:
                cut = self._leave_out(order, fresh)
                break
            order.append(frame)
            for low, last, text in known:
                if low <= frame <= last:
                    frame = unpack(text, frame - low)[1]
                    break
            else:
                try:
                    data = self.memory.read(frame, FRAME)
                except MemoryFault:
                    break
                if not self._chunk <= frame < self._chunk_end:
                    fresh[frame] = None
                frame = unpack(data)[1]
        if cut != self._cut:
            self._outer_mark = self._entry_beyond(cut)
            self._cut = cut
        self._take_extras(fresh)

    def _leave_out(self, order: list[int], fresh: dict[int, None]) -> int:
        """Keep the innermost of these frames only; the next one further out, 0 if there is a circle."""
        kept = self._limit.kept
        cut = order[kept]
        if len(set(order)) < len(order):
            return 0
        for frame in order[kept:]:
            fresh.pop(frame, None)
        used = 0
        for number, (low, end, _) in enumerate(self._older, 1):
            if any(low <= frame < end for frame in order[:kept]):
                used = number
        del self._older[used:]
        self._older_size = sum(end - low for low, end, _ in self._older)
        return cut

    def _entry_beyond(self, frame: int) -> int:
        """The innermost entry frame among those that are not read, 0 if there is none."""
        if self._shape.layout.frame_is_entry is not None:
            return 0
        unpack = self._shape.frame.unpack_from
        start, page = 0, b""
        for _ in range(WHOLE.most):
            if not frame or frame == self._base:
                return 0
            if frame == self._cut:
                return self._outer_mark
            if not start <= frame <= start + len(page) - FRAME:
                start = frame & -_PAGE
                try:
                    page = self.memory.read(start, max(_PAGE, frame + FRAME - start))
                except MemoryFault:
                    return 0
            _, previous, _, owner = unpack(page, frame - start)
            if owner >= self._shape.hidden:
                return frame
            frame = previous
        return 0

    def _take_extras(self, fresh: Iterable[int]) -> None:
        """Make room for frames (innermost first) that lie outside the chunks, and keep some others."""
        found = dict.fromkeys(fresh)
        kept = [address for address in self._extras if address not in found and not self._inside(address)]
        # Those that are given up first were not there lately.
        kept.sort(key=lambda address: self._previous_of(address) is not None)
        room = max(0, _MAX_EXTRAS - len(found))
        # Outer frames first, stale ones before them: what changes most lies last.
        self._extras = dict.fromkeys([*(kept[-room:] if room else ()), *reversed(found)], 0)

    def _assemble(self) -> None:
        """Turn what is known into the flat list of regions, and the offsets of each part."""
        shape = self._shape
        copy = [self._state, shape.state_size]
        at = shape.state_size
        for address in self._cframes:
            copy += (address, 8)
            self._cframes[address] = at
            at += 8
        extras: dict[int, int] = {}
        for region, size in _joined(self._extras)[:_MOST_REGIONS]:
            copy += (region[0], size)
            for address in region:
                extras[address] = at + address - region[0]
            at += size
        self._extras = extras
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
