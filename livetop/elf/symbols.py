"""The addresses of a few symbols, found without reading the whole table.

The dynamic symbols' hash tables (.gnu.hash, .hash) are reached through the program headers, so that a file
whose section headers were stripped or wiped will do. Only a symbol that is not exported costs a pass over
.symtab. The layouts are those of the System V gABI and of "GNU Hash ELF Sections".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from .errors import ElfError
from .image import PT_DYNAMIC, Image

_DT_NULL: Final = 0
_DT_HASH: Final = 4
_DT_STRTAB: Final = 5
_DT_SYMTAB: Final = 6
_DT_STRSZ: Final = 10
_DT_GNU_HASH: Final = 0x6FFFFEF5
_SHT_SYMTAB: Final = 2

_DYNAMIC = struct.Struct("<qQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_WORDS = struct.Struct("<4I")

_MAX_DYNAMIC = 1024
# The longest hash chain that is followed; a real one has a few entries.
_MAX_CHAIN = 1 << 16
_MAX_SYMBOLS_BYTES = 128 << 20

Read = Callable[[int, int], bytes]


def find_symbols(file: BinaryIO, names: Iterable[str], exported: Iterable[str] = ()) -> dict[str, int]:
    """Return {name: address before loading} of the symbols that are defined in the file.

    `exported` are names that are not worth a pass over .symtab. Names that are not found are left out.
    Add `sections.load_bias` to get addresses in a process.
    Raises ElfError when the file is no ELF file, or a damaged one.
    """
    image = Image(file)

    def read(address: int, size: int) -> bytes:
        return image.read(image.offset_of(address), size)

    missing = dict.fromkeys(names)
    found, damage = find_hashed(read, _dynamic(image), [*missing, *exported])
    for name in found:
        missing.pop(name, None)
    if missing:
        try:
            found.update(_symtab(image, missing))
        except ElfError as error:
            damage = error
    if damage is not None and not found:
        raise damage
    return found


def find_hashed(
    read: Read, dynamic: Mapping[int, int], names: Iterable[str]
) -> tuple[dict[str, int], ElfError | None]:
    """Return {name: address} of dynamic symbols, by the hash tables, and what was damaged in these.

    `read` takes (address, size), and `dynamic` has {tag: address or size}, all as the file states them.
    Raises what `read` raises, but for ElfError.
    """
    missing = dict.fromkeys(names)
    found: dict[str, int] = {}
    damage: ElfError | None = None
    for table, lookup in ((_DT_GNU_HASH, _gnu_hash), (_DT_HASH, _sysv_hash)):
        if not dynamic.get(table) or not missing:
            continue
        try:
            for name in list(missing):
                address = lookup(read, dynamic, dynamic[table], name)
                if address is not None:
                    found[name] = address
                    del missing[name]
        except ElfError as error:
            # Another table may be sound.
            damage = error
        if table == _DT_GNU_HASH and damage is None:
            # Both tables index the same symbols.
            break
    return found, damage


def _dynamic(image: Image) -> dict[int, int]:
    """Return the dynamic section's entries; {} for a static program."""
    for segment in image.segments:
        if segment.kind == PT_DYNAMIC:
            size = min(segment.file_size // _DYNAMIC.size, _MAX_DYNAMIC) * _DYNAMIC.size
            entries: dict[int, int] = {}
            for tag, value in _DYNAMIC.iter_unpack(image.read(segment.offset, size)):
                if tag == _DT_NULL:
                    break
                entries.setdefault(tag, value)
            return entries
    return {}


def _gnu_hash(read: Read, dynamic: Mapping[int, int], table: int, name: str) -> int | None:
    wanted = name.encode()
    value = 5381
    for byte in wanted:
        value = value * 33 + byte & 0xFFFFFFFF
    buckets, first, bloom_size, shift = _WORDS.unpack(read(table, 16))
    if not buckets or not bloom_size or shift > 63:
        raise ElfError("a damaged ELF file: an empty symbol hash table")
    bloom = int.from_bytes(read(table + 16 + value // 64 % bloom_size * 8, 8), "little")
    if not (bloom >> value % 64 & bloom >> (value >> shift) % 64 & 1):
        return None
    bucket_at = table + 16 + bloom_size * 8
    start = int.from_bytes(read(bucket_at + value % buckets * 4, 4), "little")
    if start < first:
        return None
    chain_at = bucket_at + buckets * 4
    for index in range(start, start + _MAX_CHAIN):
        chained = int.from_bytes(read(chain_at + (index - first) * 4, 4), "little")
        if (chained ^ value) >> 1 == 0:
            address = _dynamic_symbol(read, dynamic, index, wanted)
            if address is not None:
                return address
        if chained & 1:
            return None
    raise ElfError("a damaged ELF file: an endless symbol hash chain")


def _sysv_hash(read: Read, dynamic: Mapping[int, int], table: int, name: str) -> int | None:
    wanted = name.encode()
    value = 0
    for byte in wanted:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
    buckets, _ = struct.unpack("<II", read(table, 8))
    if not buckets:
        raise ElfError("a damaged ELF file: an empty symbol hash table")
    index = int.from_bytes(read(table + 8 + value % buckets * 4, 4), "little")
    for _ in range(_MAX_CHAIN):
        if index == 0:
            return None
        address = _dynamic_symbol(read, dynamic, index, wanted)
        if address is not None:
            return address
        index = int.from_bytes(read(table + 8 + (buckets + index) * 4, 4), "little")
    raise ElfError("a damaged ELF file: an endless symbol hash chain")


def _dynamic_symbol(read: Read, dynamic: Mapping[int, int], index: int, wanted: bytes) -> int | None:
    """Return the address of dynamic symbol `index` if it is defined and has this name."""
    if _DT_SYMTAB not in dynamic or _DT_STRTAB not in dynamic:
        raise ElfError("a damaged ELF file: a hash table without symbols")
    at = dynamic[_DT_SYMTAB] + index * _SYMBOL.size
    name_at, _, _, section, address, _ = _SYMBOL.unpack(read(at, _SYMBOL.size))
    if section == 0 or name_at + len(wanted) >= dynamic.get(_DT_STRSZ, 0):
        return None
    name = read(dynamic[_DT_STRTAB] + name_at, len(wanted) + 1)
    return int(address) if name == wanted + b"\0" else None


def _symtab(image: Image, names: Iterable[str]) -> dict[str, int]:
    """Look in the full symbol table, which a stripped file does not have; the only place of local symbols."""
    found: dict[str, int] = {}
    for section in image.sections:
        if section.kind != _SHT_SYMTAB or section.link >= len(image.sections):
            continue
        strings = image.sections[section.link]
        text = image.read(strings.offset, min(strings.size, _MAX_SYMBOLS_BYTES))
        # Compare numbers, not names: where each name lies in the string table, tails of others included.
        places = {place: name for name in names for place in _places(text, name.encode() + b"\0")}
        if not places:
            continue
        size = min(section.size, _MAX_SYMBOLS_BYTES) // _SYMBOL.size * _SYMBOL.size
        for name_at, _, _, index, address, _ in _SYMBOL.iter_unpack(image.read(section.offset, size)):
            if index and name_at in places:
                found.setdefault(places[name_at], address)
    return found


def _places(text: bytes, wanted: bytes) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)
