"""From a file's addresses to those in a process."""

from __future__ import annotations

import ctypes
import io
import os
import struct

import pytest
from elf_builder import build

from livetop.elf.errors import ElfError
from livetop.elf.image import Image
from livetop.elf.sections import load_bias
from livetop.elf.symbols import find_symbols
from livetop.target.maps import Mapping, mapped_files, read_maps
from livetop.target.memory import RemoteMemory

R, X, W = 4, 1, 2


def image_of(*segments: tuple[int, int, int, int]) -> Image:
    """Return an image with PT_LOAD segments of (flags, offset, address, size)."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    for flags, offset, address, size in segments:
        header += struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, size, size, 4096)
    return Image(io.BytesIO(header))


def mapping(start: int, size: int, permissions: str, offset: int) -> Mapping:
    return Mapping(start, start + size, permissions, offset, 1, 2, "/x")


def test_segments_that_begin_within_a_page():
    image = image_of((R, 0, 0, 0x5000), (R | X, 0x5000, 0x5000, 0x2000), (R | W, 0x7CD0, 0x8CD0, 0x1000))
    base = 0x7F0000000000
    maps = [
        mapping(base, 0x5000, "r--p", 0),
        mapping(base + 0x5000, 0x2000, "r-xp", 0x5000),
        mapping(base + 0x8000, 0x1000, "r--p", 0x7000),
        mapping(base + 0x9000, 0x1000, "rw-p", 0x8000),
    ]
    assert load_bias(image, maps) == base


def test_a_program_at_a_fixed_address():
    image = image_of((R | X, 0, 0x400000, 0x5000), (R | W, 0x5000, 0x605000, 0x1000))
    assert (
        load_bias(image, [mapping(0x400000, 0x5000, "r-xp", 0), mapping(0x605000, 0x1000, "rw-p", 0x5000)])
        == 0
    )


def test_the_file_mapped_as_data_does_not_mislead():
    image = image_of((R, 0, 0, 0x5000), (R | X, 0x5000, 0x5000, 0x2000))
    data = mapping(0x10000, 0x8000, "r--p", 0)
    code = [mapping(0x7F0000000000, 0x5000, "r--p", 0), mapping(0x7F0000005000, 0x2000, "r-xp", 0x5000)]
    assert load_bias(image, [data, *code]) == 0x7F0000000000
    assert load_bias(image, [*code, data]) == 0x7F0000000000


def test_another_file_is_an_error():
    with pytest.raises(ElfError):
        load_bias(Image(io.BytesIO(build({}))), [mapping(0x10000, 0x1000, "r-xp", 0x3000)])


def test_our_own_runtime_is_where_it_is_computed():
    expected = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "PyType_Type"))
    memory = RemoteMemory(os.getpid())
    found = []
    for group in mapped_files(read_maps(os.getpid())).values():
        if not any("x" in one.permissions for one in group):
            continue
        with open(group[0].path, "rb") as file:
            symbols = find_symbols(file, ["PyType_Type"])
            if symbols:
                found.append(symbols["PyType_Type"] + load_bias(Image(file), group))
    assert found == [expected]
    # The type of `type` is `type` itself.
    assert memory.read(expected + 8, 8) == expected.to_bytes(8, "little")
