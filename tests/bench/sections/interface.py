"""What the screen costs while somebody looks at it, and the memory of both processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial

from tests.bench import peer
from tests.bench.processes import MeasureError, children, cpu_seconds, memory
from tests.bench.rounds import Figures, Plan, alternate
from tests.bench.stretch import Stretch
from tests.bench.table import KILOBYTES, LIVETOP, MEGABYTES, SHARE, Goal, Row
from tests.bench.targets import Target, demo
from tests.bench.terminal import terminal

CPU = Goal(limit=0.05)
BYTES = {2: Goal(limit=4000), 4: Goal(limit=8000)}
"""Refreshes a second -> bytes a second."""
USUAL = 4

_FIRST_ROWS = b"edit_distance"
_SETTLE = 2.0
_PATIENCE = 20.0


def interface(plan: Plan) -> Iterator[Row]:
    """The real screen over the bundled demo: six threads, dozens of lines that change all the time."""
    start = partial(demo, plan.python)
    for refresh, goal in BYTES.items():
        contenders = {LIVETOP: partial(_screen, refresh=refresh, seconds=plan.long)}
        if refresh == USUAL:
            contenders["py-spy"] = partial(_record, plan.pyspy, seconds=plan.long)
        series = alternate(start, contenders, plan.long_rounds)
        mine = {LIVETOP: series[LIVETOP]}
        yield Row(f"interface at {refresh} Hz, share of a core", SHARE, "interface", mine, CPU)
        yield Row(f"bytes to the terminal at {refresh} Hz", KILOBYTES, "bytes", mine, goal)
        if refresh == USUAL:
            yield Row("engine under the screen, share of a core", SHARE, "engine", mine)
            yield Row("peak memory, engine", MEGABYTES, "engine_peak", mine)
            yield Row("peak memory, interface", MEGABYTES, "interface_peak", mine)
            yield Row("peak memory, together", MEGABYTES, "peak", series)


def _screen(target: Target, *, refresh: int, seconds: float) -> Figures:
    """Counts from a moment after the first rows on, with 120 x 40 characters and nobody typing."""
    command = [sys.executable, "-m", "livetop", "attach", str(target.pid), "--refresh", str(refresh)]
    with terminal(command) as screen:
        screen.until(_FIRST_ROWS, _PATIENCE)
        screen.watch(_SETTLE)
        engines = children(screen.pid)
        if len(engines) != 1:
            raise MeasureError(f"livetop has {len(engines)} children, not one engine")
        engine = engines[0]
        before = {pid: cpu_seconds(pid) for pid in (screen.pid, engine)}
        began = time.monotonic()
        count = screen.watch(seconds)
        elapsed = time.monotonic() - began
        shares = {pid: (cpu_seconds(pid) - cpu) / elapsed for pid, cpu in before.items()}
        peaks = {pid: memory(pid) for pid in before}
        screen.quit()
    return {
        "interface": shares[screen.pid],
        "engine": shares[engine],
        "bytes": count / elapsed,
        "interface_peak": peaks[screen.pid],
        "engine_peak": peaks[engine],
        "peak": sum(peaks.values()),
    }


def _record(pyspy: str, target: Target, *, seconds: float) -> Figures:
    with peer.recording(pyspy, target.pid, 100) as (process, _):
        stretch = Stretch.begin(process.pid, target)
        time.sleep(seconds)
        return stretch.end()
