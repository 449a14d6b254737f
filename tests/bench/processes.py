"""Processes that a measure starts: they end with it, and with this program, whatever happens."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "programs"

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class MeasureError(Exception):
    """A measure could not be taken. `str()` is one line that says why."""


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@contextmanager
def started(argv: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs a program for as long as the block lasts; then it is killed. Its standard input is empty."""
    options.setdefault("stdin", subprocess.DEVNULL)
    process = subprocess.Popen(argv, text=True, preexec_fn=_die_with_parent, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def cpu_seconds(pid: int) -> float:
    """CPU time of a running process so far, ended threads included, without its children.

    From the process's CPU clock (man 3 clock_getcpuclockid; MAKE_PROCESS_CPUCLOCK in the kernel), in
    nanoseconds; it may be one scheduler tick behind.
    """
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError as error:
        raise MeasureError(f"process {pid} is gone ({error.strerror})") from None


def memory(pid: int, field: str = "VmHWM") -> float:
    """Resident memory in bytes, at its peak, or now (VmRSS)."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    except OSError as error:
        raise MeasureError(f"process {pid} is gone ({error.strerror})") from None
    raise MeasureError(f"process {pid} has no {field}")


def children(pid: int) -> list[int]:
    """PIDs of the processes that a process started and that still run."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, path.read_text().split())
    return found
