"""Measures taken in turns, so that what else the machine does meets all that are compared alike."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from livetop.session.protocol import LinkError
from livetop.wire.framing import ProtocolError

from .processes import MeasureError
from .targets import Target

Figures = dict[str, float]
Contender = Callable[[Target], Figures]

EXPECTED = (MeasureError, LinkError, ProtocolError, OSError, subprocess.TimeoutExpired)
"""What keeps a measure from being taken; anything else is an error of the benchmark itself."""


@dataclass(slots=True)
class Series:
    """What one contender did in all rounds, and why some of them are missing."""

    rounds: list[Figures] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[float]:
        """One figure of each round that has it."""
        return [figures[name] for figures in self.rounds if name in figures]

    def median(self, name: str) -> float | None:
        """The middle of a figure's values, None when there is none."""
        values = self.values(name)
        return statistics.median(values) if values else None


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often: `seconds` a measure, `rounds` of all; `long` seconds where changes are rare."""

    python: str
    pyspy: str
    seconds: float = 3.0
    rounds: int = 5
    long: float = 20.0
    long_rounds: int = 3


def alternate(
    start: Callable[[], AbstractContextManager[Target]],
    contenders: Mapping[str, Contender],
    rounds: int,
) -> dict[str, Series]:
    """Each round: a fresh target, and all contenders on it, beginning with another one each time."""
    series = {name: Series() for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        try:
            with start() as target:
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    attempt(series[name], contenders[name], target)
        except EXPECTED as error:
            for each in series.values():
                each.failures.append(str(error))
    return series


def attempt(series: Series, contender: Contender, target: Target) -> Figures | None:
    """One measure, or a note on why there is none."""
    try:
        figures = contender(target)
    except EXPECTED as error:
        series.failures.append(f"{error}")
        return None
    series.rounds.append(figures)
    return figures
