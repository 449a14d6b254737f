"""How fast, and at what cost a sample, by the depth of the stack."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.rounds import Plan, alternate
from tests.bench.table import HERTZ, MICROSECONDS, SHARE, Goal, Row
from tests.bench.targets import stack

from .contenders import behind, samplers

DEPTHS = (5, 24, 100)
FAST, USUAL = 1000.0, 100.0
RATE_GOALS = {24: Goal(times=25)}
COST_GOALS = {24: Goal(times=6)}
SHARE_GOALS = {24: Goal(limit=0.02)}


def depth(plan: Plan) -> Iterator[Row]:
    """One thread: hot (as fast as it goes) and paced. The two are never compared with each other."""
    for frames in DEPTHS:
        start = partial(stack, plan.python, frames)
        deep = f"{frames} frames"
        hot = alternate(start, samplers(plan, None), plan.rounds)
        yield Row(f"highest rate, {deep}", HERTZ, "rate", hot, RATE_GOALS.get(frames))
        yield Row(f"CPU a sample at that rate, {deep}", MICROSECONDS, "cpu_sample", hot)
        fast = alternate(start, samplers(plan, FAST), plan.rounds)
        goal, notes = COST_GOALS.get(frames), behind(fast, FAST)
        yield Row(f"CPU a sample at 1,000 Hz, {deep}", MICROSECONDS, "cpu_sample", fast, goal, notes)
        usual = alternate(start, samplers(plan, USUAL, max(plan.seconds, 2.0)), plan.rounds)
        goal, notes = SHARE_GOALS.get(frames), behind(usual, USUAL)
        yield Row(f"share of a core at 100 Hz, {deep}", SHARE, "share", usual, goal, notes)
