"""py-spy, as `py-spy record`, in its default mode (it stops the target for each sample) and without stops."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .processes import MeasureError, started
from .rounds import Figures
from .stretch import Stretch, per_sample
from .targets import BUSY, Target

MODES: dict[str, tuple[str, ...]] = {"py-spy": (), "py-spy --nonblocking": ("--nonblocking",)}
"""Name in the table -> options."""

HOT_RATE = 100_000

_BEGINS = "Sampling process"
_ERRORS = re.compile(r"Errors: (\d+)")
_ENDING = 20.0


def find() -> str:
    """The path of py-spy. Raises MeasureError."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise MeasureError("py-spy is not installed: pip install 'livetop[bench]'")
    return found


@contextmanager
def recording(
    pyspy: str, pid: int, rate: float, options: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A py-spy that is about to take its first sample, and where it will write at its end.

    It records without a limit: its `-d` is a number of samples at the rate that was asked for.
    """
    with tempfile.TemporaryDirectory(prefix="livetop-bench-") as folder:
        raw = Path(folder, "raw")
        command = [pyspy, "record", "-f", "raw", "-o", str(raw), "-r", f"{rate:.0f}"]
        with started(
            [*command, "-p", str(pid), *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            said: list[str] = []
            for line in _lines(process.stdout):
                if _BEGINS in line:
                    break
                said.append(line.strip())
            else:
                raise MeasureError(f"py-spy did not start: {' / '.join(filter(None, said))[:300]}")
            yield process, raw


def _lines(stream: IO[str] | None) -> Iterator[str]:
    assert stream is not None
    return iter(stream)


def sample(pyspy: str, target: Target, rate: float, seconds: float, options: Sequence[str] = ()) -> Figures:
    """Samples for a while. Only stacks of the busy thread count: one is one tick.

    (The number that it prints includes blocked threads that it takes for active.) It keeps nothing from
    sample to sample, so there is nothing to warm up.
    """
    with recording(pyspy, target.pid, rate, options) as (process, raw):
        stretch = Stretch.begin(process.pid, target)
        time.sleep(seconds)
        figures = stretch.end()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=_ENDING)
        errors = _ERRORS.search(said)
        if errors is None:
            raise MeasureError(f"py-spy did not end well: {said.strip()[-200:]}")
        busy = [line for line in raw.read_text().splitlines() if BUSY in line]
    samples = sum(int(line.rpartition(" ")[2]) for line in busy)
    if not samples:
        raise MeasureError(f"py-spy took no samples in {seconds:g} s ({errors[1]} errors)")
    return {**per_sample(figures, samples, samples), "errors": int(errors[1])}


def first_sample(pyspy: str, target: Target) -> Figures:
    """Seconds from its start until it says that it samples."""
    began = time.monotonic()
    with recording(pyspy, target.pid, 100):
        return {"seconds": time.monotonic() - began}
