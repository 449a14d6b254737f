"""What sampling and the screen itself cost lately: rates over the last seconds, from running totals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from livetop.profile.info import SamplingTotals

SPAN = 5.0
"""Seconds the figures are of."""
_NEARLY = 0.95
"""A rate that is lowered by less is as good as the one asked for."""


@dataclass(frozen=True, slots=True)
class Health:
    """How sampling fares: `rate` in Hz, the rest fractions of one (core, samples due, the target's time).

    `wanted`: the rate asked for, where it is lowered to keep to --max-cpu, else 0.
    `engine`, `interface`: livetop's own CPU use. `calm`: optimistic samples are trusted.
    """

    rate: float = 0.0
    ok: float | None = None
    paused: float = 0.0
    engine: float = 0.0
    interface: float = 0.0
    wanted: float = 0.0


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    own_cpu: float
    duration: float
    ticks: int
    samples: int
    unread: int
    unseen: float
    pause: float
    cpu: float


class Meter:
    """Keeps readings of the totals, one a second, and says what happened between the first and the last."""

    def __init__(self, clock: Callable[[], float], cpu_clock: Callable[[], float]) -> None:
        self._clock, self._cpu_clock = clock, cpu_clock
        self._readings: deque[_Reading] = deque()
        self._last: Health | None = None

    def hold(self, totals: SamplingTotals) -> Health:
        """The last figures: nothing more will come, and rates must not fade to 0."""
        return self._last or self.read(totals)

    def read(self, totals: SamplingTotals) -> Health:
        """The figures of the last seconds; of everything, when there is nothing older to compare with."""
        now = _Reading(
            self._clock(),
            self._cpu_clock(),
            totals.duration,
            totals.ticks,
            totals.samples,
            totals.unread,
            totals.unseen,
            totals.pause,
            totals.cpu,
        )
        readings = self._readings
        if readings and now.duration < readings[-1].duration:
            readings.clear()
        if not readings:
            readings.append(_Reading(now.at, now.own_cpu, 0.0, 0, 0, 0, 0.0, 0.0, 0.0))
        if now.at - readings[-1].at >= 1.0:
            readings.append(now)
        while len(readings) > 2 and readings[1].at <= now.at - SPAN:
            readings.popleft()
        health = _between(readings[0], now)
        if totals.rate < _NEARLY * totals.wanted:
            health = replace(health, wanted=totals.wanted)
        self._last = health
        return health


def _between(first: _Reading, last: _Reading) -> Health:
    passed = last.at - first.at
    interface = max(0.0, last.own_cpu - first.own_cpu) / passed if passed > 0 else 0.0
    duration = last.duration - first.duration
    if duration <= 0:
        return Health(interface=interface)
    samples, unread = last.samples - first.samples, last.unread - first.unread
    due = samples + unread
    seen = 1.0 - min(1.0, (last.unseen - first.unseen) / duration)
    return Health(
        rate=(last.ticks - first.ticks) / duration,
        ok=samples / due * seen if due else None,
        paused=(last.pause - first.pause) / duration,
        engine=(last.cpu - first.cpu) / duration,
        interface=interface,
    )
