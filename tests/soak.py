"""Whether memory stays flat: the engine and a session over a target that never stays the same.

    python -m tests.soak                 ten minutes
    python -m tests.soak --minutes 4

The target makes and drops code objects, threads and deep stacks all the time. In every cycle the session
withholds its credit for a while, as a stalled link does. Exit code 1 when the last quarter's peak is
above the third's by more than a small bound: the engine's always, the interface's once its history (ten
minutes) is full by then. Caches fill up first, which takes minutes at the usual rate: hence a high one,
and less than three minutes say little.
"""

from __future__ import annotations

import argparse
import queue
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import getpid

from livetop.profile.rows import Query
from livetop.session.live import Live
from livetop.session.protocol import LinkError
from livetop.wire.messages import Configure
from tests.bench.machine import newest_python
from tests.bench.processes import PROGRAMS, MeasureError, children, memory, started

REFRESH = 0.25
WITHHELD = 0.25
"""Part of a cycle without credit."""
CYCLE = 48.0
"""Seconds at most: an engine that hears nothing for 30 s ends."""
HISTORY = 600.0
"""Seconds that the interface's model keeps one by one; until then it may grow."""
BOUND = 2 << 20
NOISE = 0.02
"""Part of the memory by which it may wobble."""


@dataclass(frozen=True, slots=True)
class Look:
    """Resident memory in bytes, and how much there is of what could grow."""

    at: float
    engine: float
    interface: float
    threads: int
    rows: int
    samples: int


class Soak:
    """One session, read by a thread of its own and refreshed like a screen."""

    def __init__(self, session: Live, duration: float) -> None:
        self._session = session
        self._duration = duration
        self._cycle = min(CYCLE, duration / 4)
        self._arrived: queue.SimpleQueue[object] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        (self._engine,) = children(getpid())[-1:]

    def _read(self) -> None:
        while (message := self._session.read()) is not None:
            self._arrived.put(message)
        self._arrived.put(None)

    def run(self) -> Iterator[Look]:
        """One look a second. Raises MeasureError when the engine ends."""
        session, began = self._session, time.monotonic()
        refreshed = looked = began
        rows = 0
        while (now := time.monotonic()) < began + self._duration:
            self._take(refreshed + REFRESH - now)
            now = time.monotonic()
            if now - refreshed >= REFRESH:
                refreshed = now
                if (now - began) % self._cycle < self._cycle * (1 - WITHHELD):
                    session.credit()
                for by in ("line", "function"):
                    rows = len(session.profile.rows(Query(by=by)).rows)
            if now - looked >= 1.0:
                looked = now
                profile = session.profile
                yield Look(
                    now - began,
                    memory(self._engine, "VmRSS"),
                    memory(getpid(), "VmRSS"),
                    len(profile.threads),
                    rows,
                    profile.sampling.samples,
                )

    def _take(self, timeout: float) -> None:
        try:
            message = self._arrived.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return
        self._session.apply(message)
        if not self._session.live:
            raise MeasureError(f"the engine ended: {self._session.ended}")


@contextmanager
def _session(pid: int, rate: float) -> Iterator[Live]:
    session = Live.start(Configure(pid=pid, rate=rate, max_cpu=1.0))
    try:
        yield session
    finally:
        session.stop()
        session.close()


def soak(python: str, duration: float, rate: float) -> list[Look]:
    """Runs it all and tells how it goes on stderr."""
    looks: list[Look] = []
    program = [python, str(PROGRAMS / "bench_churn.py")]
    with started(program, stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        if target.stdout.readline() != "ready\n":
            raise MeasureError(f"the target ended with code {target.wait()}")
        with _session(target.pid, rate) as session:
            # Both children are there now; the engine was started last.
            for look in Soak(session, duration).run():
                looks.append(look)
                if len(looks) % max(1, round(duration / 20)) == 1:
                    print(_line(look), file=sys.stderr)
    return looks


def _line(look: Look) -> str:
    return (
        f"{look.at:6.0f} s  engine {look.engine / 1e6:6.1f} MB  interface {look.interface / 1e6:6.1f} MB  "
        f"{look.threads:5} threads  {look.rows:6} rows  {look.samples:9,} samples"
    )


def verdict(looks: Sequence[Look]) -> bool:
    """Prints how both began and went on, and returns whether they are flat."""
    if len(looks) < 8:
        raise MeasureError(f"only {len(looks)} looks: too short to tell anything")
    flat = True
    for name in ("engine", "interface"):
        values = [getattr(look, name) for look in looks]
        quarter = len(values) // 4
        start = statistics.median(values[: max(2, quarter // 4)])
        # Caches that fill up and are emptied make a saw: peaks are what can be compared.
        middle, end = max(values[2 * quarter : 3 * quarter]), max(values[3 * quarter :])
        bound = BOUND + NOISE * middle
        growth = end - middle
        judged = name == "engine" or looks[2 * quarter].at >= HISTORY
        good = growth <= bound
        flat = flat and (good or not judged)
        said = "flat" if good else "GROWS" if judged else "grows, its history is not full yet"
        print(
            f"{name:9}  start {start / 1e6:6.1f}  third quarter {middle / 1e6:6.1f}"
            f"  last {end / 1e6:6.1f} MB  grew {growth / 1e6:+.1f} of {bound / 1e6:.1f} MB: {said}"
        )
    return flat


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code is 0 when memory is flat."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--rate", type=float, default=1000.0, help="samples a second (default: 1000)")
    parser.add_argument("--python", metavar="PATH", help="the target's interpreter (default: the newest)")
    options = parser.parse_args(argv)
    # As Ctrl-C does: what was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        looks = soak(options.python or newest_python(), options.minutes * 60, options.rate)
        return 0 if verdict(looks) else 1
    except (MeasureError, LinkError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
