"""Symbols that were split off a file: a debug file found by build id, or a compressed table in the file."""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import re
from functools import partial
from typing import BinaryIO, Final

from livetop.target.files import open_in_root, reopen_regular

from .errors import ElfError
from .image import Image
from .sections import build_id
from .symbol_table import SymbolTable, file_symbols

# Where distributions put them (gdb's "Separate Debug Files").
_FOLDER: Final = "/usr/lib/debug/.build-id"
_BUILD_ID = re.compile(r"[0-9a-f]{4,128}")

# Fedora's "MiniDebugInfo": an ELF file that holds only .symtab, as xz.
_EMBEDDED: Final = ".gnu_debugdata"
_MAX_PACKED: Final = 8 << 20
_MAX_UNPACKED: Final = 32 << 20
_MAX_UNPACKER: Final = 128 << 20


def symbols_by_build_id(pid: int, identity: str, folder: str = _FOLDER) -> SymbolTable | None:
    """Return the functions of the debug file with this build id, None when it is not installed.

    It is looked for where the process runs, then where we do. Raises ElfError when it is damaged.
    """
    if not _BUILD_ID.fullmatch(identity):
        return None
    path = f"{folder}/{identity[:2]}/{identity[2:]}.debug"
    for opener in (partial(open_in_root, pid), _open_here):
        with contextlib.suppress(OSError):
            file: BinaryIO = os.fdopen(opener(path), "rb")
            with file:
                # A link may be left over that leads to the file of another build.
                if build_id(file) == identity:
                    return file_symbols(Image(file), file.fileno())
    return None


def embedded_symbols(image: Image) -> SymbolTable | None:
    """Return the functions of .gnu_debugdata, None when the file has none. Raises ElfError."""
    for section in image.sections:
        if section.name == _EMBEDDED:
            if section.size > _MAX_PACKED:
                raise ElfError(f"{_EMBEDDED} is too large to unpack")
            packed = image.read(section.offset, section.size)
            try:
                unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_UNPACKER)
                unpacked = unpacker.decompress(packed, _MAX_UNPACKED)
            except lzma.LZMAError as error:
                raise ElfError(f"a damaged ELF file: {_EMBEDDED}: {error}") from None
            return file_symbols(Image(io.BytesIO(unpacked)), -1)
    return None


def _open_here(path: str) -> int:
    """Open one of our own machine's files. Raises OSError."""
    return reopen_regular(os.open(path, os.O_PATH | os.O_CLOEXEC))
