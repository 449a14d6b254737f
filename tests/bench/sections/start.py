"""From Enter to the first sample, the first rows, and a dump."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from tests.bench import engine, peer
from tests.bench.processes import PROGRAMS, MeasureError
from tests.bench.rounds import Contender, Figures, Plan, Series, alternate
from tests.bench.table import EXTRA, LIVETOP, SECONDS, Goal, Row
from tests.bench.targets import HOT, Target, stack
from tests.bench.terminal import terminal

DEPTH = 24
BARE = "bare Textual app"
PYSPY = "py-spy"
BEYOND = Goal(limit=0.5)
DUMP = Goal(limit=0.3)

_PATIENCE = 15.0
_INTERRUPT = b"\x03"


def start(plan: Plan) -> Iterator[Row]:
    """Short and noisy: twice the rounds."""
    target = partial(stack, plan.python, DEPTH)
    rounds = 2 * plan.rounds
    first: dict[str, Contender] = {
        LIVETOP: engine.first_sample,
        PYSPY: partial(peer.first_sample, plan.pyspy),
    }
    samples = alternate(target, first, rounds)
    notes: tuple[str, ...] = ("py-spy: until it says that it samples",)
    yield Row("start to first sample", SECONDS, "seconds", samples, notes=notes)
    painters: dict[str, Contender] = {LIVETOP: _screen, BARE: _bare, PYSPY: partial(_top, plan.pyspy)}
    screens = alternate(target, painters, rounds)
    shown = {name: screens[name] for name in (LIVETOP, PYSPY)}
    yield Row("start to first rows on screen", SECONDS, "seconds", shown, notes=("py-spy: top",))
    yield Row("a bare Textual app's first paint", SECONDS, "seconds", {LIVETOP: screens[BARE]})
    yield Row("first rows beyond the bare app", EXTRA, "beyond", {LIVETOP: _beyond(screens)}, BEYOND)
    dumpers: dict[str, Contender] = {
        LIVETOP: partial(_dump, (sys.executable, "-m", "livetop", "dump")),
        PYSPY: partial(_dump, (plan.pyspy, "dump", "--pid")),
    }
    yield Row("dump", SECONDS, "seconds", alternate(target, dumpers, rounds), DUMP)


def _screen(target: Target) -> Figures:
    """Until the hot function's name is on the screen: not before the first rows are."""
    with terminal([sys.executable, "-m", "livetop", "attach", str(target.pid)]) as screen:
        seconds = screen.until(HOT["plain"].encode(), _PATIENCE)
        screen.quit()
    return {"seconds": seconds}


def _bare(target: Target) -> Figures:
    with terminal([sys.executable, str(PROGRAMS / "bench_bare_app.py")]) as screen:
        seconds = screen.until(b"bare-app-painted", _PATIENCE)
        screen.quit(b"\x11")
    return {"seconds": seconds}


def _top(pyspy: str, target: Target) -> Figures:
    with terminal([pyspy, "top", "--pid", str(target.pid)]) as screen:
        seconds = screen.until(HOT["plain"].encode(), _PATIENCE)
        screen.quit(_INTERRUPT)
    return {"seconds": seconds}


def _beyond(screens: dict[str, Series]) -> Series:
    """Of the medians: single starts are not pairs."""
    mine, bare = screens[LIVETOP], screens[BARE]
    found = Series(failures=[*mine.failures, *bare.failures])
    rows, least = mine.median("seconds"), bare.median("seconds")
    if rows is not None and least is not None:
        found.rounds.append({"beyond": rows - least})
    return found


def _dump(command: tuple[str, ...], target: Target) -> Figures:
    began = time.monotonic()
    run = subprocess.run([*command, str(target.pid)], capture_output=True, text=True, timeout=_PATIENCE)
    seconds = time.monotonic() - began
    if HOT["plain"] not in run.stdout:
        raise MeasureError(f"no stack in the dump: {(run.stderr or run.stdout).strip()[-200:]}")
    return {"seconds": seconds}
