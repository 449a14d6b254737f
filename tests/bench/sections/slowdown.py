"""How much less the target gets done while it is looked at."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.bench.rounds import EXPECTED, Contender, Plan, Series, attempt
from tests.bench.stretch import Stretch
from tests.bench.table import LIVETOP, LOSS, Row
from tests.bench.targets import Target, stack

from .contenders import behind, samplers

DEPTH = 24
CASES = (
    ("plain", 1, 100.0),
    ("plain", 1, 1000.0),
    ("calls", 1, 100.0),
    ("calls", 1, 1000.0),
    ("plain", 150, 100.0),
)
"""Style of the target's work, its threads, rate."""

STYLES = {"plain": "a loop", "calls": "small calls"}


def slowdown(plan: Plan) -> Iterator[Row]:
    """Each profiler between two stretches without any; its loss is against the mean of the two."""
    for style, threads, rate in CASES:
        series = _in_turns(plan, style, threads, samplers(plan, rate))
        more = f", {threads} threads" if threads > 1 else ""
        what = f"target slower at {rate:,.0f} Hz, {STYLES[style]}{more}"
        yield Row(what, LOSS, "loss", series, notes=(*_spread(series), *behind(series, rate)))


def _in_turns(plan: Plan, style: str, threads: int, contenders: dict[str, Contender]) -> dict[str, Series]:
    series = {name: Series() for name in contenders}
    names = list(contenders)
    for number in range(plan.rounds):
        try:
            with stack(plan.python, DEPTH, threads, style) as target:
                before = _alone(target, plan.seconds)
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    figures = attempt(series[name], contenders[name], target)
                    after = _alone(target, plan.seconds)
                    if figures is not None:
                        figures["alone"] = statistics.mean((before, after))
                        figures["loss"] = 1 - figures["work"] / figures["alone"]
                    before = after
        except EXPECTED as error:
            for each in series.values():
                each.failures.append(str(error))
    return series


def _spread(series: dict[str, Series]) -> tuple[str, ...]:
    """How far the rounds lie apart: what else the machine does shows here first."""
    notes = []
    for name, each in series.items():
        losses = each.values("loss")
        if len(losses) > 1:
            notes.append(f"{name} from {min(losses):.1%} to {max(losses):.1%}")
    paused = series[LIVETOP].median("paused")
    if paused is not None:
        notes.append(f"livetop itself counts {paused:.2%} of standing still")
    return tuple(notes)


def _alone(target: Target, seconds: float) -> float:
    stretch = Stretch.begin(0, target)
    time.sleep(seconds)
    return stretch.end()["work"]
