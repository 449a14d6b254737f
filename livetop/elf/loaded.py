"""An ELF file as it lies in a process's memory: what was mapped is enough, whatever became of the file."""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from livetop.target.maps import Mapping

from .errors import ElfError
from .image import PF_X, PT_DYNAMIC, PT_LOAD, PT_NOTE, Image, Segment
from .sections import build_id_in
from .symbols import find_hashed

_PT_GNU_EH_FRAME: Final = 0x6474E550
_PAGE: Final = mmap.PAGESIZE

_DT_HASH: Final = 4
_DT_STRTAB: Final = 5
_DT_SYMTAB: Final = 6
_DT_STRSZ: Final = 10
_DT_GNU_HASH: Final = 0x6FFFFEF5

_TABLES: Final = (_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH)

_DYNAMIC = struct.Struct("<qQ")
_MAX_DYNAMIC: Final = 1024
_MAX_NOTES: Final = 1 << 14
# As many dynamic symbols and hash buckets as are believed; libtorch has some 100,000.
_MAX_DYNAMIC_SYMBOLS: Final = 1 << 20
_MAX_CHAIN: Final = 1 << 12

Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class DynamicSymbols:
    """Where the dynamic symbols lie in memory: addresses, a count, a size in bytes."""

    table: int
    count: int
    strings: int
    strings_size: int


class MappedFile:
    """Reads a file by its offsets from where a process has mapped it: enough of a file for an `Image`.

    Only what was never written to may be asked for: headers. `mappings` are those of the one file.
    """

    def __init__(self, read: Read, mappings: Sequence[Mapping]) -> None:
        self._read = read
        self._mappings = mappings
        self._at = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset, or (whence 2) to the end of what is mapped; return the new offset."""
        end = max((part.offset + part.size for part in self._mappings), default=0) if whence == 2 else 0
        self._at = end + offset
        return self._at

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes. Raises OSError when they are not mapped as one piece, TargetError."""
        for part in self._mappings:
            if part.offset <= self._at and self._at + size <= part.offset + part.size:
                return self._read(part.start + self._at - part.offset, size)
        raise OSError("this part of the file is not mapped")


class Loaded:
    """A file's segments and what they say, at `bias` above the addresses that the file states.

    Everything raises ElfError for what is damaged and passes on what `read` raises.
    """

    def __init__(self, read: Read, image: Image, bias: int) -> None:
        self._read = read
        self.machine = image.machine
        self.segments = image.segments
        self.bias = bias

    def holds(self, address: int) -> bool:
        """Whether an address of the process lies in one of the segments (zeroed data included)."""
        at = address - self.bias
        return any(part.kind == PT_LOAD and 0 <= at - part.address < part.size for part in self.segments)

    def frame_header(self) -> tuple[int, int] | None:
        """The address in the process and the size of .eh_frame_hdr; None when there is none."""
        for part in self.segments:
            if part.kind == _PT_GNU_EH_FRAME:
                return part.address + self.bias, part.size
        return None

    def build_id(self) -> str | None:
        """The GNU build id in hexadecimal, None when there is none."""
        for part in self.segments:
            if part.kind == PT_NOTE:
                found = build_id_in(self._read(part.address + self.bias, min(part.size, _MAX_NOTES)))
                if found is not None:
                    return found
        return None

    @cached_property
    def _dynamic(self) -> dict[int, int]:
        for part in self.segments:
            if part.kind == PT_DYNAMIC:
                size = min(part.size // _DYNAMIC.size, _MAX_DYNAMIC) * _DYNAMIC.size
                entries: dict[int, int] = {}
                for tag, value in _DYNAMIC.iter_unpack(self._read(part.address + self.bias, size)):
                    if tag == 0:
                        break
                    entries.setdefault(tag, value)
                return entries
        return {}

    def _pointer(self, tag: int) -> int:
        """The address in the process that an entry means: glibc's loader writes it there, musl's does not."""
        value = self._dynamic.get(tag, 0)
        return value if not value or value >= self.bias else value + self.bias

    def dynamic_symbols(self) -> DynamicSymbols | None:
        """Where the dynamic symbols are; None for a file without them (a static program)."""
        table, strings = self._pointer(_DT_SYMTAB), self._pointer(_DT_STRTAB)
        if not table or not strings:
            return None
        count = self._count()
        return DynamicSymbols(table, count, strings, self._dynamic.get(_DT_STRSZ, 0)) if count else None

    def find(self, names: Iterable[str]) -> dict[str, int]:
        """{name: address in the process} of those symbols that the file exports."""
        tables = {tag: self._pointer(tag) - self.bias for tag in _TABLES if self._pointer(tag)}
        tables[_DT_STRSZ] = self._dynamic.get(_DT_STRSZ, 0)

        def read(address: int, size: int) -> bytes:
            return self._read(address + self.bias, size)

        found, damage = find_hashed(read, tables, names)
        if damage is not None and not found:
            raise damage
        return {name: address + self.bias for name, address in found.items()}

    def _count(self) -> int:
        """How many dynamic symbols there are, which only the hash tables tell (see `symbols.py`)."""
        table = self._pointer(_DT_GNU_HASH)
        if table:
            buckets, first, bloom, _ = struct.unpack("<4I", self._read(table, 16))
            if buckets > _MAX_DYNAMIC_SYMBOLS or bloom > _MAX_DYNAMIC_SYMBOLS:
                raise ElfError("a damaged ELF file: an impossible symbol hash table")
            at = table + 16 + bloom * 8
            last = max(array("I", self._read(at, buckets * 4)), default=0)
            if last < first:
                # Nothing is exported, and what is only imported is of no use here.
                return 0
            chain = at + buckets * 4 - first * 4
            for index in range(last, min(last + _MAX_CHAIN, _MAX_DYNAMIC_SYMBOLS)):
                if self._read(chain + index * 4, 1)[0] & 1:
                    return index + 1
            raise ElfError("a damaged ELF file: an endless symbol hash chain")
        table = self._pointer(_DT_HASH)
        if table:
            count = int(struct.unpack("<II", self._read(table, 8))[1])
            if count > _MAX_DYNAMIC_SYMBOLS:
                raise ElfError("a damaged ELF file: an impossible symbol hash table")
            return count
        return 0


def bias_of(image: Image, mapping: Mapping) -> int | None:
    """Return what is to be added to the file's addresses where `mapping` is; None: it is no loaded segment.

    Unlike `sections.load_bias` it needs but one mapping, so that a file loaded twice has two; and the mapping
    may be a part of a segment that was split by changing its permissions.
    """
    executable = "x" in mapping.permissions
    best: Segment | None = None
    for part in image.loads:
        begin = part.offset & -_PAGE
        inside = begin <= mapping.offset < part.offset + part.file_size
        # The last of those that share the page where one ends and the next begins.
        if inside and bool(part.flags & PF_X) == executable:
            best = part
    if best is None:
        return None
    return mapping.start - mapping.offset + best.offset - best.address
