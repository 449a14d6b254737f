"""How fast, and at what cost a sample, by the depth of the stack."""

from __future__ import annotations

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


def depth(plan: Plan) -> list[Row]:
    """One thread: hot (as fast as it goes) and paced. The two are never compared with each other."""
    rows: list[Row] = []
    for frames in DEPTHS:
        start = partial(stack, plan.python, frames)
        hot = alternate(start, samplers(plan, None), plan.rounds)
        rows += [
            Row(f"highest rate, {frames} frames", HERTZ, "rate", hot, RATE_GOALS.get(frames)),
            Row(f"CPU a sample at that rate, {frames} frames", MICROSECONDS, "cpu_sample", hot),
        ]
        paced = alternate(start, samplers(plan, FAST), plan.rounds)
        rows.append(
            Row(
                f"CPU a sample at 1,000 Hz, {frames} frames",
                MICROSECONDS,
                "cpu_sample",
                paced,
                COST_GOALS.get(frames),
                behind(paced, FAST),
            )
        )
        usual = alternate(start, samplers(plan, USUAL, max(plan.seconds, 2.0)), plan.rounds)
        rows.append(
            Row(
                f"share of a core at 100 Hz, {frames} frames",
                SHARE,
                "share",
                usual,
                SHARE_GOALS.get(frames),
                behind(usual, USUAL),
            )
        )
    return rows
