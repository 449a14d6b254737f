"""From an address to the function that covers it: a symbol table, sorted once, names read when asked for."""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable
from itertools import compress
from typing import Final

from .errors import ElfError
from .image import Image, Section
from .loaded import DynamicSymbols, Read

_SHT_SYMTAB: Final = 2
_SYMBOL = struct.Struct("<IBBHQQ")
_STT_FUNC: Final = 2
_STB_LOCAL: Final = 0

# 1 for a symbol's info byte when it is a function's.
_IS_FUNCTION = bytes(int(info & 15 == _STT_FUNC) for info in range(256))

# More than any real file has. Time goes with the number: 0.4 µs a symbol.
MAX_SYMBOLS: Final = 1 << 20
# A table of at most this size is kept in memory; of a larger one what is asked for is read again.
_KEPT: Final = 2 << 20
_MAX_NAME: Final = 2048
# A symbol without a size (assembler) reaches to the next one, but not farther than this.
_REACH: Final = 64 << 10
# Among exported symbols only, what follows may be local functions: musl's memset is before its system calls.
_REACH_OF_EXPORTED: Final = 256
# They have no size, and what follows them (the .plt) is not theirs.
_SHORT = frozenset({b"_init", b"_fini"})
# How many symbols before an address are looked at: an inner label may hide the function around it.
_BACK: Final = 8
_MAX_FOUND: Final = 1 << 14

Slice = Callable[[int, int], bytes]


class SymbolTable:
    """The functions of one symbol table. Addresses are those the file states, before loading."""

    __slots__ = ("_entries", "_found", "_order", "_reach", "_starts", "_strings", "_strings_size")

    def __init__(
        self, entries: Slice, count: int, strings: Slice, strings_size: int, reach: int = _REACH
    ) -> None:
        """`entries` and `strings` return bytes of the two tables: (offset, size). Raises what they raise.

        A symbol without a size covers at most `reach` bytes.
        """
        if count > MAX_SYMBOLS:
            raise ElfError(f"a symbol table too large to use: {count:,} symbols")
        data = entries(0, count * _SYMBOL.size)
        self._entries = _kept(entries, data)
        self._strings, self._strings_size = strings, strings_size
        self._reach = reach
        self._found: dict[int, bytes | None] = {}
        # Whole columns at once: three words a symbol, the second is the address.
        flags = data[4 :: _SYMBOL.size].translate(_IS_FUNCTION)
        starts = array("Q", compress(array("Q", data)[1::3], flags))
        numbers = array("I", compress(range(count), flags))
        order = sorted(range(len(starts)), key=starts.__getitem__)
        self._starts = array("Q", map(starts.__getitem__, order))
        self._order = array("I", map(numbers.__getitem__, order))

    def __len__(self) -> int:
        return len(self._starts)

    def find(self, address: int) -> bytes | None:
        """Return the name of the function that covers an address, as it is in the file.

        Raises what reading the tables raises.
        """
        last = bisect_right(self._starts, address) - 1
        # Without an upper bound on sizes only a few can be looked at; see _BACK.
        for index in range(last, max(last - _BACK, -1), -1):
            start = self._starts[index]
            if index < last and start == self._starts[index + 1]:
                continue
            name = self._covering(index, address, index == last)
            if name is not None:
                return name
        return None

    def _covering(self, index: int, address: int, nearest: bool) -> bytes | None:
        """The best name of the symbols that start where symbol `index` (the last of them) does."""
        start = self._starts[index]
        best: tuple[bool, int, int, bytes] | None = None
        for at in range(index, max(index - 4 * _BACK, -1), -1):
            if self._starts[at] != start:
                break
            name_at, info, _, section, _, size = _SYMBOL.unpack(
                self._entries(self._order[at] * _SYMBOL.size, _SYMBOL.size)
            )
            # Undefined ones have an address where a program's own procedure linkage is meant.
            if not section or not (
                address < start + size or (not size and nearest and address < start + self._reach)
            ):
                continue
            name = self._name(name_at)
            if name and (size or name not in _SHORT):
                bare = len(name) - len(name.lstrip(b"_"))
                key = (info >> 4 == _STB_LOCAL, bare, len(name), name)
                best = key if best is None else min(best, key)
        return best[3] if best is not None else None

    def _name(self, at: int) -> bytes | None:
        found = self._found
        if at in found:
            return found[at]
        if len(found) >= _MAX_FOUND:
            found.clear()
        name = None
        if at < self._strings_size:
            name = self._strings(at, min(_MAX_NAME, self._strings_size - at)).partition(b"\0")[0]
        found[at] = name
        return name


def file_symbols(image: Image, fd: int) -> SymbolTable | None:
    """Return the table made from .symtab, None when the file was stripped of it.

    `fd` is the image's file: the table owns a duplicate of it when it is too large to be kept. -1: there is
    no file, the image is in memory.
    Raises ElfError.
    """
    for section in image.sections:
        if section.kind == _SHT_SYMTAB and section.link < len(image.sections):
            strings = image.sections[section.link]
            reader = _Pieces(image, fd)
            return SymbolTable(
                reader.of(section), section.size // _SYMBOL.size, reader.of(strings), strings.size
            )
    return None


def loaded_symbols(read: Read, where: DynamicSymbols) -> SymbolTable:
    """Return the table made from the dynamic symbols in a process's memory. Raises what `read` raises."""

    def entries(offset: int, size: int) -> bytes:
        return read(where.table + offset, size)

    def strings(offset: int, size: int) -> bytes:
        return read(where.strings + offset, size)

    small = _small(strings, where.strings_size)
    return SymbolTable(entries, where.count, small, where.strings_size, _REACH_OF_EXPORTED)


class _Pieces:
    """Sections of a file, which stays open for as long as a large one of them is in use."""

    def __init__(self, image: Image, fd: int) -> None:
        self._image = image
        self._original = fd
        self._fd = -1

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def of(self, section: Section) -> Slice:
        if section.size <= _KEPT or self._original < 0:
            data = self._image.read(section.offset, section.size)
            return lambda offset, size: data[offset : offset + size]
        if self._fd < 0:
            self._fd = os.dup(self._original)

        def piece(offset: int, size: int) -> bytes:
            try:
                data = os.pread(self._fd, size, section.offset + offset)
            except OSError as error:
                raise ElfError(f"cannot read an ELF file: {error}") from None
            if len(data) != size:
                raise ElfError("a damaged ELF file: it points behind its end")
            return data

        return piece


def _small(read: Slice, size: int) -> Slice:
    return _kept(read, read(0, size)) if size <= _KEPT else read


def _kept(read: Slice, data: bytes) -> Slice:
    return (lambda offset, size: data[offset : offset + size]) if len(data) <= _KEPT else read
