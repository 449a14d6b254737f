"""Names of code made at run time, from the file that perf(1) reads: /tmp/perf-PID.map.

A line is "START SIZE name", numbers in hexadecimal (tools/perf/Documentation/jit-interface.txt in Linux).
`python -X perf` writes one for each trampoline, named `py::function:file`; other makers of code write theirs.
Anyone may write to /tmp: only a file of the target's own user, or root's, is believed.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from typing import Final

from livetop.target.errors import ProcessGone
from livetop.target.files import open_in_root
from livetop.target.process import Process
from livetop.target.procfs import read_status
from livetop.target.text import escape

_LINE = re.compile(rb"^(?:0x)?([0-9a-f]{1,16}) (?:0x)?([0-9a-f]{1,8}) (py::)?", re.MULTILINE)
_MAX_BYTES: Final = 64 << 20
_MAX_ENTRIES: Final = 200_000
# Read in one go: some 10,000 lines, 10 ms. The rest follows at the next refresh.
_PIECE: Final = 1 << 20
_MAX_NAME: Final = 200
_MAX_LINE: Final = 1024


class PerfMap:
    """The named code of a process, read further as the file grows; empty when there is no such file."""

    def __init__(self, process: Process) -> None:
        self._pid = process.pid
        self._fd = -1
        self._forget()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)

    def _forget(self) -> None:
        self._inode = 0
        self._read = 0
        # Sorted by start; where the same start comes twice the later line is behind the earlier.
        self._starts = array("Q")
        self._sizes = array("I")
        self._offsets = array("I")
        self._python = bytearray()

    def __len__(self) -> int:
        return len(self._starts)

    def refresh(self) -> bool:
        """Read what has been added since; return whether there is anything new. Never raises."""
        try:
            return self._refresh()
        except (OSError, ValueError, ProcessGone):
            # It may come and go as it likes, and is a help at best.
            return False

    def name(self, address: int) -> str | None:
        """Return the name of the code at an address, escaped, at most 200 characters."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._starts[index] + self._sizes[index]:
            return None
        try:
            line = os.pread(self._fd, _MAX_LINE, self._offsets[index])
        except OSError:
            return None
        words = line.partition(b"\n")[0].split(b" ", 2)
        return escape(words[2], _MAX_NAME) or None if len(words) > 2 else None

    def runs(self, start: int, end: int) -> list[tuple[int, int, bool]]:
        """Cut [start, end) where named code changes between -X perf's trampolines (True) and other code.

        [] when nothing in it is named. A gap goes with what is before it.
        """
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        runs: list[tuple[int, int, bool]] = []
        for index in range(first, last):
            python = bool(self._python[index])
            if not runs:
                runs.append((start, end, python))
            elif runs[-1][2] != python:
                at = self._starts[index]
                runs[-1] = (runs[-1][0], at, runs[-1][2])
                runs.append((at, end, python))
        return runs

    def _refresh(self) -> bool:
        fd = open_in_root(self._pid, f"/tmp/perf-{_inner_pid(self._pid)}.map")
        status = os.fstat(fd)
        if status.st_uid not in (0, *_users(self._pid)):
            os.close(fd)
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        forgotten = False
        if status.st_ino != self._inode or status.st_size < self._read:
            forgotten = bool(self._starts)
            self._forget()
            self._inode = status.st_ino
        if status.st_size <= self._read or self._read >= _MAX_BYTES or len(self) >= _MAX_ENTRIES:
            return forgotten
        piece = os.pread(fd, _PIECE, self._read)
        # A line that is being written waits for the next time; one without an end is passed over.
        whole = piece.rfind(b"\n") + 1 or (len(piece) if len(piece) == _PIECE else 0)
        self._add(piece[:whole])
        self._read += whole
        return whole > 0

    def _add(self, text: bytes) -> None:
        for found in _LINE.finditer(text):
            start, size, python = found.groups()
            self._starts.append(int(start, 16))
            self._sizes.append(int(size, 16))
            self._offsets.append(self._read + found.start())
            self._python.append(python is not None)
        order = sorted(range(len(self._starts)), key=self._starts.__getitem__)
        self._starts = array("Q", map(self._starts.__getitem__, order))
        self._sizes = array("I", map(self._sizes.__getitem__, order))
        self._offsets = array("I", map(self._offsets.__getitem__, order))
        self._python = bytearray(map(self._python.__getitem__, order))


def _inner_pid(pid: int) -> int:
    """The process's id as it knows it, in the innermost namespace."""
    words = read_status(pid).get("NSpid", "").split()
    return int(words[-1]) if words else pid


def _users(pid: int) -> set[int]:
    return {int(word) for word in read_status(pid).get("Uid", "").split()}
