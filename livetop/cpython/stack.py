"""One thread's Python stack, from what was read of it to a place in the stack tree.

A sample of a running thread is accepted when two copies agree in everything but where the innermost frame
stands: see `StackReader.parse`. What the last sample learned is used again: the part of the stack whose
bytes have not changed is not parsed again.
"""

from __future__ import annotations

from livetop.target.memory import Memory

from .copies import StackCopies
from .layout import FRAME
from .limit import WHOLE, Limit, more_callers
from .outcome import EMPTY, MISS, TORN, Outcome
from .shape import Shape
from .tree import Place, StackTree

# Read less again when a deep stack has become shallow by this much.
_SLACK = 8192
# No thread state is larger; the outermost cframe, with no frame while no Python code runs, is a part of it.
_THREAD_STATE = 1024
# More bytes than any chunk has: a frame outside the newest chunk is never compared by what lies below it.
_NOWHERE = 1 << 62
# enum _frameowner (pycore_frame.h), the same in 3.11 to 3.13.
_OWNED_BY_GENERATOR = 1
# A caller that moved on spoils the comparison for all frames inside it: try so many further out.
_MAX_TRIES = 6


class StackReader(StackCopies):
    """Reads the stack of one thread state. Of the last one parsed it keeps

    - `depth`, the number of frames;
    - `instruction`, the address of the innermost frame's instruction, 0 when there is none;
    - `mark`, an address on the C stack within the C frame of the innermost evaluation loop: that of its
      _PyCFrame (3.11, 3.12) or of its entry frame (3.13 on), both locals of _PyEval_EvalFrameDefault
      (Python/ceval.c); 0 when no evaluation loop runs.
    """

    __slots__ = (
        "_index", "_older_bytes", "_order", "_prefix", "_root", "_tree", "_used", "depth", "instruction",
        "mark",
    )  # fmt: skip

    def __init__(
        self, memory: Memory, shape: Shape, tree: StackTree, address: int, limit: Limit = WHOLE
    ) -> None:
        # What the last walk saw: the newest chunk below the innermost frame, the older chunks, the extras
        # that were callers (where they lie in a copy, their bytes), and for each frame
        # (bytes of the newest chunk below it, the place and number of its callers, its `previous`, how
        # many of the extras are among its callers, the innermost entry frame among its callers).
        self._prefix: bytearray | None = None
        self._older_bytes: bytearray | None = None
        self._used: list[tuple[int, bytearray]] = []
        self._index: dict[int, tuple[int, Place, int, int, int, int]] = {}
        self._order: list[int] = []
        self._tree = tree
        self._root = tree.root
        self.depth = self.instruction = self.mark = 0
        super().__init__(memory, shape, address, limit)

    def lay_out(self, *, follow: bool = True) -> bool:
        """Find out where the stack lies now; see `StackRegions.lay_out`."""
        there = super().lay_out(follow=follow)
        self.forget()
        return there

    def _previous_of(self, frame: int) -> int | None:
        known = self._index.get(frame)
        return None if known is None else known[3]

    def forget(self) -> None:
        """Parse the next sample whole."""
        self._prefix = None
        self._index = {}
        self._order = []
        self._used = []
        self._root = self._tree.root

    def parse(self, buffer: bytearray, base: int, double: bool) -> Place | Outcome:
        """Turn what was read (at `base` of `buffer`) into a place in the stack tree, or say why not.

        With `double`, both copies must agree on the thread state, on every byte of the newest chunk below
        the innermost frame, on every caller that lies elsewhere, and on which code the innermost frame
        runs; where it stands within that code is taken from the first copy, which the thread state
        brackets.
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
        outermost = True
        self.instruction = self.mark = 0
        if shape.through_cframe:
            outermost = self.address <= leaf < self.address + _THREAD_STATE
            if not outermost:
                self.mark = leaf
            slot = self._cframes.get(leaf + shape.layout.current_frame)
            if slot is None:
                return MISS
            (leaf,) = shape.cframe_struct.unpack_from(buffer, base + slot)
            if double and shape.cframe_struct.unpack_from(buffer, second + slot)[0] != leaf:
                return TORN
        if not leaf:
            # A cframe on the C stack that has no frame yet: an evaluation loop is just being entered.
            self.depth = 0
            return EMPTY if outermost else TORN
        if chunk != self._chunk or self._chunk_end - top > _SLACK:
            return MISS
        low, end = self._chunk, self._chunk_end
        start = base + self._chunk_at
        copy = self._copy if double else 0
        if low <= leaf <= end - FRAME:
            at = stop = start + leaf - low
        else:
            slot = self._extras.get(leaf)
            if slot is None:
                if leaf != self._base:
                    return MISS
                # What ends every stack is never read: it is the innermost frame, too.
                self.depth = 0
                return EMPTY
            at = base + slot
            stop = start + min(max(top, low), end) - low
        code, previous, instruction, owner = unpack(buffer, at)
        below = buffer[start:stop]
        if copy:
            code2, previous2, _, owner2 = unpack(buffer, at + copy)
            if code2 != code or previous2 != previous or owner2 != owner:
                return TORN
            if buffer[start + copy : stop + copy] != below:
                return TORN
        older = None
        if self._older:
            older = buffer[base + self._older_at : base + self._older_at + self._older_size]

        if self._root is not self._tree.root:
            self.forget()
        # The callers are the same bytes as last time: only the innermost frame has to be looked at.
        if below == self._prefix and older == self._older_bytes:
            known = self._index.get(leaf)
            if known is not None and known[3] == previous and known[1].code_address >= 0:
                for slot, last in self._used:
                    slot += base
                    if buffer[slot : slot + FRAME] != last:
                        break
                    if copy and buffer[slot + copy : slot + copy + FRAME] != last:
                        return TORN
                else:
                    parent, depth = known[1], known[2]
                    if owner >= shape.hidden:
                        self.depth = depth
                        if not shape.through_cframe:
                            self.mark = leaf
                        return parent
                    self.depth = depth + 1
                    self.instruction = instruction
                    if not shape.through_cframe:
                        self.mark = known[5]
                    place = parent.children.get(instruction)
                    if place is not None and place.code_address == code & ~3:
                        return place
                    return self._tree.enter(parent, code & ~3, instruction) or TORN
        return self._walk(buffer, base, copy, (leaf, code, previous, instruction, owner), below, older)

    def _is_shim(self, code: int) -> bool:
        return self._tree.codes.is_shim(code)

    def frames(self) -> list[int]:
        """Addresses of the frames of the stack that was parsed last, innermost first."""
        # Frames further in than that stack may still be known.
        depth, index = self.depth, self._index
        return [frame for frame in reversed(self._order) if index[frame][2] < depth]

    def _same_extras(self, buffer: bytearray, base: int, copy: int) -> bool:
        """Whether the callers outside the chunks are what they were, in both copies."""
        for slot, last in self._used:
            slot += base
            if buffer[slot : slot + FRAME] != last or buffer[slot + copy : slot + copy + FRAME] != last:
                return False
        return True

    def _walk(
        self,
        buffer: bytearray,
        base: int,
        copy: int,
        innermost: tuple[int, int, int, int, int],
        below: bytearray,
        older: bytearray | None,
    ) -> Place | Outcome:
        """Go from the innermost frame out to a caller whose own callers have not changed, then in again.

        `innermost` is (address, code, previous, instruction, owner); `copy` is where the second copy lies
        behind the first, 0 if there is none.
        """
        shape, tree = self._shape, self._tree
        unpack, hidden = shape.frame.unpack_from, shape.hidden
        low, end, chunk_at = self._chunk, self._chunk_end - FRAME, base + self._chunk_at
        extras, index, order = self._extras, self._index, self._order
        prefix = self._prefix
        if prefix is not None and (older != self._older_bytes or not self._same_extras(buffer, base, copy)):
            prefix = None
        place, depth, kept, used_kept, mark, tries = tree.root, 0, 0, 0, 0, _MAX_TRIES
        frames: list[tuple[int, int, int, int, int]] = []
        frame, code, previous, instruction, owner = innermost
        while True:
            frames.append((frame, code, previous, instruction, owner))
            if prefix is not None and low <= frame <= end:
                known = index.get(frame)
                if known is not None and known[3] == previous:
                    length = known[0]
                    same = length <= len(prefix) and below[:length] == prefix[:length]
                    if same and known[1].code_address >= 0:
                        _, place, depth, _, used_kept, mark = known
                        kept = order.index(frame)
                        break
                    tries -= 1
                    if not tries:
                        prefix = None
            frame = previous
            if not frame:
                if owner == _OWNED_BY_GENERATOR or self._base:
                    # Somebody resumed it, or all stacks end with their base: it is being left, or entered.
                    return TORN
                self._cut = 0
                break
            if frame == self._cut:
                place, mark = more_callers(tree), self._outer_mark
                break
            if len(frames) > self._limit.most:
                # The same frame twice is a chain that was being changed.
                return MISS if len({at for at, *_ in frames}) == len(frames) else TORN
            if low <= frame <= end:
                code, previous, instruction, owner = unpack(buffer, chunk_at + frame - low)
            else:
                slot = extras.get(frame)
                if slot is not None:
                    slot += base
                    if copy and buffer[slot : slot + FRAME] != buffer[slot + copy : slot + copy + FRAME]:
                        return TORN
                    code, previous, instruction, owner = unpack(buffer, slot)
                else:
                    at = self._place_of(frame, base)
                    if at is None:
                        if frame == self._base:
                            self._cut = 0
                            break
                        return MISS
                    code, previous, instruction, owner = unpack(buffer, at)
        if not (self._limit.least if self._cut else 0) <= depth + len(frames) <= self._limit.most:
            return MISS
        # Frames that are no longer there must not be found again.
        for gone in order[kept:]:
            del index[gone]
        del order[kept:]
        used = self._used[:used_kept]
        # Half-done work must not be used again either, if an unreadable code object ends the walk.
        self._prefix = None
        for frame, code, previous, instruction, owner in reversed(frames):
            if frame in index:
                self.forget()
                return TORN
            length = frame - low if low <= frame <= end else _NOWHERE
            index[frame] = (length, place, depth, previous, len(used), mark)
            order.append(frame)
            if length == _NOWHERE and frame in extras and frame != innermost[0]:
                slot = extras[frame]
                used.append((slot, buffer[base + slot : base + slot + FRAME]))
            if owner >= hidden:
                mark = frame
                continue
            address = code & ~3
            inner = place.children.get(instruction)
            if inner is None or inner.code_address != address:
                inner = tree.enter(place, address, instruction)
                if inner is None:
                    self.forget()
                    return TORN
            place = inner
            depth += 1
        self.depth = depth
        self.instruction = 0 if innermost[4] >= hidden else innermost[3]
        if not shape.through_cframe:
            self.mark = mark
        self._prefix = below
        self._older_bytes = older
        self._used = used
        return place
