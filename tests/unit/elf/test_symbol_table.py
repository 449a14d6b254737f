"""From an address to the function that covers it."""

from __future__ import annotations

import io
import random
import struct
import sys
from pathlib import Path

import pytest
from elf_builder import build
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from fake_memory import FakeMemory
from hypothesis import given
from hypothesis import strategies as st
from section_builder import LOCAL, OBJECT, WEAK, File, Symbol

from livetop.elf import symbol_table
from livetop.elf.errors import ElfError
from livetop.elf.image import Image
from livetop.elf.loaded import DynamicSymbols, Loaded
from livetop.elf.symbol_table import SymbolTable, file_symbols, loaded_symbols
from livetop.target.errors import MemoryFault

BIAS = 0x7F00_0000_0000


def table_of(*symbols: Symbol) -> SymbolTable:
    table = file_symbols(Image(io.BytesIO(File(list(symbols)).content())), -1)
    assert table is not None
    return table


def test_an_address_belongs_to_the_function_around_it():
    table = table_of(Symbol(b"second", 0x2000, 0x100), Symbol(b"first", 0x1000, 0x100))
    found = [table.find(at) for at in (0xFFF, 0x1000, 0x10FF, 0x1100, 0x2080, 0x2100)]
    assert found == [None, b"first", b"first", None, b"second", None]


def test_data_and_undefined_symbols_are_no_functions():
    table = table_of(Symbol(b"data", 0x1000, 0x100, kind=OBJECT), Symbol(b"imported", 0x2000, section=0))
    assert table.find(0x1010) is None
    assert table.find(0x2000) is None


def test_of_several_names_the_one_for_people():
    table = table_of(
        Symbol(b"__GI_write", 0x1000),
        Symbol(b"local_write", 0x1000, binding=LOCAL),
        Symbol(b"__write", 0x1000, binding=WEAK),
        Symbol(b"write", 0x1000, binding=WEAK),
    )
    assert table.find(0x1008) == b"write"


def test_a_function_without_size_reaches_to_the_next():
    table = table_of(Symbol(b"kernel", 0x1000, 0), Symbol(b"next", 0x1400, 0x10))
    assert table.find(0x13FF) == b"kernel"
    assert table.find(0x1400) == b"next"
    assert table.find(0x1410) is None


def test_a_function_without_size_does_not_reach_for_ever():
    assert table_of(Symbol(b"kernel", 0x1000, 0)).find(0x1000 + (1 << 20)) is None


def test_the_linkage_table_is_not_init():
    assert table_of(Symbol(b"_init", 0x1000, 0)).find(0x1020) is None


def test_a_small_function_inside_does_not_hide_the_one_around_it():
    table = table_of(Symbol(b"outer", 0x1000, 0x1000), Symbol(b"inner", 0x1100, 0x10))
    assert table.find(0x1108) == b"inner"
    assert table.find(0x1800) == b"outer"


def test_a_name_behind_the_strings_is_no_name():
    content = bytearray(File([Symbol(b"f", 0x1000)]).content())
    at = content.index(struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0x1000, 16))
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    table = file_symbols(Image(io.BytesIO(bytes(content))), -1)
    assert table is not None
    assert table.find(0x1008) is None


def test_a_table_of_impossible_size_is_refused_before_it_is_read():
    reads: list[int] = []

    def read(offset: int, size: int) -> bytes:
        reads.append(size)
        return bytes(size)

    with pytest.raises(ElfError, match="too large"):
        SymbolTable(read, symbol_table.MAX_SYMBOLS + 1, read, 100)
    assert reads == []


def test_a_stripped_file_has_no_table():
    assert file_symbols(Image(io.BytesIO(File().content())), -1) is None


@given(st.binary(max_size=24 * 40), st.binary(max_size=64), st.integers(0, 1 << 64))
def test_any_bytes_do(entries, strings, address):
    table = SymbolTable(
        lambda offset, size: entries[offset : offset + size],
        len(entries) // 24,
        lambda offset, size: strings[offset : offset + size],
        len(strings),
    )
    name = table.find(address)
    assert name is None or name in strings


def loaded(symbols: dict[bytes, int], **options) -> tuple[FakeMemory, Loaded]:
    content = build(symbols, **options)
    memory = FakeMemory({BIAS: content})
    return memory, Loaded(memory.read, Image(io.BytesIO(content)), BIAS)


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_exported_functions_from_memory(style):
    # The builder makes objects of its symbols; here they are to be functions.
    content = build({b"spam": 0x100, b"eggs": 0x200}, hash_style=style).replace(b"\x11\0\1\0", b"\x12\0\1\0")
    memory = FakeMemory({BIAS: content})
    where = Loaded(memory.read, Image(io.BytesIO(content)), BIAS).dynamic_symbols()
    assert where is not None
    table = loaded_symbols(memory.read, where)
    assert [table.find(at) for at in (0x100, 0x107, 0x108, 0x200)] == [b"spam", b"spam", None, b"eggs"]


def test_an_endless_chain_ends():
    memory, file = loaded({b"spam": 0x100})
    reads: list[int] = []

    def read(address: int, size: int) -> bytes:
        # Entries of the chain are read byte by byte: an odd one would be its end.
        reads.append(address)
        return b"\0" if size == 1 else memory.read(address, size)

    file._read = read
    with pytest.raises(ElfError, match="endless"):
        file.dynamic_symbols()
    assert len(reads) < 10_000


def test_memory_that_is_gone_is_said():
    memory, file = loaded({b"spam": 0x100})
    memory.segments.clear()
    with pytest.raises(MemoryFault):
        loaded_symbols(memory.read, DynamicSymbols(BIAS, 4, BIAS, 100))
    with pytest.raises(MemoryFault):
        file.dynamic_symbols()


def test_real_tables_agree_with_pyelftools(monkeypatch):
    path = Path(sys.executable).resolve()
    shared = sorted(path.parent.parent.glob("lib/libpython3.*.so.1.0")) or [path]
    with shared[0].open("rb") as file:
        elf = ELFFile(file)
        sections = [part for part in elf.iter_sections() if isinstance(part, SymbolTableSection)]
        section = next((part for part in sections if part.name == ".symtab"), sections[0])
        names: dict[int, set[bytes]] = {}
        for symbol in section.iter_symbols():
            defined = symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["type"] == "STT_FUNC"
            if defined and symbol["st_size"] and symbol.name:
                names.setdefault(symbol["st_value"], set()).add(symbol.name.encode())
        if section.name == ".symtab":
            # Neither table is kept in memory: every question goes to the file.
            monkeypatch.setattr(symbol_table, "_KEPT", 0)
            table = file_symbols(Image(file), file.fileno())
        else:
            pytest.skip("this interpreter is stripped")
    assert table is not None
    assert len(names) > 1000
    for address in random.Random(1).sample(sorted(names), 500):
        assert table.find(address) in names[address], hex(address)
