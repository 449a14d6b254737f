"""What profilers say of a running truth_mix.py: shares of all CPU time by item, and when they looked."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from livetop.profile.rows import Query, Row
from livetop.session.live import Live
from livetop.session.protocol import LinkError
from livetop.wire.messages import Configure, Delta
from tests.bench import peer
from tests.bench.processes import MeasureError, started

from .known import MIX, Places, Split

UNLIMITED = 2.0
REFRESH = 0.2
_PATIENCE = 60.0
_PYTHON_FRAME = re.compile(r"^.* \((/.*\.py):(\d+)\)$")


@dataclass(frozen=True)
class Bound:
    """An interval that a tool gave for a share, and of which item it is."""

    item: str
    low: float
    high: float


@dataclass
class Reading:
    """`t0`, `t1`: monotonic seconds between which it looked. `own`: shares that have no split, too."""

    t0: float
    t1: float
    splits: dict[str, Split] = field(default_factory=dict)
    own: dict[str, float] = field(default_factory=dict)
    exact: dict[str, int] = field(default_factory=dict)
    bounds_own: list[Bound] = field(default_factory=list)
    bounds_native: list[Bound] = field(default_factory=list)
    note: str = ""
    """How the tool itself fared."""


# ---------------------------------------------------------------- livetop


@dataclass(frozen=True)
class Settings:
    """livetop's, as its options: rate in Hz, `max_pause` a fraction."""

    rate: float
    max_pause: float


def livetop(pid: int, places: Places, settings: Settings, windows: int, seconds: float) -> list[Reading]:
    """A reading for each of `windows` stretches that follow each other. Raises MeasureError.

    The rows are those of the screen and of `record`: the product's session and model.
    """
    max_cpu = UNLIMITED if settings.rate > 100 else 0.05
    found: list[Reading] = []
    try:
        session = Live.start(
            Configure(pid=pid, rate=settings.rate, max_pause=settings.max_pause, max_cpu=max_cpu)
        )
        try:
            deltas = _deltas(session)
            next(deltas)
            for _ in range(windows):
                session.profile.reset()
                first = last = next(deltas)
                while last.t1 - first.t0 < seconds:
                    last = next(deltas)
                rows = session.profile.rows(Query(window=None)).rows
                reading = _reading(rows, places, first.t0, last.t1)
                reading.note = _fared(session, rows)
                found.append(reading)
        finally:
            session.stop()
            session.close()
    except LinkError as error:
        raise MeasureError(str(error)) from None
    return found


def _fared(session: Live, rows: Iterable[Row]) -> str:
    """What it saw, and the share that it says it did not see."""
    sampling = session.profile.sampling
    special = {row.function: row.own_share for row in rows if row.kind == "special" and row.own}
    unseen = "".join(f", {share:.1%} {name}" for name, share in special.items())
    seconds = sampling.duration or math.inf
    stacks = sampling.unwound + sampling.unwind_failed
    return (
        f"{sampling.samples / seconds:,.0f} samples and {sampling.exact / seconds:,.0f} exact a second, "
        f"{sampling.unwind_failed:,} of {stacks:,} C stacks not whole{unseen}"
    )


def _deltas(session: Live) -> Iterator[Delta]:
    """Asks for a delta a few times a second; what comes is in the profile when it is given."""
    while True:
        session.credit()
        message = session.read()
        session.apply(message)
        if isinstance(message, Delta):
            yield message
            time.sleep(REFRESH)
        elif session.ended is not None:
            raise MeasureError(f"the engine ended: {session.ended}")


def _reading(rows: Iterable[Row], places: Places, t0: float, t1: float) -> Reading:
    reading = Reading(t0, t1)
    by_item: dict[str, list[Row]] = {}
    for row in rows:
        item = places.item(row.file, row.line or 0)
        if item is not None and row.own:
            by_item.setdefault(item, []).append(row)
    for item, group in by_item.items():
        reading.own[item] = sum(row.own_share for row in group)
        reading.exact[item] = sum(row.exact for row in group)
        split = [row for row in group if row.python is not None]
        if split:
            # Lines of an item that have no exact sample are like those that have.
            scale = reading.own[item] / sum(row.own for row in split)
            parts = (
                sum(row.python or 0.0 for row in split),
                sum(row.native or 0.0 for row in split),
                sum(row.system or 0.0 for row in split),
            )
            reading.splits[item] = Split(*(part * scale for part in parts))
        _note_bounds(reading, item, group, places)
    return reading


def _note_bounds(reading: Reading, item: str, group: list[Row], places: Places) -> None:
    """The native share is known of each line, the own share of an item that is one line."""
    for row in group:
        if row.native_low is not None and row.native_high is not None and not row.estimated:
            reading.bounds_native.append(Bound(item, row.native_low, row.native_high))
        if row.own_low is not None and row.own_high is not None and places.is_one_line(item):
            reading.bounds_own.append(Bound(item, row.own_low, row.own_high))


# ---------------------------------------------------------------- py-spy


def pyspy(path: str, pid: int, places: Places, rate: float, seconds: float) -> Reading:
    """`record --native`: samples whose innermost frame is C are native, others Python. Raises MeasureError.

    It does not tell what the kernel did: `system` is 0.
    """
    with peer.recording(path, pid, rate, ("--native", "--full-filenames")) as (process, raw):
        t0 = time.monotonic()
        time.sleep(seconds)
        t1 = time.monotonic()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=_PATIENCE)
        if not raw.exists():
            raise MeasureError(f"py-spy did not end well: {said.strip()[-200:]}")
        lines = raw.read_text().splitlines()
    counts: dict[tuple[str | None, bool], int] = {}
    for line in lines:
        stack, _, count = line.rpartition(" ")
        key = _innermost(stack.split(";"), places)
        counts[key] = counts.get(key, 0) + int(count)
    whole = sum(counts.values())
    if not whole:
        raise MeasureError(f"py-spy took no samples in {seconds:g} s")
    reading = Reading(t0, t1)
    for item in {item for item, _ in counts if item is not None}:
        python, native = (counts.get((item, is_native), 0) / whole for is_native in (False, True))
        reading.splits[item] = Split(python, native, 0.0)
        reading.own[item] = python + native
    return reading


def _innermost(frames: list[str], places: Places) -> tuple[str | None, bool]:
    """(item of the innermost Python frame, whether C frames are above it)."""
    for depth, frame in enumerate(reversed(frames)):
        if found := _PYTHON_FRAME.match(frame):
            return places.item(found[1], int(found[2])), depth > 0
    return None, True


# ---------------------------------------------------------------- Scalene


def scalene(
    python: str, places: Places, arguments: Callable[[Path], list[str]], folder: Path, seconds: float
) -> Reading:
    """Runs the program under Scalene; its percentages are of all that it attributed. Raises MeasureError."""
    out = folder / "scalene.json"
    command = [python, "-m", "scalene", "run", "--cpu-only", "--off", "--cpu-percent-threshold", "0"]
    command += ["-o", str(out), str(MIX), "---", *arguments(folder), str(seconds)]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder) as process:
        said, _ = process.communicate(timeout=seconds + _PATIENCE)
    if not out.exists():
        raise MeasureError(f"Scalene did not end well: {said.strip()[-200:]}")
    files = json.loads(out.read_text()).get("files", {})
    reading = Reading(0.0, float("inf"))
    sums: dict[str, list[float]] = {}
    whole = 0.0
    for name, file in files.items():
        for line in file["lines"]:
            parts = [line[key] / 100 for key in ("n_cpu_percent_python", "n_cpu_percent_c", "n_sys_percent")]
            whole += sum(parts)
            item = places.item(str((folder / name).resolve()), line["lineno"])
            if item is not None:
                sums[item] = [a + b for a, b in zip(sums.get(item, [0.0] * 3), parts, strict=True)]
    if not whole:
        raise MeasureError("Scalene attributed no time")
    for item, parts in sums.items():
        reading.splits[item] = Split(*(part / whole for part in parts))
        reading.own[item] = reading.splits[item].own
    return reading


# ---------------------------------------------------------------- the program


@contextmanager
def mixing(python: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """The program at work; its process id."""
    with started([python, str(MIX), *arguments], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise MeasureError(f"truth_mix.py ended with code {process.wait()}")
        yield process.pid
