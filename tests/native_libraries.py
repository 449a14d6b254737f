"""Small libraries that are hard to unwind, compiled when a test wants them."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path

from tests.targets import PROGRAMS

_BURN = ("native_burn.c", "native_kernels.S")
_BARE = ("-fno-asynchronous-unwind-tables", "-fno-unwind-tables")

# name of the library -> (sources, options of the compiler)
_LIBRARIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "libplain": (_BURN, ()),
    "libframed": (_BURN, ("-fno-omit-frame-pointer",)),
    "libbare": (_BURN, _BARE),
    "libbareframed": (_BURN, (*_BARE, "-fno-omit-frame-pointer")),
    "libnames": (("native_names.cc",), ()),
}
# Copies of libplain, each for something that is done to its file.
COPIES = ("libdeleted", "libreplaced", "libtruncated", "libunreadable", "libpipe", "liblate")
CORRUPT = 8


def compiler() -> str | None:
    """gcc, that all of this needs; None when there is none that knows C++."""
    return shutil.which("gcc") if shutil.which("g++") else None


def make_libraries(folder: Path) -> None:
    """Compile all of them into a folder, as NAME.so."""
    for name, (sources, options) in _LIBRARIES.items():
        files = [str(PROGRAMS / source) for source in sources]
        driver = "g++" if name == "libnames" else "gcc"
        subprocess.run(
            [driver, "-O2", "-fPIC", "-shared", "-Wl,-z,lazy", *options, "-o", folder / f"{name}.so", *files],
            check=True,
        )
    plain = (folder / "libplain.so").read_bytes()
    for name in COPIES:
        (folder / f"{name}.so").write_bytes(plain)
    for seed in range(CORRUPT):
        (folder / f"libcorrupt{seed}.so").write_bytes(corrupted(plain, seed))


def sections(data: bytes) -> dict[str, tuple[int, int]]:
    """{name: (offset, size)} of the sections of a 64-bit ELF file."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", data, table + size * index) for index in range(count)]
    strings = heads[names][4]
    found = {}
    for name, _, _, _, offset, length in heads:
        at = strings + name
        found[data[at : data.index(b"\0", at)].decode()] = (offset, length)
    return found


def corrupted(data: bytes, seed: int) -> bytes:
    """A library whose call-frame information is damaged, in another way for each seed."""
    chance = random.Random(seed)
    damaged = bytearray(data)
    frames, size = sections(data)[".eh_frame"]
    index, index_size = sections(data)[".eh_frame_hdr"]
    if seed == 0:
        damaged[frames : frames + size] = bytes(size)
    elif seed == 1:
        damaged[frames : frames + size] = b"\xff" * size
    elif seed == 2:
        damaged[index : index + index_size] = chance.randbytes(index_size)
    elif seed == 3:
        # The table says that it has a billion entries.
        struct.pack_into("<I", damaged, index + 8, 1_000_000_000)
    elif seed == 4:
        damaged[frames : frames + size] = chance.randbytes(size)
    else:
        for _ in range(size // 4):
            damaged[frames + chance.randrange(size)] = chance.randrange(256)
    return bytes(damaged)
