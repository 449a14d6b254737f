"""A thread whose frames are objects on the heap (CPython 3.6 to 3.10), byte by byte."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

from fake_target import CODE_TYPE, FakeObjects

from livetop.cpython.layout import Layout

LINES = 20
BYTES_PER_LINE = 4
STATE = 0x20000000
HEAP = 0x30000000
# The heap is a megabyte; frames lie scattered over it, some across the border of two pages.
HEAP_SIZE = 1 << 20
STRIDE = 488


def heap_code(objects: FakeObjects, name: str, first_line: int) -> int:
    """A code object with LINES statements of BYTES_PER_LINE bytes each."""
    o = objects.layout
    if o.lines == "lnotab":
        table = bytes([BYTES_PER_LINE, 1] * (LINES - 1))
    else:
        table = bytes([BYTES_PER_LINE, 0] + [BYTES_PER_LINE, 1] * (LINES - 1))
    head = bytearray(o.code_size)
    assert o.code_code is not None
    struct.pack_into("<Q", head, o.object_type, CODE_TYPE)
    struct.pack_into("<i", head, o.code_firstlineno, first_line)
    for at, address in (
        (o.code_filename, objects.text("/srv/app.py")),
        (o.code_name, objects.text(name)),
        (o.code_linetable, objects.bytes(table)),
        (o.code_code, objects.bytes(bytes(LINES * BYTES_PER_LINE))),
    ):
        struct.pack_into("<Q", head, at, address)
    return objects.place(bytes(head))


@dataclass
class HeapFrame:
    """One frame as it should be seen; `generator` keeps its memory when it is left."""

    address: int
    code: int
    line: int
    generator: bool = False


class FakeHeapThread:
    """A thread state and its stack, as ceval.c and frameobject.c keep them."""

    def __init__(self, layout: Layout, chance: random.Random) -> None:
        self.layout = layout
        self.objects = FakeObjects(layout)
        self.codes = [heap_code(self.objects, f"f{index}", 100 * index + 1) for index in range(8)]
        self.memory = self.objects.memory
        self.address = STATE
        self.state = bytearray(256)
        self.heap = bytearray(HEAP_SIZE)
        self.memory.segments[STATE] = self.state
        self.memory.segments[HEAP] = self.heap
        self.frames: list[HeapFrame] = []
        self.free = [HEAP + 16 + STRIDE * index for index in range(HEAP_SIZE // STRIDE - 1)]
        chance.shuffle(self.free)
        self._zombies: dict[int, int] = {}
        self._waiting: list[HeapFrame] = []

    def call(self, code: int, line: int = 0) -> None:
        """A function is called: its frame lies where the last one for this code lay, if that is free."""
        address = self._zombies.pop(code, 0) or self.free.pop()
        self._enter(HeapFrame(address, code, line))

    def resume(self, code: int, line: int = 0) -> None:
        """A generator goes on, one that waits or a new one."""
        if self._waiting and code % 32:
            frame = self._waiting.pop(0)
        else:
            frame = HeapFrame(self.free.pop(), code, line, generator=True)
        frame.line = line
        self._enter(frame)

    def _enter(self, frame: HeapFrame) -> None:
        o = self.layout
        at = frame.address - HEAP
        struct.pack_into(
            "<Q", self.heap, at + o.frame_previous, self.frames[-1].address if self.frames else 0
        )
        struct.pack_into("<Q", self.heap, at + o.frame_code, frame.code)
        self.frames.append(frame)
        self._point()
        self._mark(frame, running=True)
        self.move(frame.line)

    def leave(self) -> None:
        """The innermost frame returns, or yields."""
        frame = self.frames.pop()
        self._mark(frame, running=False)
        self._point()
        if frame.generator:
            struct.pack_into("<Q", self.heap, frame.address - HEAP + self.layout.frame_previous, 0)
            self._waiting.append(frame)
        elif frame.code not in self._zombies:
            self._zombies[frame.code] = frame.address
        else:
            # The free list is linked through f_back.
            before = self.free[-1]
            struct.pack_into("<Q", self.heap, frame.address - HEAP + self.layout.frame_previous, before)
            self.free.append(frame.address)

    def move(self, line: int) -> None:
        """The innermost frame goes to a line."""
        frame, o = self.frames[-1], self.layout
        frame.line = line
        last = line * BYTES_PER_LINE // o.instruction_unit
        struct.pack_into("<i", self.heap, frame.address - HEAP + o.frame_instruction, last)

    def _point(self) -> None:
        innermost = self.frames[-1].address if self.frames else 0
        struct.pack_into("<Q", self.state, self.layout.current_frame, innermost)

    def _mark(self, frame: HeapFrame, *, running: bool) -> None:
        o = self.layout
        assert o.frame_state is not None and o.frame_executing is not None
        state = o.frame_executing if running else 1 - o.frame_executing
        struct.pack_into("<b", self.heap, frame.address - HEAP + o.frame_state, state)

    def point(self, frame: int, previous: int) -> None:
        """Damage: what a frame calls its caller."""
        struct.pack_into("<Q", self.heap, frame - HEAP + self.layout.frame_previous, previous)

    def truth(self) -> list[tuple[int, int]]:
        """(code, line) of each frame, innermost first."""
        return [(frame.code, frame.line) for frame in reversed(self.frames)]
