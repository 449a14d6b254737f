"""Symbols that were split off a file."""

from __future__ import annotations

import io
import lzma
import os

import pytest
from section_builder import File, Symbol

from livetop.elf import debug_files
from livetop.elf.debug_files import embedded_symbols, symbols_by_build_id
from livetop.elf.errors import ElfError
from livetop.elf.image import Image

IDENTITY = bytes(range(0x10, 0x24))
WHOLE = File([Symbol(b"static_function", 0x1000)], IDENTITY)


def install(folder, content: bytes) -> None:
    place = folder / IDENTITY.hex()[:2]
    place.mkdir()
    (place / f"{IDENTITY.hex()[2:]}.debug").write_bytes(content)


def test_a_debug_file_is_found_by_build_id(tmp_path):
    install(tmp_path, WHOLE.content())
    table = symbols_by_build_id(os.getpid(), IDENTITY.hex(), str(tmp_path))
    assert table is not None
    assert table.find(0x1008) == b"static_function"


def test_the_debug_file_of_another_build_is_not_used(tmp_path):
    install(tmp_path, File([Symbol(b"other", 0x1000)], b"x" * 20).content())
    assert symbols_by_build_id(os.getpid(), IDENTITY.hex(), str(tmp_path)) is None


@pytest.mark.parametrize("identity", ["", "ab", "../../etc/passwd", "zz" * 20, "ab/../.." + "0" * 30])
def test_a_hostile_build_id_is_no_path(identity, tmp_path):
    assert symbols_by_build_id(os.getpid(), identity, str(tmp_path)) is None


def test_no_debug_file(tmp_path):
    assert symbols_by_build_id(os.getpid(), IDENTITY.hex(), str(tmp_path)) is None


def embedding(packed: bytes) -> Image:
    return Image(io.BytesIO(File(identity=IDENTITY, more={".gnu_debugdata": packed}).content()))


def test_a_table_inside_the_file_as_fedora_packs_it():
    table = embedded_symbols(embedding(lzma.compress(WHOLE.content())))
    assert table is not None
    assert table.find(0x1008) == b"static_function"


def test_a_file_without_one():
    assert embedded_symbols(Image(io.BytesIO(WHOLE.content()))) is None


def test_a_damaged_table_inside_is_said():
    with pytest.raises(ElfError):
        embedded_symbols(embedding(lzma.compress(WHOLE.content())[:60] + b"\0" * 60))
    with pytest.raises(ElfError):
        embedded_symbols(embedding(b"not xz at all"))


def test_no_more_is_unpacked_than_a_table_can_be(monkeypatch):
    whole = WHOLE.content()
    image = embedding(lzma.compress(whole))
    monkeypatch.setattr(debug_files, "_MAX_UNPACKED", len(whole) - 1)
    with pytest.raises(ElfError, match="behind its end"):
        embedded_symbols(image)
