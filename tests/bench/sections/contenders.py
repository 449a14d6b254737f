"""Who is compared: livetop's engine, and py-spy in both its modes."""

from __future__ import annotations

from functools import partial

from tests.bench import engine, peer
from tests.bench.rounds import Contender, Figures, Plan, Series
from tests.bench.table import LIVETOP
from tests.bench.targets import Target


def samplers(plan: Plan, rate: float | None, seconds: float | None = None) -> dict[str, Contender]:
    """All of them at a rate (Hz); None asks for far more than is possible."""
    seconds = seconds or plan.seconds

    def livetop(target: Target) -> Figures:
        return engine.sample(target, rate or engine.HOT_RATE, seconds)

    def pyspy(target: Target, *, options: tuple[str, ...]) -> Figures:
        return peer.sample(plan.pyspy, target, rate or peer.HOT_RATE, seconds, options)

    others = {name: partial(pyspy, options=options) for name, options in peer.MODES.items()}
    return {LIVETOP: livetop, **others}


def behind(series: dict[str, Series], rate: float) -> tuple[str, ...]:
    """Notes on those that did not hold the rate."""
    return tuple(
        f"{name} held {reached:,.0f} of {rate:,.0f} Hz"
        for name, each in series.items()
        if (reached := each.median("tick_rate")) is not None and reached < 0.95 * rate
    )
