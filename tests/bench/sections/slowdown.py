"""How much less the target gets done while it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.rounds import Plan
from tests.bench.table import LOSS, Row
from tests.bench.targets import stack

from .contenders import behind, samplers
from .turns import losses, spread

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
        start = partial(stack, plan.python, DEPTH, threads, style)
        series = losses(start, samplers(plan, rate), plan.rounds, plan.seconds)
        more = f", {threads} threads" if threads > 1 else ""
        what = f"target slower at {rate:,.0f} Hz, {STYLES[style]}{more}"
        yield Row(what, LOSS, "loss", series, notes=(*spread(series), *behind(series, rate)))
