"""Where things are in a process: /proc/PID/maps as text, of which only the lines that matter are parsed.

A process may have tens of thousands of mappings, and a few hundred of them hold code. The text is searched in
place; a line costs some microseconds to parse, the whole text nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from time import perf_counter
from typing import Final

from livetop.target.errors import ProcessGone
from livetop.target.maps import MAX_BYTES, Mapping, parse_maps

from .library_names import DELETED

_EXECUTABLE = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ ..x[^\n]*", re.MULTILINE)

# Reading is done at most so often, and may cost at most this share of the time.
_PAUSE: Final = 0.1
_SHARE: Final = 0.01
# As many mappings of one file are looked at; a loaded file has about five.
_MAX_OF_FILE: Final = 256
# As many mappings with code are told apart; the rest is unknown memory.
_MAX_EXECUTABLE: Final = 8_000
# How far below its mapping a main thread's stack may have grown since the mappings were read.
_GROWTH: Final = 8 << 20


class AddressSpace:
    """The mappings of a process as they were at the last reading. Paths are without " (deleted)"."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._text = b""
        self._code = b""
        self._due = 0.0
        self.executable: list[Mapping] = []

    @property
    def count(self) -> int:
        """How many mappings there are."""
        return self._text.count(b"\n")

    def is_due(self, now: float) -> bool:
        """Whether `refresh` would read."""
        return now >= self._due

    def refresh(self, now: float) -> bool:
        """Read again unless that was done only just now; return whether executable memory has changed.

        `now` is in seconds, of any clock that only goes forward. Raises ProcessGone, PermissionDenied.
        """
        if not self.is_due(now):
            return False
        before = perf_counter()
        changed = self._read()
        self._due = now + max(_PAUSE, (perf_counter() - before) / _SHARE)
        return changed

    def spent(self, seconds: float) -> None:
        """What followed from the last reading has taken time as well: the next is put off."""
        self._due += seconds / _SHARE

    def _read(self) -> bool:
        text = _read_maps(self._pid)
        if not text or text == self._text:
            # Nothing at all: it is ending, and what is known of it holds to the end.
            return False
        self._text = text
        lines = _EXECUTABLE.findall(text)[:_MAX_EXECUTABLE]
        code = b"\n".join(lines)
        if code == self._code:
            return False
        self._code = code
        self.executable = _parse(code)
        return True

    def holding(self, address: int) -> Mapping | None:
        """Return the mapping that holds an address."""
        mapping = self._at(self._find(address))
        return mapping if mapping is not None and mapping.start <= address else None

    def before(self, mapping: Mapping) -> Mapping | None:
        """Return the mapping before another."""
        at = self._find(mapping.start)
        return self._at(self._text.rfind(b"\n", 0, at - 1) + 1) if at > 0 else None

    def of_file(self, mapping: Mapping) -> list[Mapping]:
        """Return the mappings of the file that `mapping` is of, itself included: the first few hundred."""
        if not mapping.inode:
            return [mapping]
        device = mapping.device
        wanted = b" %02x:%02x %d " % (os.major(device), os.minor(device), mapping.inode)
        lines: list[bytes] = []
        at = self._text.find(wanted)
        while at >= 0 and len(lines) < _MAX_OF_FILE:
            end = self._text.find(b"\n", at)
            end = len(self._text) if end < 0 else end
            lines.append(self._text[self._text.rfind(b"\n", 0, at) + 1 : end])
            at = self._text.find(wanted, end)
        return [found for found in _parse(b"\n".join(lines)) if found.inode == mapping.inode]

    def stack_end(self, address: int) -> int:
        """Return the end of the readable mapping that holds an address, 0 when there is none.

        A main thread's stack that has grown since the mappings were read counts as its mapping.
        """
        mapping = self._at(self._find(address))
        if mapping is None or not mapping.permissions.startswith("r"):
            return 0
        if address < mapping.start and (mapping.path != "[stack]" or mapping.start - address > _GROWTH):
            return 0
        return mapping.end

    def _find(self, address: int) -> int:
        """Return where in the text the first line begins whose mapping ends above an address."""
        text = self._text
        low, high = 0, len(text)
        while low < high:
            start = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
            dash = text.find(b"-", start)
            space = text.find(b" ", dash)
            if dash < 0 or space < 0:
                # A last line that was cut off.
                high = start
            elif int(text[dash + 1 : space], 16) > address:
                high = start
            else:
                low = text.find(b"\n", space) + 1 or len(text)
        return low

    def _at(self, start: int) -> Mapping | None:
        end = self._text.find(b"\n", start)
        found = _parse(self._text[start : end if end >= 0 else len(self._text)])
        return found[0] if found else None


def _parse(text: bytes) -> list[Mapping]:
    return [
        replace(mapping, path=mapping.path.removesuffix(DELETED))
        if mapping.path.endswith(DELETED)
        else mapping
        for mapping in parse_maps(text)
    ]


def _read_maps(pid: int) -> bytes:
    """Return the text of the maps, b"" for a zombie. Raises ProcessGone, PermissionDenied."""
    try:
        with open(f"/proc/{pid}/maps", "rb", buffering=0) as file:
            pieces = []
            size = 0
            while size < MAX_BYTES and (piece := file.read(1 << 18)):
                pieces.append(piece)
                size += len(piece)
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessGone(f"process {pid} has exited") from None
    except PermissionError:
        from livetop.target.permission import denied

        raise denied(pid) from None
    return b"".join(pieces)
