"""Which version a CPython is: from its own words, from the text of `sys.version`, from file names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

# Py_GetVersion's static buffer (Python/getversion.c), written when Python starts: "%.80s (%.80s) %.80s", the
# version, the build's name and date, the compiler. Some builders put their name behind the version.
_SHOWN = re.compile(
    rb"(\d)\.(\d{1,2})\.(\d{1,3})((?:a|b|c|rc)\d{1,2})?\+? ?(?:(?:experimental )?free-threading build )?"
    rb"(?:\|[^|\0]{1,60}\| ?)?"
    rb"\([^\0]{0,60}, \w{3} [ \d]\d \d{4},? \d\d:\d\d:\d\d\)[ \n]{1,2}\[(PyPy)?"
)
_FILE = re.compile(r"(?:^lib|^)(?:python|pypy)(\d)(?:\.(\d+))?")
# More than the data of any interpreter, without its heap.
_MAX_DATA = 32 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """A version of Python as far as it is known: `text` like "3.8.18", or "3.8" when its file's name told.

    `micro` is None then.
    """

    major: int
    minor: int
    micro: int | None
    text: str
    pypy: bool = False

    @property
    def pair(self) -> tuple[int, int]:
        """(major, minor), by which layouts are known."""
        return self.major, self.minor


def from_hex(hexversion: int) -> Version:
    """The version that a PY_VERSION_HEX means (Include/patchlevel.h)."""
    major, minor, micro = hexversion >> 24 & 0xFF, hexversion >> 16 & 0xFF, hexversion >> 8 & 0xFF
    level, serial = hexversion >> 4 & 0xF, hexversion & 0xF
    suffix = {0xA: f"a{serial}", 0xB: f"b{serial}", 0xC: f"rc{serial}"}.get(level, "")
    return Version(major, minor, micro, f"{major}.{minor}.{micro}{suffix}")


def from_file_name(path: str) -> Version | None:
    """The version in the name of an interpreter or of its library; None when it tells none."""
    match = _FILE.match(path.removesuffix(" (deleted)").rsplit("/", 1)[-1])
    if match is None or match[2] is None:
        return None
    return Version(int(match[1]), int(match[2]), None, f"{match[1]}.{match[2]}")


def from_data(memory: Memory, segments: Iterable[tuple[int, int]]) -> Version | None:
    """The version that Python shows, looked for in the data of a file; None when it is not there (yet)."""
    left = _MAX_DATA
    for address, size in segments:
        left -= size
        if left < 0:
            break
        try:
            match = _SHOWN.search(memory.read(address, size))
        except MemoryFault:
            continue
        if match is not None:
            major, minor, micro = (int(match[number]) for number in (1, 2, 3))
            suffix = (match[4] or b"").decode("ascii")
            text = f"{major}.{minor}.{micro}{suffix}"
            return Version(major, minor, micro, text, match[5] is not None)
    return None
