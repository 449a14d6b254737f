"""Real programs on real interpreters: started, waited for, ended."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def end_with_us() -> None:
    """A test run that is killed must not leave spinning programs behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Target:
    """A program of tests/programs that has said it is ready.

    It says so with a line of JSON on its standard output (`ready`: what it had to tell), and may answer
    further lines written to it. Nothing here waits for a clock: reading blocks until the program has spoken
    or ended.
    """

    def __init__(
        self,
        program: str | Path,
        *args: object,
        python: str = sys.executable,
        options: Sequence[str] = (),
        **popen: Any,
    ) -> None:
        argv = [python, *options, str(PROGRAMS / program), *map(str, args)]
        popen.setdefault("preexec_fn", end_with_us)
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **popen)
        self.pid = self.process.pid
        try:
            self.ready = self.read()
        except BaseException:
            self.end()
            raise

    def read(self) -> Any:
        """The next line the program says, as JSON."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{self.process.args} ended with code {self.process.wait(30)} unasked")
        return json.loads(line)

    def say(self, *words: object) -> None:
        """Write a line to the program."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, *words: object) -> Any:
        """Write a line to the program and read its answer."""
        self.say(*words)
        return self.read()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def untraced(self) -> bool:
        """Whether it runs and nothing holds any of its threads."""
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            status = Path(f"/proc/{self.pid}/task/{tid}/status").read_text()
            if "TracerPid:\t0\n" not in status or "\nState:\tt" in status:
                return False
        return self.alive

    def kill(self) -> None:
        """SIGKILL it and collect it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
