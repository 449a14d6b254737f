"""Where an ELF file's parts are: sections by name, the load bias, the build id."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

from livetop.target.maps import Mapping

from .errors import ElfError
from .image import PF_X, PT_NOTE, Image

_PAGE = mmap.PAGESIZE
_NOTE = struct.Struct("<III")
_NT_GNU_BUILD_ID = 3
_MAX_NOTES = 1 << 16
_MAX_BUILD_ID = 64


def section_address(file: BinaryIO, name: str) -> tuple[int, int] | None:
    """Return (address before loading, size) of a section; None when there is none or names were wiped.

    Raises ElfError.
    """
    for section in Image(file).sections:
        if section.name == name:
            return section.address, section.size
    return None


def load_bias(image: Image, mappings: Iterable[Mapping]) -> int:
    """Return what must be added to the file's addresses to get those of the process.

    `mappings` are those of this one file. Every mapping that begins where a segment does votes, so that a
    second, plain mapping of the same file (a program that reads its own binary) does not mislead.
    Raises ElfError when no mapping looks like a loaded segment.
    """
    votes: Counter[int] = Counter()
    for mapping in mappings:
        executable = "x" in mapping.permissions
        for segment in image.loads:
            if segment.offset & -_PAGE == mapping.offset and bool(segment.flags & PF_X) == executable:
                # Loaded code is the surest sign, so it outvotes a plain mapping of the whole file.
                votes[mapping.start - (segment.address & -_PAGE)] += 2 if executable else 1
    if not votes:
        raise ElfError("the file is not loaded in the process, or a different version of it is")
    return max(votes, key=lambda bias: votes[bias])


def build_id(file: BinaryIO) -> str | None:
    """Return the GNU build id in hexadecimal, None when the file has none. Raises ElfError."""
    image = Image(file)
    for segment in image.segments:
        if segment.kind != PT_NOTE:
            continue
        found = build_id_in(image.read(segment.offset, min(segment.file_size, _MAX_NOTES)))
        if found is not None:
            return found
    return None


def build_id_in(notes: bytes) -> str | None:
    """Return the GNU build id, in hexadecimal, among the notes of a PT_NOTE segment."""
    at = 0
    while at + _NOTE.size <= len(notes):
        name_size, size, kind = _NOTE.unpack_from(notes, at)
        name_at = at + _NOTE.size
        body_at = name_at + (name_size + 3 & -4)
        if kind == _NT_GNU_BUILD_ID and notes[name_at : name_at + name_size] == b"GNU\0":
            return notes[body_at : body_at + min(size, _MAX_BUILD_ID)].hex() or None
        at = body_at + (size + 3 & -4)
    return None
