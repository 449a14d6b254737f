"""The headers of an ELF file: little-endian, 64 bits, and nothing in it is believed unchecked."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from .errors import ElfError

# Numbers are those of elf.h.
PT_LOAD: Final = 1
PT_DYNAMIC: Final = 2
PT_NOTE: Final = 4
PF_X: Final = 1
PF_W: Final = 2
PF_R: Final = 4

# No file of interest has more; a hostile one must not make us work.
MAX_HEADERS = 4096
MAX_TABLE = 256 << 20

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header: where bytes of the file (`offset`, `file_size`) go in memory (`address`, `size`)."""

    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    size: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section header; `link` is the index of the section that goes with it (strings of symbols)."""

    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    entry_size: int


class Seekable(Protocol):
    """What an image is read from: a binary file, or something that is read like one."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset from the start, or (`whence` 2) from the end; return where that is."""
        ...

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes. Raises OSError."""
        ...


class Image:
    """An ELF file that is read piece by piece as it is asked for. Raises ElfError everywhere."""

    def __init__(self, file: Seekable) -> None:
        self._file = file
        try:
            self.size = file.seek(0, os.SEEK_END)
        except (OSError, ValueError) as error:
            raise ElfError(f"cannot read an ELF file: {error}") from None
        header = self.read(0, _HEADER.size)
        ident = header[:16]
        if ident[:4] != b"\x7fELF":
            raise ElfError("not an ELF file")
        if ident[4:6] != b"\x02\x01":
            raise ElfError("an ELF file for another kind of machine: 64 bits and little-endian are read")
        fields = _HEADER.unpack(header)
        self.machine: int = fields[2]
        self._program_offset, self._section_offset = fields[5], fields[6]
        self._program_size, self._program_count = fields[9], fields[10]
        self._section_size, self._section_count, self._names_index = fields[11:14]

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes at a file offset."""
        if offset < 0 or size < 0 or size > MAX_TABLE or offset + size > self.size:
            raise ElfError("a damaged ELF file: it points behind its end")
        try:
            self._file.seek(offset)
            data = self._file.read(size)
        except (OSError, ValueError) as error:
            raise ElfError(f"cannot read an ELF file: {error}") from None
        if len(data) != size:
            raise ElfError("a damaged ELF file: it points behind its end")
        return data

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers."""
        count = self._program_count
        if count == 0:
            return ()
        if self._program_size != _PROGRAM.size or count > MAX_HEADERS:
            raise ElfError("a damaged ELF file: impossible program headers")
        table = self.read(self._program_offset, count * _PROGRAM.size)
        return tuple(
            Segment(kind, flags, offset, address, file_size, size)
            for kind, flags, offset, address, _, file_size, size, _ in _PROGRAM.iter_unpack(table)
        )

    @cached_property
    def loads(self) -> tuple[Segment, ...]:
        """The segments that are mapped when the file is loaded."""
        return tuple(segment for segment in self.segments if segment.kind == PT_LOAD)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The section headers; () when they were stripped or wiped."""
        count = self._section_count
        if count == 0 or self._section_offset == 0:
            return ()
        if self._section_size != _SECTION.size or count > MAX_HEADERS:
            raise ElfError("a damaged ELF file: impossible section headers")
        rows = list(_SECTION.iter_unpack(self.read(self._section_offset, count * _SECTION.size)))
        names = b""
        if self._names_index < count:
            names = self.read(rows[self._names_index][4], rows[self._names_index][5])
        return tuple(
            Section(_name(names, row[0]), row[1], row[2], row[3], row[4], row[5], row[6], row[9])
            for row in rows
        )

    def offset_of(self, address: int) -> int:
        """Turn an address (as the file states them, before loading) into a file offset."""
        for segment in self.loads:
            if segment.address <= address < segment.address + segment.file_size:
                return segment.offset + address - segment.address
        raise ElfError("a damaged ELF file: an address that is not in it")


def _name(names: bytes, start: int) -> str:
    end = names.find(b"\0", start, start + 256)
    return names[start:end].decode("ascii", "replace") if end >= 0 else ""
