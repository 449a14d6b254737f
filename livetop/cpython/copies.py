"""Copies of one thread's stack: how to fetch them, and what can be told from one without parsing it."""

from __future__ import annotations

from collections.abc import Iterator

from .fetching import Fetching
from .layout import FRAME
from .limit import WHOLE
from .regions import NEAR, StackRegions


class StackCopies(StackRegions, Fetching):
    """Fetches the regions of a stack, once or twice, and finds frames in what was fetched."""

    __slots__ = ()

    def covers(self, buffer: bytearray, base: int) -> bool:
        """Whether what was read reaches the innermost frame and callers that were not there when a stack was
        parsed last: a quick look, before a thread runs on.
        """
        shape = self._shape
        leaf, chunk, top = shape.state_struct.unpack_from(buffer, base)
        if shape.through_cframe:
            slot = self._cframes.get(leaf + shape.layout.current_frame)
            if slot is None:
                return False
            (leaf,) = shape.cframe_struct.unpack_from(buffer, base + slot)
        if chunk != self._chunk or top > self._chunk_end:
            return False
        unpack = shape.frame.unpack_from
        for _ in range(NEAR):
            if not leaf or leaf == self._base:
                return True
            at = self._place_of(leaf, base)
            if at is None:
                return False
            _, previous, _, _ = unpack(buffer, at)
            if self._previous_of(leaf) == previous:
                return True
            leaf = previous
        return True

    def runs(self, buffer: bytearray | bytes, base: int) -> list[tuple[int, int]]:
        """The evaluation loops of the stack that was parsed last, innermost first, from one copy.

        Of each (address of its entry frame or 0, number of Python frames that it runs). Before 3.12 the
        frames themselves say where a loop begins, and the marks are the thread's _PyCFrames.
        """
        shape = self._shape
        entry = shape.layout.frame_is_entry
        found: list[tuple[int, int]] = []
        count = 0
        for frame, at in self._chain(buffer, base):
            code, _, _, owner = shape.frame.unpack_from(buffer, at)
            if owner >= shape.hidden:
                found.append((frame, count))
                count = 0
            else:
                count += not self._is_shim(code & ~3)
                if entry is not None and buffer[at + entry]:
                    found.append((0, count))
                    count = 0
        if self._cut:
            # What stands for the callers that are not read is run by the loop of the innermost of them.
            found.append((self._outer_mark, count + 1))
        elif count:
            found.append((0, count))
        return found

    def instructions(self, buffer: bytearray | bytes, base: int) -> list[int]:
        """Addresses of the instructions that the stack's frames are at, innermost first, from one copy."""
        shape = self._shape
        heads = [shape.frame.unpack_from(buffer, at) for _, at in self._chain(buffer, base)]
        return [
            instruction
            for code, _, instruction, owner in heads
            if owner < shape.hidden and not self._is_shim(code & ~3)
        ]

    def _is_shim(self, code: int) -> bool:
        """Whether a frame of this code object is the interpreter's own: see `Code.shim`."""
        raise NotImplementedError

    def _chain(self, buffer: bytearray | bytes, base: int) -> Iterator[tuple[int, int]]:
        """(address, where it lies in the buffer) of each frame of a copy, innermost first."""
        shape = self._shape
        (frame, _, _) = shape.state_struct.unpack_from(buffer, base)
        if shape.through_cframe:
            slot = self._cframes.get(frame + shape.layout.current_frame)
            if slot is None:
                return
            (frame,) = shape.cframe_struct.unpack_from(buffer, base + slot)
        for _ in range(WHOLE.most):
            at = self._place_of(frame, base) if frame else None
            if at is None:
                break
            yield frame, at
            (_, frame, _, _) = shape.frame.unpack_from(buffer, at)

    def _place_of(self, frame: int, base: int) -> int | None:
        """Where a frame lies in a copy at `base`; None when it was not read."""
        if self._chunk <= frame <= self._chunk_end - FRAME:
            return base + self._chunk_at + frame - self._chunk
        slot = self._extras.get(frame)
        if slot is not None:
            return base + slot
        for low, end, at in self._older:
            if low <= frame <= end - FRAME:
                return base + self._older_at + at + frame - low
        return None
