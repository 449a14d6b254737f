"""What threads cost that are there but blocked: one is busy, 24 frames deep."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.rounds import Plan, alternate
from tests.bench.table import HERTZ, MICROSECONDS, SHARE, Goal, Row
from tests.bench.targets import stack

from .contenders import behind, samplers

DEPTH = 24
HOT = (1, 10, 100)
PACED = (1, 10, 100, 150)
RATE = 100.0
GOALS = {150: Goal(limit=0.08)}


def threads(plan: Plan) -> Iterator[Row]:
    """A tick looks at all threads. The busy thread's samples tell how many py-spy took."""
    for count in HOT:
        start = partial(stack, plan.python, DEPTH, count)
        hot = alternate(start, samplers(plan, None), plan.rounds)
        yield Row(f"highest tick rate, {_named(count)}", HERTZ, "tick_rate", hot)
        yield Row(f"CPU a tick at that rate, {_named(count)}", MICROSECONDS, "cpu_tick", hot)
    for count in PACED:
        start = partial(stack, plan.python, DEPTH, count)
        paced = alternate(start, samplers(plan, RATE, max(plan.seconds, 2.0)), plan.rounds)
        yield Row(f"CPU a tick at 100 Hz, {_named(count)}", MICROSECONDS, "cpu_tick", paced)
        goal, notes = GOALS.get(count), behind(paced, RATE)
        yield Row(f"share of a core at 100 Hz, {_named(count)}", SHARE, "share", paced, goal, notes)


def _named(count: int) -> str:
    return f"{count} threads" if count > 1 else "1 thread"
