"""The programs that are looked at."""

from __future__ import annotations

import mmap
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import PROGRAMS, ROOT, MeasureError, started

HOT = {"plain": "spin_plain", "calls": "mix"}
"""Style of work -> name of the function that takes most of the time."""


BUSY = "descend"
"""A function that is on the busy thread's stack all the time, and on no other's."""


_READY = ("ready", '"ready"')
"""As text, and as the JSON that the tests' own programs speak."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running program that counts its work. Without a board nothing is counted."""

    pid: int
    board: memoryview | None = None

    @property
    def work(self) -> int:
        """Units of work done so far."""
        return self.board[0] if self.board is not None else 0


@contextmanager
def stack(python: str, depth: int, threads: int = 1, style: str = "plain") -> Iterator[Target]:
    """A program that is busy `depth` frames deep, with `threads` threads, all but one of them blocked."""
    with counting(python, "bench_stack.py", str(depth), str(threads), style) as target:
        yield target


@contextmanager
def counting(python: str, program: str, *arguments: str, words: int = 1) -> Iterator[Target]:
    """A program of tests/programs that is given a board of so many 64-bit words, all 0 at first."""
    with tempfile.TemporaryDirectory(prefix="livetop-bench-") as folder:
        path = Path(folder, "board")
        path.write_bytes(bytes(8 * words))
        with started(
            [python, str(PROGRAMS / program), str(path), *arguments], stdout=subprocess.PIPE
        ) as process:
            _await_ready(process)
            handle = os.open(path, os.O_RDONLY)
            try:
                shared = mmap.mmap(handle, 8 * words, prot=mmap.PROT_READ)
            finally:
                os.close(handle)
            yield Target(process.pid, memoryview(shared).cast("Q"))


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline().strip() not in _READY:
        raise MeasureError(f"the target ended with code {process.wait()}")
    # It has its threads, but not yet its depth.
    time.sleep(0.2)


@contextmanager
def demo(python: str) -> Iterator[Target]:
    """The bundled workload: six threads, most kinds of time."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with started([python, "-m", "livetop.demo"], env=environment, stdout=subprocess.DEVNULL) as process:
        time.sleep(1.0)
        if process.poll() is not None:
            raise MeasureError(f"the demo ended with code {process.returncode}")
        yield Target(process.pid)
