"""Finding CPython in a process: its runtime structure, its version, and whether we can read it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from livetop.elf.errors import ElfError
from livetop.elf.locate import locate
from livetop.target.errors import MemoryFault, NotReadable
from livetop.target.maps import Mapping, mapped_files, read_maps
from livetop.target.memory import Memory
from livetop.target.process import Process

from .layout import (
    DEBUG_COOKIE,
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    TABLES,
    Layout,
    LayoutError,
    debug_offsets_size,
    from_debug_offsets,
)

_SYMBOLS = ("_PyRuntime", "Py_Version", "PyCode_Type", "PyType_Type")
_LIBRARY = re.compile(r"libpython(\d)\.(\d+)|(?:^|/)python(\d)\.(\d+)")
_NAMED = re.compile(r"(?:^|/)(?:lib)?(pypy|python)[\w.+-]*(?: \(deleted\))?$")
_SCAN_LIMIT = 64 << 20
_SUPPORTED = sorted({*TABLES, *DEBUG_OFFSETS_WORDS})


def supported() -> str:
    """The versions that can be read, for messages."""
    low, high = _SUPPORTED[0], _SUPPORTED[-1]
    return f"{low[0]}.{low[1]} to {high[0]}.{high[1]}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which Python a process runs. `version` is like "3.12.1", `reason` says why it cannot be read."""

    version: str
    build: str
    readable: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A CPython that can be read: `address` of `_PyRuntime`, and the types that objects are checked by.

    What 3.6 has in variables of its own: `holder`, the address of `_PyThreadState_Current`, and `collecting`,
    that of the garbage collector's flag; 0 where they are elsewhere, or not known.
    """

    address: int
    layout: Layout
    identity: Identity
    code_type: int | None
    holder: int = 0
    collecting: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    """Where things are, before anything is believed. `named` is a version the file's name tells."""

    runtime: int | None
    version: int | None
    code_type: int | None
    type_type: int | None
    named: tuple[int, int] | None
    pypy: bool = False


def identify(process: Process, memory: Memory) -> Identity:
    """Say which Python a process runs. Raises NotReadable when it is none."""
    try:
        return find_runtime(process, memory).identity
    except Unreadable as error:
        return error.identity


class Unreadable(NotReadable):
    """A Python, but not one that can be read yet."""

    def __init__(self, pid: int, identity: Identity) -> None:
        super().__init__(f"process {pid} runs {identity.reason}: livetop reads CPython {supported()}")
        self.identity = identity


def find_runtime(process: Process, memory: Memory) -> Runtime:
    """Find the CPython of a process.

    Raises NotReadable when the process has no Python, or one that cannot be read (the text tells which);
    ProcessGone, PermissionDenied.
    """
    pid = process.pid
    named: tuple[int, int] | None = None
    for found in _candidates(process, memory):
        if found.pypy:
            raise _refuse(pid, "PyPy", "PyPy", "pypy")
        named = named or found.named
        if found.runtime is None:
            continue
        return _check(pid, memory, found)
    if named is not None and named in DEBUG_OFFSETS_WORDS:
        # Its symbols are gone, but the structure itself is marked.
        address = scan_for_cookie(memory, read_maps(process.pid))
        if address is not None:
            return _check(pid, memory, _Found(address, None, None, None, named))
    if named is not None and named < (3, 7):
        text = f"{named[0]}.{named[1]}"
        raise _refuse(pid, text, f"Python {text}", "release")
    raise NotReadable(f"process {pid} is not a Python program (no CPython runtime in it): try `livetop list`")


def _refuse(pid: int, version: str, reason: str, build: str) -> Unreadable:
    return Unreadable(pid, Identity(version, build, False, reason))


def _check(pid: int, memory: Memory, found: _Found) -> Runtime:
    """Read the version and the layout where the symbols say they are."""
    assert found.runtime is not None
    try:
        head = memory.read(found.runtime, DEBUG_OFFSETS_HEAD.size)
        hexversion = None
        if found.version is not None:
            (hexversion,) = struct.unpack("<I", memory.read(found.version, 4))
        cookie, debug_version, _ = DEBUG_OFFSETS_HEAD.unpack(head)
        if cookie == DEBUG_COOKIE:
            hexversion = debug_version
        if not hexversion:
            if found.named is None:
                raise _refuse(pid, "an old version", "Python of an old version", "release")
            hexversion = found.named[0] << 24 | found.named[1] << 16 | 0xF0
        version = (hexversion >> 24 & 0xFF, hexversion >> 16 & 0xFF)
        text = _version_text(hexversion)
        if version not in _SUPPORTED:
            raise _refuse(pid, text, f"Python {text}", "release")
        layout = TABLES.get(version) or from_debug_offsets(
            version, memory.read(found.runtime, debug_offsets_size(version))
        )
    except MemoryFault:
        raise NotReadable(
            f"process {pid} maps a CPython that has not started yet (or is just being replaced): try again"
        ) from None
    except LayoutError as error:
        raise NotReadable(f"process {pid} runs Python {text}, but {error}") from None
    return Runtime(found.runtime, layout, Identity(text, layout.build, True), found.code_type)


def _version_text(hexversion: int) -> str:
    major, minor, micro = hexversion >> 24 & 0xFF, hexversion >> 16 & 0xFF, hexversion >> 8 & 0xFF
    level, serial = hexversion >> 4 & 0xF, hexversion & 0xF
    suffix = {0xA: f"a{serial}", 0xB: f"b{serial}", 0xC: f"rc{serial}"}.get(level, "")
    return f"{major}.{minor}.{micro}{suffix}"


def _candidates(process: Process, memory: Memory) -> Iterator[_Found]:
    """Look into the files that may hold CPython, the likeliest first."""
    files = list(mapped_files(read_maps(process.pid)).values())

    def likelihood(mappings: list[Mapping]) -> int:
        path = mappings[0].path
        if "libpython" in path:
            return 0
        if _NAMED.search(path):
            return 1
        return 2 if mappings is files[0] else 3

    for mappings in sorted(files, key=likelihood):
        path = mappings[0].path
        executable = any("x" in mapping.permissions for mapping in mappings)
        match = _LIBRARY.search(path)
        named = None
        if match:
            major, minor = (group for group in match.groups() if group is not None)
            named = (int(major), int(minor))
        if "pypy" in path.rsplit("/", 1)[-1] and executable:
            yield _Found(None, None, None, None, None, pypy=True)
        # A program that embeds CPython links libpython; only the main program can hold it otherwise.
        if not executable or (likelihood(mappings) == 3):
            continue
        yield _search(process, memory, mappings, named)


def _search(
    process: Process, memory: Memory, mappings: list[Mapping], named: tuple[int, int] | None
) -> _Found:
    try:
        located = locate(process, memory, mappings, _SYMBOLS, (".PyRuntime",))
    except ElfError:
        return _Found(None, None, None, None, named)
    place = located.symbols
    if "_PyRuntime" not in place and ".PyRuntime" in located.sections:
        place["_PyRuntime"] = located.sections[".PyRuntime"][0]
    return _Found(
        place.get("_PyRuntime"),
        place.get("Py_Version"),
        place.get("PyCode_Type"),
        place.get("PyType_Type"),
        named,
    )


def scan_for_cookie(memory: Memory, mappings: list[Mapping]) -> int | None:
    """Find `_Py_DebugOffsets` (3.13 on) by its cookie in a file's writable mappings; None when not there."""
    left = _SCAN_LIMIT
    for mapping in mappings:
        if "w" not in mapping.permissions or mapping.size > left:
            continue
        left -= mapping.size
        try:
            data = memory.read(mapping.start, mapping.size)
        except MemoryFault:
            continue
        at = data.find(DEBUG_COOKIE)
        if at >= 0:
            return mapping.start + at
    return None
