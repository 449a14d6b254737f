"""Each profiler between two stretches without any, so that its cost to the target is told from drift."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from tests.bench.rounds import EXPECTED, Contender, Series, attempt
from tests.bench.stretch import Stretch
from tests.bench.table import LIVETOP
from tests.bench.targets import Target


def losses(
    start: Callable[[], AbstractContextManager[Target]],
    contenders: Mapping[str, Contender],
    rounds: int,
    seconds: float,
) -> dict[str, Series]:
    """Adds `loss` to each contender's figures: against the mean of the stretches before and after it."""
    series = {name: Series() for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        try:
            with start() as target:
                before = _alone(target, seconds)
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    figures = attempt(series[name], contenders[name], target)
                    after = _alone(target, seconds)
                    if figures is not None:
                        figures["alone"] = statistics.mean((before, after))
                        figures["loss"] = 1 - figures["work"] / figures["alone"]
                    before = after
        except EXPECTED as error:
            for each in series.values():
                each.failures.append(str(error))
    return series


def spread(series: dict[str, Series]) -> tuple[str, ...]:
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
