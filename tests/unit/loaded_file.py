"""ELF files as if they were loaded, for tests of what reads a process's memory."""

from __future__ import annotations

import struct
from pathlib import Path

from fake_memory import FakeMemory

from livetop.elf.image import Image

PT_GNU_EH_FRAME = 0x6474E550


class LoadedFile:
    """A file's loaded segments in a memory, moved up by `bias`, and where its .eh_frame_hdr is."""

    def __init__(self, path: Path, bias: int = 0x7F00_0000_0000) -> None:
        with path.open("rb") as file:
            image = Image(file)
            self.bias = bias
            self.machine = image.machine
            self.memory = FakeMemory()
            for part in (part for part in image.loads if part.file_size):
                # As the kernel does it: whole pages.
                padding = bytes(-(part.address + part.file_size) % 4096)
                self.memory.segments[part.address + bias] = image.read(part.offset, part.file_size) + padding
            headers = [part for part in image.segments if part.kind == PT_GNU_EH_FRAME]
            frames = [part for part in image.sections if part.name == ".eh_frame"]
        self.header, self.header_size = headers[0].address + bias, headers[0].size
        self.frames = frames[0].address + bias if frames else 0
        self.frames_size = frames[0].size if frames else 0

    def patch(self, address: int, content: bytes) -> None:
        """Overwrite bytes of the memory."""
        for start, segment in self.memory.segments.items():
            if start <= address < start + len(segment):
                changed = bytearray(segment)
                changed[address - start : address - start + len(content)] = content
                self.memory.segments[start] = bytes(changed)
                return
        raise AssertionError(f"no segment at {address:#x}")

    def without_table(self) -> None:
        """Make the header one that a linker writes when it cannot make the table."""
        (distance,) = struct.unpack("<i", self.memory.read(self.header + 4, 4))
        self.patch(self.header, b"\x01\x1b\xff\xff" + struct.pack("<i", distance))
