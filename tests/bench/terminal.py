"""A terminal without a person: a program's output is read and counted, and its questions stay unanswered."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .processes import ROOT, MeasureError, started

COLUMNS, LINES = 120, 40

_UNWANTED = ("NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "COLUMNS", "LINES", "TMUX")

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


class Terminal:
    """The outer side of a pseudo-terminal with a program in it. Times are seconds since its start."""

    def __init__(self, master: int, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self.began = time.monotonic()
        self.bytes = 0
        self._master = master
        self._process = process
        self._seen = b""

    def until(self, text: bytes, timeout: float) -> float:
        """Reads until the text has appeared; when that was. Raises MeasureError."""
        while text not in self._seen:
            left = self.began + timeout - time.monotonic()
            if left <= 0:
                raise MeasureError(f"{text.decode()!r} did not appear within {timeout:g} s")
            if not self._read(left):
                raise self._ended()
        return time.monotonic() - self.began

    def watch(self, seconds: float) -> int:
        """Reads for a while; the number of bytes that came. Raises MeasureError if the program ends."""
        before, end = self.bytes, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._read(left):
                raise self._ended()
        return self.bytes - before

    def type(self, keys: bytes) -> None:
        """As if a person typed."""
        os.write(self._master, keys)

    def quit(self, keys: bytes = b"q", timeout: float = 5.0) -> None:
        """Types what ends the program, and lets it end; what does not is killed later."""
        with suppress(OSError):
            self.type(keys)
            end = time.monotonic() + timeout
            while (left := end - time.monotonic()) > 0 and self._read(left):
                pass

    def _ended(self) -> MeasureError:
        """With the last that it wrote, as text."""
        said = " ".join(_ESCAPES.sub("", self._seen.decode("utf-8", "replace")).split())
        code = self._process.wait(5)
        return MeasureError(f"the program in the terminal ended with code {code}: ...{said[-200:]}")

    def _read(self, timeout: float) -> bool:
        """False at the end."""
        if not select.select([self._master], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            # EIO: nobody has the inner side open any more.
            return False
        self.bytes += len(data)
        self._seen = self._seen[-(1 << 16) :] + data
        return bool(data)


@contextmanager
def terminal(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Runs a program in a terminal of 120 x 40 for as long as the block lasts."""
    master, inner = pty.openpty()
    try:
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        env = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
        env |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **(environment or {})}
        with started(
            argv, stdin=inner, stdout=inner, stderr=inner, start_new_session=True, env=env, cwd=Path.home()
        ) as process:
            os.close(inner)
            inner = -1
            yield Terminal(master, process)
    finally:
        os.close(master)
        if inner >= 0:
            os.close(inner)
