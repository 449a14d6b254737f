"""Structures of a CPython that does not run, byte by byte in segments, for unit tests of readers.

`FakeObjects` writes objects and code; `FakeThread` keeps a thread's stack as the evaluation loop does: frames
in chunks of its data stack, generators on the heap, cframes and entry frames on the C stack.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

from fake_memory import FakeMemory

from livetop.cpython.layout import (
    DEBUG_COOKIE,
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    TABLES,
    Layout,
    from_debug_offsets,
    with_object_head,
)


def _words(version: tuple[int, int], numbers: str) -> dict[str, int]:
    return dict(zip(DEBUG_OFFSETS_WORDS[version].split(), map(int, numbers.split()), strict=True))


# What release builds state (tests.derive_layouts.debug_offsets).
WORDS_3_13 = _words(
    (3, 13),
    """
    283408 608 632 194984 7272 7264 7344 7400 7656 7640 7648 16 7752 0 7768 7760 312 0 8 16 72 152 160
    232 32 80 8 0 56 72 70 208 112 120 128 136 68 52 96 104 200 16 8 416 24 88 168 32 24 16 40 24 16 48
    32 40 24 16 32 16 24 40 16 32 64 32 16 40 240 200
    """,
)
WORDS_3_14 = _words(
    (3, 14),
    """
    316616 784 808 225864 7280 7272 7344 7360 7408 7688 7672 7680 16 7784 0 7800 7792 7992 0 832 0 8 16
    72 152 160 232 32 88 8 0 56 80 74 64 0 216 112 120 128 136 68 52 96 104 208 0 16 8 416 24 88 168 40
    32 16 40 24 16 200 24 40 32 48 32 40 24 16 32 16 24 40 16 32 64 32 16 40 264 192
    """,
)
WORDS_3_13T = _words(
    (3, 13),
    """
    328384 608 632 215616 7272 7264 7344 7400 7664 7648 7656 16 7760 0 7784 7776 312 0 8 16 72 152 160
    232 32 80 8 0 56 72 70 224 128 136 144 152 84 68 112 120 216 32 24 432 40 104 184 48 40 32 56 40 32
    64 48 56 40 32 48 32 40 56 32 48 80 48 32 56 248 200
    """,
)
WORDS_3_14T = _words(
    (3, 14),
    """
    362368 784 808 246720 7280 7272 7344 7360 7408 7712 7696 7704 16 7808 0 7832 7824 8024 17628 832 0 8
    16 72 152 160 232 32 88 8 0 56 80 78 64 72 240 128 136 144 152 84 68 112 120 232 224 32 24 432 40
    104 184 56 48 32 56 40 32 216 40 56 48 64 48 56 40 32 48 32 40 56 32 48 80 48 32 56 288 192
    """,
)
WORDS_3_15 = _words(
    (3, 15),
    """
    346560 912 936 226232 7272 7264 7336 7352 7400 7592 7576 7584 16 7736 0 7752 7744 7944 0 888 0 8 16
    72 80 88 96 176 184 256 32 36 40 136 288 0 88 8 0 56 80 74 64 0 216 112 120 128 136 68 52 96 104 208
    0 16 8 424 24 88 168 32 288 944 888 40 32 16 40 24 16 200 24 40 32 48 32 40 24 16 32 16 24 40 16 32
    64 32 16 40 56 176 112 120 1112 104 160 24 72 67
    """,
)
WORDS_3_15T = _words(
    (3, 15),
    """
    406016 912 936 247040 7272 7264 7336 7352 7400 7592 7576 7584 16 7736 0 7760 7752 7952 17564 888 0 8
    16 72 80 88 96 176 184 256 32 36 40 136 288 0 88 8 0 56 80 78 64 72 240 128 136 144 152 84 68 112 120
    232 224 32 24 440 40 104 184 48 304 968 904 56 48 32 56 40 32 216 40 56 48 64 48 56 40 32 48 32 40 56
    32 48 80 48 32 56 72 176 112 120 216 104 176 40 88 83
    """,
)


def debug_offsets(
    words: dict[str, int], version: tuple[int, int] = (3, 13), *, free_threaded: bool = False
) -> bytes:
    """`_Py_DebugOffsets` with these words, from its cookie on."""
    names = DEBUG_OFFSETS_WORDS[version].split()
    head = DEBUG_OFFSETS_HEAD.pack(DEBUG_COOKIE, version[0] << 24 | version[1] << 16, free_threaded)
    return head + struct.pack(f"<{len(names)}Q", *(words.get(name, 0) for name in names))


FREE_LAYOUTS: dict[str, Layout] = {
    f"{major}.{minor}t": from_debug_offsets(
        (major, minor), debug_offsets(words, (major, minor), free_threaded=True)
    )
    for (major, minor), words in {
        (3, 13): WORDS_3_13T,
        (3, 14): WORDS_3_14T,
        (3, 15): WORDS_3_15T,
    }.items()
}
LAYOUTS: dict[str, Layout] = {
    "3.11": TABLES[3, 11],
    "3.12": TABLES[3, 12],
    "3.13": from_debug_offsets((3, 13), debug_offsets(WORDS_3_13)),
    "3.14": from_debug_offsets((3, 14), debug_offsets(WORDS_3_14, (3, 14))),
    "3.15": from_debug_offsets((3, 15), debug_offsets(WORDS_3_15, (3, 15))),
    **FREE_LAYOUTS,
}
HEAP_LAYOUTS: dict[str, Layout] = {
    f"{major}.{minor}": layout for (major, minor), layout in TABLES.items() if layout.frames == "heap"
}
ALL_LAYOUTS: dict[str, Layout] = {
    **HEAP_LAYOUTS,
    **LAYOUTS,
    "3.7+debug": with_object_head(TABLES[3, 7], 32, "debug"),
    "3.12+refs": with_object_head(TABLES[3, 12], 32, "trace-refs"),
}

CODE_TYPE = 0x55550000
UNITS_PER_LINE = 2


class FakeObjects:
    """A heap: objects are appended to one segment. `memory` holds it, and whatever else a test maps."""

    def __init__(self, layout: Layout, base: int = 0x10000000) -> None:
        self.layout = layout
        self.base = base
        self.heap = bytearray()
        self.memory = FakeMemory()
        self.memory.segments[base] = self.heap

    def place(self, data: bytes) -> int:
        """Append an object; its address."""
        self.heap += bytes(-len(self.heap) % 16)
        address = self.base + len(self.heap)
        self.heap += data
        return address

    def write(self, address: int, form: str, *values: int) -> None:
        """Write into the heap."""
        struct.pack_into(form, self.heap, address - self.base, *values)

    def text(self, text: str, kind: int = 0) -> int:
        """A compact str; `kind` 1, 2 or 4 bytes a character (0: ASCII)."""
        o = self.layout
        codec = {0: "ascii", 1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[kind]
        data = text.encode(codec, "strict" if kind < 2 else "surrogatepass")
        head = bytearray(o.compact_size if kind else o.ascii_size)
        struct.pack_into("<Q", head, o.unicode_length, len(text))
        struct.pack_into("<I", head, o.unicode_state, self._state(kind))
        return self.place(bytes(head) + data + bytes(kind or 1))

    def _state(self, kind: int) -> int:
        o = self.layout
        return (kind or 1) * (o.kind_mask // 7) | o.compact_mask | (0 if kind else o.ascii_mask)

    def bytes(self, data: bytes) -> int:
        """A bytes object."""
        head = bytearray(self.layout.bytes_value)
        struct.pack_into("<Q", head, self.layout.object_size, len(data))
        return self.place(bytes(head) + data + b"\0")

    def code(
        self,
        name: str,
        file: str = "/srv/app.py",
        first_line: int = 1,
        lines: int = 20,
        *,
        at: int = 0,
    ) -> int:
        """A code object with one statement of UNITS_PER_LINE units a line; `at`: in place of another one."""
        o = self.layout
        table = line_table(lines)
        head = bytearray(o.code_size)
        struct.pack_into("<Q", head, o.object_type, CODE_TYPE)
        struct.pack_into("<Q", head, o.object_size, lines * UNITS_PER_LINE)
        struct.pack_into("<i", head, o.code_firstlineno, first_line)
        struct.pack_into("<Q", head, o.code_filename, self.text(file))
        struct.pack_into("<Q", head, o.code_name, self.text(name.rsplit(".", 1)[-1]))
        struct.pack_into("<Q", head, o.code_qualname, self.text(name))
        struct.pack_into("<Q", head, o.code_linetable, self.bytes(table))
        if at:
            self.heap[at - self.base : at - self.base + len(head)] = head
        else:
            at = self.place(bytes(head) + bytes(lines * UNITS_PER_LINE * 2))
        if o.code_tlbc is not None:
            # The main copy, a thread that has none, and two that have one of their own.
            copies = [self.place(bytes(lines * UNITS_PER_LINE * 4)) for _ in range(2)]
            array = self.place(struct.pack("<Q4Q", 4, at + o.code_adaptive, 0, *copies))
            self.write(at + o.code_tlbc, "<Q", array)
        return at

    def instruction(self, code: int, line: int, unit: int = 0, copy: int = 0) -> int:
        """Address of a unit of the line that comes `line` lines after the first; `copy`: of 0, 2 and 3."""
        base = code + self.layout.code_adaptive
        if copy and self.layout.code_tlbc is not None:
            (array,) = struct.unpack("<Q", self.memory.read(code + self.layout.code_tlbc, 8))
            (base,) = struct.unpack("<Q", self.memory.read(array + 8 + 8 * copy, 8))
        return base + 2 * (line * UNITS_PER_LINE + unit)


def line_table(lines: int) -> bytes:
    """A location table: each line has UNITS_PER_LINE units."""
    entries = bytearray()
    for line in range(lines):
        kind = 11 if line else 10
        entries += bytes([0x80 | kind << 3 | UNITS_PER_LINE - 1, 0, 0])
    return bytes(entries)


OWNED_BY_THREAD, OWNED_BY_GENERATOR, OWNED_BY_CSTACK = 0, 1, 3
ROOT_CFRAME = 320
BASE_FRAME = 400


@dataclass
class Frame:
    """One frame as it should be seen. `code` 0: an entry frame."""

    address: int
    code: int
    line: int
    owner: int
    size: int
    chunk: int = 0
    """The chunk it lies in, 0 when elsewhere."""
    cframe: int = 0
    """The cframe that was entered for it, 0 if none."""


@dataclass
class FakeThread:
    """A thread state and its stack. Every change is written into the segments at once."""

    objects: FakeObjects
    codes: list[int]
    chunk_size: int = 16384
    address: int = 0x20000000
    frames: list[Frame] = field(default_factory=list)
    """The truth, outermost first."""

    def __post_init__(self) -> None:
        self.layout = self.objects.layout
        self.memory = self.objects.memory
        self._state = self._map(self.address, 512)
        # A C stack grows down; generators lie scattered over a heap of their own.
        self._c_base = 0x7F0000000000
        self._c_stack = self._map(self._c_base, 1 << 16)
        self._c_top = self._c_base + (1 << 16)
        self._heap_base = 0x30000000
        self._heap = self._map(self._heap_base, 1 << 18)
        self._free = [self._heap_base + 16 + 256 * index for index in range(1000)]
        self._chunks: list[int] = []
        self._top = 0
        self._unused: list[int] = []
        self._next_chunk = 0x40000000
        self.none = self.objects.place(bytes(64))
        self._cframes = [self.address + ROOT_CFRAME]
        if self.layout.cframe is not None:
            self._set(self._state, self.address, self.layout.cframe, self._cframes[0])
        self._bottom = 0
        if self.layout.base_frame is not None:
            # What ends every stack lies in the thread state's own structure.
            self._bottom = self.address + BASE_FRAME
            self._set(self._state, self.address, self.layout.base_frame, self._bottom)
            self._write(self._bottom + self.layout.frame_code, "<Q", self.none)
            self._write(self._bottom + self.layout.frame_owner, "<B", self.layout.hidden_owner)
        self._current(self._bottom)

    def _map(self, address: int, size: int) -> bytearray:
        segment = bytearray(size)
        self.memory.segments[address] = segment
        return segment

    @staticmethod
    def _set(segment: bytearray, base: int, at: int, value: int) -> None:
        struct.pack_into("<Q", segment, at, value)

    def _write(self, address: int, form: str, *values: int) -> None:
        for base, segment in self.memory.segments.items():
            if base <= address < base + len(segment):
                struct.pack_into(form, segment, address - base, *values)
                return
        raise AssertionError(hex(address))

    def _current(self, frame: int) -> None:
        """What the thread state, or the cframe it points to, calls the current frame."""
        o = self.layout
        if o.cframe is None:
            self._write(self.address + o.current_frame, "<Q", frame)
        else:
            self._write(self._cframes[-1] + o.current_frame, "<Q", frame)

    def _stack_pointers(self) -> None:
        o = self.layout
        self._write(
            self.address + o.datastack_chunk, "<QQ", self._chunks[-1] if self._chunks else 0, self._top
        )

    def _push_chunk(self, size: int) -> None:
        if self._chunks:
            chunk = self._chunks[-1]
            self._write(chunk + 16, "<Q", (self._top - chunk - 24) // 8)
        length = max(self.chunk_size, size + 64)
        address = self._unused.pop() if self._unused and length == self.chunk_size else self._next_chunk
        if address == self._next_chunk:
            self._next_chunk += length + 0x10000
        self._map(address, length)
        self._write(address, "<QQQ", self._chunks[-1] if self._chunks else 0, length, 0)
        # CPython keeps a word of the first chunk back, so that it is never empty.
        self._top = address + 24 + (0 if self._chunks else 8)
        self._chunks.append(address)

    def _fill(self, frame: Frame) -> None:
        o = self.layout
        previous = self.frames[-1].address if self.frames else self._bottom
        at = frame.address
        # Without a GIL, references that frames hold are tagged: they are counted later.
        tag = 1 if o.code_tlbc is not None else 0
        self._write(at + o.frame_code, "<Q", (frame.code or self.none) | tag)
        self._write(at + o.frame_previous, "<Q", previous)
        self._write(at + o.frame_owner, "<B", frame.owner)
        self.frames.append(frame)
        self._stand(frame)
        self._stack_pointers()
        self._current(at)

    def _stand(self, frame: Frame) -> None:
        o = self.layout
        copy = (0, 2, 3)[frame.address // 16 % 3] if o.frame_tlbc_index is not None else 0
        instruction = self.objects.instruction(frame.code, frame.line, copy=copy) if frame.code else 0
        if o.frame_tlbc_index is not None:
            self._write(frame.address + o.frame_tlbc_index, "<i", copy)
        self._write(frame.address + self.layout.frame_instruction, "<Q", instruction)

    def call(self, code: int, line: int = 0, size: int = 96) -> None:
        """A call of a Python function: a frame on the data stack."""
        if not self._chunks or self._top + size > self._chunks[-1] + len(
            self.memory.segments[self._chunks[-1]]
        ):
            self._push_chunk(size)
        address, self._top = self._top, self._top + size
        self._fill(Frame(address, code, line, OWNED_BY_THREAD, size, self._chunks[-1]))

    def resume(self, code: int, line: int = 0, heap: int = 0) -> None:
        """A generator is resumed: its frame lies in its object, at `heap` if it was there before."""
        address = heap or self._free.pop()
        self._fill(Frame(address, code, line, OWNED_BY_GENERATOR, 0))

    def enter(self) -> None:
        """C code calls back: a new evaluation loop, with what its version leaves on the C stack."""
        o = self.layout
        cframe = 0
        if o.cframe is not None:
            self._c_top -= 96
            cframe = self._c_top
            self._cframes.append(cframe)
            self._write(self.address + o.cframe, "<Q", cframe)
        if o.version >= (3, 12):
            self._c_top -= 128
            self._fill(Frame(self._c_top, 0, 0, OWNED_BY_CSTACK, 0, cframe=cframe))
        else:
            # 3.11 has no entry frames, so the loop is entered with its first frame.
            self.call(self.codes[0])
            self.frames[-1].cframe = cframe

    def leave(self) -> Frame:
        """The innermost frame returns."""
        frame = self.frames.pop()
        if frame.chunk:
            self._top = frame.address
            if self._top == frame.chunk + 24 and len(self._chunks) > 1:
                del self.memory.segments[frame.chunk]
                self._unused.append(frame.chunk)
                self._chunks.pop()
                chunk = self._chunks[-1]
                (used,) = struct.unpack_from("<Q", self.memory.segments[chunk], 16)
                self._top = chunk + 24 + used * 8
        elif frame.owner == OWNED_BY_GENERATOR:
            self._write(frame.address + self.layout.frame_previous, "<Q", 0)
            self._free.append(frame.address)
        else:
            self._c_top += 128
        if frame.cframe:
            self._cframes.pop()
            self._c_top += 96
            self._write(self.address + (self.layout.cframe or 0), "<Q", self._cframes[-1])
        self._stack_pointers()
        self._current(self.frames[-1].address if self.frames else self._bottom)
        return frame

    def move(self, line: int) -> None:
        """The innermost frame goes to another line."""
        frame = self.frames[-1]
        if frame.code:
            frame.line = line
            self._stand(frame)

    def scribble(self, chance: random.Random) -> None:
        """The innermost frame's own values change, and what lies above it on the data stack."""
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.chunk:
            # Its values begin at the next word.
            start = frame.address + self.layout.frame_owner // 8 * 8 + 8 - frame.chunk
            segment = self.memory.segments[frame.chunk]
            end = min(len(segment), start + chance.choice([8, 24, 400]))
            segment[start:end] = chance.randbytes(end - start)

    def truth(self) -> list[tuple[int, int]]:
        """(address of the code, lines after its first) of each Python frame, innermost first."""
        return [(frame.code, frame.line) for frame in reversed(self.frames) if frame.code]

    def point(self, frame: int, previous: int) -> None:
        """Damage: the frame at this address is called by the one at `previous`."""
        self._write(frame + self.layout.frame_previous, "<Q", previous)

    @property
    def top(self) -> int:
        """The end of the used part of the data stack."""
        return self._top
