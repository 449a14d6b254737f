"""Call-frame information made by hand, so that a test has exactly the instructions it means to."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fake_memory import FakeMemory

from livetop.elf.cfi import X86_64, CallFrames, Machine

HEADER = 0x50_0000
FRAMES = 0x51_0000
CODE = 0x40_0000
SIZE = 0x1000

# What GCC writes for x86-64: CFA = rsp + 8, the return address at CFA - 8.
USUAL = bytes([0x0C, 7, 8, 0x90, 1])


def leb(value: int) -> bytes:
    """Return an unsigned LEB128 number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def sleb(value: int) -> bytes:
    """Return a signed LEB128 number."""
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value & 127])


@dataclass(frozen=True)
class Made:
    """The two sections and where the entries of the functions are."""

    header: bytes
    frames: bytes
    entries: tuple[int, ...]

    def call_frames(self, machine: Machine = X86_64) -> CallFrames:
        """Have them read from a memory."""
        return CallFrames(self.memory().read, HEADER, len(self.header), machine)

    def memory(self) -> FakeMemory:
        """The sections as they lie in memory, which has whole pages."""
        return FakeMemory({HEADER: pages(self.header), FRAMES: pages(self.frames)})


def pages(content: bytes) -> bytes:
    """Return content and the zeros behind it in its last page."""
    return content + bytes(-len(content) % 4096)


def entry(body: bytes) -> bytes:
    """Return an entry of four-byte lengths, padded with DW_CFA_nop."""
    body += bytes(-len(body) % 4)
    return struct.pack("<I", len(body)) + body


def make(
    *programs: bytes,
    initial: bytes = USUAL,
    augmentation: bytes = b"zR",
    data: bytes = b"\x1b",
    version: int = 1,
    alignments: tuple[int, int] = (1, -8),
    column: int = 16,
) -> Made:
    """Function i of SIZE bytes at CODE + i * SIZE has programs[i]; one CIE for all; addresses are pcrel."""
    cie = struct.pack("<IB", 0, version) + augmentation + b"\0"
    if version == 4:
        cie += b"\x08\x00"
    cie += leb(alignments[0]) + sleb(alignments[1]) + leb(column)
    if augmentation[:1] == b"z":
        cie += leb(len(data)) + data
    frames = entry(cie + initial)
    entries: list[int] = []
    for index, program in enumerate(programs):
        at = len(frames)
        entries.append(at)
        start = CODE + index * SIZE
        body = struct.pack("<IiI", at + 4, start - (FRAMES + at + 8), SIZE)
        frames += entry(body + (b"\0" if augmentation[:1] == b"z" else b"") + program)
    frames += bytes(4)
    return Made(header(entries), frames, tuple(entries))


def header(entries: list[int]) -> bytes:
    """Return the .eh_frame_hdr that linkers write."""
    made = b"\x01\x1b\x03\x3b" + struct.pack("<iI", FRAMES - (HEADER + 4), len(entries))
    for index, at in enumerate(entries):
        made += struct.pack("<ii", CODE + index * SIZE - HEADER, FRAMES + at - HEADER)
    return made
