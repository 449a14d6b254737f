"""A program that livetop starts itself: reading one's own child needs no privilege."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from livetop.target.errors import TargetError


class Launched:
    """A running program in a session of its own, its output in a file (`output`, or nowhere).

    Raises TargetError when it cannot be started.
    """

    def __init__(self, argv: list[str], output: str) -> None:
        target = output or os.devnull
        try:
            with open(target, "ab") as file:
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    restore_signals=True,
                )
        except OSError as error:
            raise TargetError(f"cannot start {argv[0]}: {error.strerror or error}") from None
        self.pid = self._process.pid

    def how_it_ended(self, status: int | None = None) -> str:
        """One line on its end; "" while it runs.

        `status` is its wait status where a stop has met its end: then nobody else can learn it any more.
        """
        if status is not None:
            self._process.returncode = os.waitstatus_to_exitcode(status)
        try:
            code = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return ""
        if code < 0:
            with suppress(ValueError):
                return f"process {self.pid} was ended by {signal.Signals(-code).name}"
        return f"process {self.pid} exited with code {code}"

    def end(self) -> None:
        """Ask the program and its children to end, then make them."""
        for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0)):
            if self._process.poll() is not None:
                return
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
