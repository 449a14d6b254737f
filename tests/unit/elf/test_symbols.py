"""Finding symbols: against pyelftools on real files, and on damaged ones."""

from __future__ import annotations

import glob
import io
import os
import random
import sys
import sysconfig

import pytest
from elf_builder import build
from elftools.elf.elffile import ELFFile

from livetop.elf.errors import ElfError
from livetop.elf.image import Image
from livetop.elf.sections import build_id, section_address
from livetop.elf.symbols import find_symbols

NAMES = (
    "_PyRuntime",
    "Py_Version",
    "PyType_Type",
    "_PyEval_EvalFrameDefault",
    "interp_head",
    "no_such_symbol",
)


def python_files() -> list[str]:
    patterns = (
        sys.executable,
        os.path.join(sysconfig.get_config_var("LIBDIR") or "", "libpython3*.so*"),
        "/usr/bin/python3",
        "/usr/lib/*/libpython3*.so*",
        "/root/.pyenv/versions/*/lib/libpython3.*.so.1.0",
        os.path.expanduser("~/.pyenv/versions/*/lib/libpython3.*.so.1.0"),
    )
    files = {os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)}
    return sorted(path for path in files if open(path, "rb").read(4) == b"\x7fELF")


@pytest.mark.parametrize("path", python_files())
def test_agrees_with_pyelftools(path):
    with open(path, "rb") as file:
        elf = ELFFile(file)
        expected = {}
        for section in (elf.get_section_by_name(".symtab"), elf.get_section_by_name(".dynsym")):
            for name in NAMES if section is not None else ():
                for symbol in section.get_symbol_by_name(name) or ():
                    if symbol["st_shndx"] != "SHN_UNDEF":
                        expected[name] = symbol["st_value"]
        runtime = elf.get_section_by_name(".PyRuntime")
        notes = [note for segment in elf.iter_segments("PT_NOTE") for note in segment.iter_notes()]
        ids = [note["n_desc"] for note in notes if note["n_type"] == "NT_GNU_BUILD_ID"]
        assert find_symbols(file, NAMES) == expected
        assert section_address(file, ".PyRuntime") == (
            None if runtime is None else (runtime["sh_addr"], runtime["sh_size"])
        )
        assert build_id(file) == (ids[0] if ids else None)


def runtime_file() -> bytes:
    """Return the file that holds this interpreter's runtime."""
    for path in python_files():
        with open(path, "rb") as file:
            if "_PyRuntime" in find_symbols(file, ["_PyRuntime"]):
                file.seek(0)
                return file.read()
    pytest.skip("no file with a runtime")


def test_section_headers_may_be_wiped():
    data = bytearray(runtime_file())
    expected = find_symbols(io.BytesIO(data), NAMES[:3])
    start = int.from_bytes(data[40:48], "little")
    # The headers themselves first, then what the ELF header says of them.
    data[start:] = b"\xff" * (len(data) - start)
    assert find_symbols(io.BytesIO(data), NAMES[:3]) == expected
    data[40:48] = bytes(8)
    data[60:64] = bytes(4)
    assert find_symbols(io.BytesIO(data), NAMES[:3]) == expected
    assert section_address(io.BytesIO(data), ".PyRuntime") is None


SYMBOLS = {b"_PyRuntime": 0x1000, b"PyType_Type": 0x2000, b"Runtime": 0x3000}


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_both_hash_tables(style):
    file = io.BytesIO(build(SYMBOLS, hash_style=style))
    names = [name.decode() for name in SYMBOLS]
    assert find_symbols(file, [*names, "absent"]) == {name.decode(): at for name, at in SYMBOLS.items()}
    assert find_symbols(file, []) == {}
    assert find_symbols(io.BytesIO(build({}, hash_style=style)), names) == {}


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_an_endless_chain_ends(style):
    file = io.BytesIO(build(SYMBOLS, hash_style=style, chain_loops=True))
    assert find_symbols(file, ["Runtime"]) == {"Runtime": 0x3000}
    if style == "sysv":
        with pytest.raises(ElfError):
            find_symbols(file, ["absent"])
    else:
        # A GNU chain is an array: without its end mark the search runs on into what follows, and off it.
        assert find_symbols(file, ["absent"]) == {}


@pytest.mark.parametrize(
    "data",
    [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF\x01\x01" + bytes(80), b"\x7fELF\x02\x02" + bytes(80)],
)
def test_no_elf_file_of_ours(data):
    for read in (lambda file: find_symbols(file, NAMES), build_id, lambda file: section_address(file, ".x")):
        with pytest.raises(ElfError):
            read(io.BytesIO(data))


def test_cut_and_flipped_files_give_an_answer_or_an_elf_error():
    chance = random.Random(2)
    whole = [build(SYMBOLS), build(SYMBOLS, hash_style="sysv")]
    cases = [data[:length] for data in whole for length in range(0, len(data), 3)]
    for _ in range(1500):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        cases.append(bytes(data))
    for data in cases:
        for read in (
            lambda file: find_symbols(file, ("_PyRuntime", "absent")),
            build_id,
            lambda file: section_address(file, ".PyRuntime"),
        ):
            try:
                read(io.BytesIO(data))
            except ElfError as error:
                assert "\n" not in str(error)


def test_damage_in_a_real_files_headers():
    data = runtime_file()
    chance = random.Random(3)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(4):
            damaged[chance.randrange(4, 1024)] = chance.randrange(256)
        try:
            find_symbols(io.BytesIO(damaged), NAMES[:2])
            section_address(io.BytesIO(damaged), ".PyRuntime")
        except ElfError:
            pass


def test_addresses_turn_into_offsets():
    image = Image(io.BytesIO(build(SYMBOLS)))
    assert image.offset_of(100) == 100
    with pytest.raises(ElfError):
        image.offset_of(1 << 40)
