"""What native stacks cost: CPU, standing still, throughput, interrupted system calls; and are they whole?"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial

from tests import interpreters
from tests.bench import engine, peer
from tests.bench.environment import prepared
from tests.bench.rounds import Contender, Figures, Plan, alternate
from tests.bench.stretch import Stretch
from tests.bench.table import (
    FRACTION_KEPT,
    LIVETOP,
    LOSS,
    MICROSECONDS,
    PAUSE,
    TIMES,
    Goal,
    Row,
)
from tests.bench.targets import Target, counting

from .contenders import behind
from .turns import losses, spread

FRAMES = "livetop --native"
PYSPY = "py-spy --native"
NOBODY = "nobody"
DEPTH = 24
FAST, USUAL = 1000.0, 100.0
GAPS = 1 << 16
CHEAP = Goal(times=4)
STILL = Goal(limit=150e-6)
KEEPS = Goal(limit=0.03)
NONE = Goal(limit=1)


def native(plan: Plan) -> Iterator[Row]:
    """livetop as it splits lines, with C frames in its stacks (`--native`), and py-spy with C frames."""
    python = prepared(plan.python, "numpy")
    mixed = partial(counting, python, "bench_native.py", str(DEPTH))
    # Every sample of livetop's is exact, as every sample of py-spy's is.
    fast = alternate(mixed, _samplers(plan, FAST, 1.0), plan.rounds)
    notes = behind(fast, FAST)
    yield Row("CPU a native and Python sample at 1,000 Hz", MICROSECONDS, "cpu_native", fast, CHEAP, notes)
    mine = {name: fast[name] for name in (LIVETOP, FRAMES)}
    yield Row("C stacks read down to the eval frame", FRACTION_KEPT, "complete", mine)
    usual = alternate(mixed, _samplers(plan, USUAL, 0.01), plan.rounds)
    yield Row("CPU a sample at 100 Hz, pause of 1% allowed", MICROSECONDS, "cpu_sample", usual)
    yield from _still(plan)
    for rate, max_pause, goal in ((USUAL, 0.01, KEEPS), (FAST, 0.01, None), (FAST, 1.0, None)):
        series = losses(mixed, _samplers(plan, rate, max_pause), plan.rounds, max(plan.seconds, 2.0))
        what = f"target slower at {rate:,.0f} Hz, pause of {max_pause:.0%} allowed"
        yield Row(what, LOSS, "loss", series, goal, (*spread(series), *behind(series, rate)))
    yield from _interrupted(plan)
    if plan.rounds > 1:
        yield from _versions(plan)


def _samplers(plan: Plan, rate: float, max_pause: float) -> dict[str, Contender]:
    def livetop(target: Target, *, shape: str) -> Figures:
        found = engine.sample(target, rate, plan.seconds, max_pause=max_pause, native=shape)
        return {**found, "cpu_native": found.get("cpu_exact", math.inf)}

    def pyspy(target: Target) -> Figures:
        found = peer.sample(plan.pyspy, target, rate, plan.seconds, ("--native",))
        return {**found, "cpu_native": found["cpu_sample"]}

    return {LIVETOP: partial(livetop, shape="split"), FRAMES: partial(livetop, shape="frames"), PYSPY: pyspy}


# ---------------------------------------------------------------- standing still


def _still(plan: Plan) -> Iterator[Row]:
    """As the target itself sees it: gaps in its reading of the clock, `nobody` while it is left alone."""
    start = partial(counting, plan.python, "bench_gaps.py", str(DEPTH), words=GAPS + 1)
    for rate, max_pause in ((USUAL, 0.01), (FAST, 1.0)):
        everyone: dict[str, Contender] = {**_samplers(plan, rate, max_pause), NOBODY: _alone(plan)}
        series = alternate(
            start, {name: partial(_gaps, each) for name, each in everyone.items()}, plan.rounds
        )
        notes = tuple(
            f"{name}: {each.median('gaps') or 0:,.0f} gaps a second" for name, each in series.items()
        )
        mine = {name: series[name] for name in (LIVETOP, FRAMES)}
        yield Row(f"mean pause at {rate:,.0f} Hz by livetop's own count", PAUSE, "mean_pause", mine)
        for figure, goal in (("p50", STILL), ("p95", None), ("longest", None)):
            what = f"a running thread stands still at {rate:,.0f} Hz, {figure}"
            yield Row(what, PAUSE, figure, series, goal, notes if figure == "p50" else ())


def _alone(plan: Plan) -> Contender:
    def nobody(target: Target) -> Figures:
        stretch = Stretch.begin(0, target)
        time.sleep(plan.seconds)
        return {"seconds": stretch.end()["seconds"]}

    return nobody


def _gaps(contender: Contender, target: Target) -> Figures:
    """Adds to a contender's figures the gaps from before its start to after its end."""
    board = target.board
    assert board is not None
    before, began = board[0], time.monotonic()
    figures = contender(target)
    elapsed = time.monotonic() - began
    count = min(board[0] - before, GAPS)
    found = sorted(board[1 + number % GAPS] * 1e-9 for number in range(board[0] - count, board[0]))
    figures["gaps"] = count / elapsed
    if found:
        figures |= {
            "p50": found[len(found) // 2],
            "p95": found[int(len(found) * 0.95)],
            "longest": found[-1],
        }
    return figures


# ---------------------------------------------------------------- interrupted system calls


def _interrupted(plan: Plan) -> Iterator[Row]:
    """Raw epoll_wait: long waits, and 20 µs of work by turns with waits of 50 µs."""
    seconds = max(plan.seconds, 3.0)

    def livetop(target: Target) -> Figures:
        return engine.sample(target, FAST, seconds, max_pause=1.0)

    def pyspy(target: Target) -> Figures:
        with peer.recording(plan.pyspy, target.pid, FAST, ("--native",)):
            time.sleep(seconds)
        return {}

    def counted(contender: Contender, target: Target) -> Figures:
        board = target.board
        assert board is not None
        waits, interrupted = board[0], board[1]
        figures = contender(target)
        return {**figures, "waits": board[0] - waits, "interrupted": board[1] - interrupted}

    contenders: dict[str, Contender] = {
        name: partial(counted, each) for name, each in ((LIVETOP, livetop), (PYSPY, pyspy))
    }
    for kind in ("long", "racing"):
        start = partial(counting, plan.python, "epoll_waits.py", kind, words=2)
        series = alternate(start, contenders, plan.rounds)
        notes = [f"{name}: of {each.median('waits') or 0:,.0f} waits" for name, each in series.items()]
        notes.append(f"livetop made {series[LIVETOP].median('stops') or 0:,.0f} stops")
        # The worst round counts, not the middle one.
        for each in series.values():
            worst = max(each.values("interrupted"), default=0.0)
            for figures in each.rounds:
                figures["interrupted"] = worst
        yield Row(f"EINTR seen, {kind} waits", TIMES, "interrupted", series, NONE, tuple(notes))


# ---------------------------------------------------------------- versions


def _versions(plan: Plan) -> Iterator[Row]:
    """Whole stacks by version of the target, of those that numpy can be installed for."""
    for one in interpreters.one_a_version():
        if one.name:
            # Its root is another, and so are its libraries.
            continue
        target = partial(counting, prepared(one.path, "numpy"), "bench_native.py", str(DEPTH))
        only = {LIVETOP: _samplers(plan, FAST, 1.0)[LIVETOP]}
        series = alternate(target, only, plan.rounds)
        stacks = sum(series[LIVETOP].values("exact"))
        label = f"C stacks read down to the eval frame, CPython {one.version}"
        yield Row(label, FRACTION_KEPT, "complete", series, notes=(f"of {stacks:,.0f}",))
