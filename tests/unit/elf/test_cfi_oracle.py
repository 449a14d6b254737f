"""The call-frame information of real files, held against what pyelftools decodes."""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cfi_oracle import check, oracle
from loaded_file import LoadedFile

from livetop.elf.cfi import MACHINES, CallFrames

SAMPLED = 500


RECORDED = Path(__file__).parents[2] / "recorded"


def files() -> list[Path]:
    """Shared libraries of this process, the dynamic loader and interpreters beside it: whatever is here."""
    found = {Path(sys.executable).resolve()}
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[1] == "r-xp" and fields[5].startswith("/"):
            found.add(Path(fields[5]))
    for pattern in ("libcrypto.so.*", "libssl.so.*", "libstdc++.so.*", "libgcc_s.so.*"):
        found.update(Path("/usr/lib").glob(f"*-linux-gnu/{pattern}"))
    for folder in (Path(path) for path in sys.path if path):
        found.update(folder.glob("numpy/_core/_multiarray_umath*.so"))
        found.update(folder.glob("numpy.libs/*openblas*.so*"))
    largest: dict[str, Path] = {}
    for path in sorted(found):
        largest.setdefault(path.name.partition(".")[0], path)
    chosen = sorted(largest.values(), key=lambda path: path.stat().st_size, reverse=True)
    return [*chosen[:14], RECORDED / "aarch64.elf"]


def entries(file: LoadedFile) -> Iterator[int]:
    """Yield where functions' entries begin, counted from the start of .eh_frame."""
    data = file.memory.read(file.frames, file.frames_size)
    at = 0
    while at + 8 <= len(data):
        size, distance = struct.unpack_from("<II", data, at)
        if size and distance:
            yield at
        at += size + 4


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_row_is_what_pyelftools_decodes(path: Path) -> None:
    """Rules, ranges and return addresses agree, for functions all over the file."""
    file = LoadedFile(path)
    frames = CallFrames(file.memory.read, file.header, file.header_size, MACHINES[file.machine])
    places = list(entries(file))
    if len(places) > SAMPLED:
        # The largest entries have the rarest instructions.
        sizes = {at: struct.unpack("<I", file.memory.read(file.frames + at, 4))[0] for at in places}
        largest = sorted(places, key=sizes.__getitem__)[-3:]
        places = random.Random(path.name).sample(places, SAMPLED) + largest
    sections = oracle(file.memory.read(file.frames, file.frames_size), file.frames - file.bias)
    rows = sum(check(frames, sections._parse_entry_at(at), file.bias) for at in places)
    assert rows > 0


def test_without_its_table_the_same_functions_are_found() -> None:
    """A header without a table: .eh_frame itself is looked through."""
    path = next(path for path in files() if path.name.startswith("libc.so"))
    file = LoadedFile(path)
    whole = CallFrames(file.memory.read, file.header, file.header_size)
    starts = [whole.function(pc) for pc in range(file.bias, file.header, 4099)]
    assert len({start for start in starts if start}) > 100
    file.without_table()
    scanned = CallFrames(file.memory.read, file.header, file.header_size)
    assert [scanned.function(pc) for pc in range(file.bias, file.header, 4099)] == starts
