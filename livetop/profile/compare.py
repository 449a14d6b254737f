"""Is a difference of two shares more than noise? Judged by each side's time blocks.

What a program does varies over time, and neighbouring seconds resemble each other; a share's variance is
therefore taken from blocks of growing length, and the largest is believed. It is never less than that of
as many independent samples.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from livetop.profile.estimate import MINIMUM_BLOCKS, ratio_variance, t_quantile, t_tail

MANY = 1000.0
"""Degrees of freedom of a variance that is known, not estimated."""


class Series(NamedTuple):
    """A part and the whole it is of, block by block (seconds); `samples` behind the whole, effective."""

    part: list[float]
    whole: list[float]
    samples: float


class Share(NamedTuple):
    """A share with its variance and that variance's degrees of freedom (0: too few blocks)."""

    share: float
    variance: float
    freedom: float


class Change(NamedTuple):
    """after - before with its 95 % interval, and the probability of so much by chance (None: too short)."""

    delta: float
    low: float | None
    high: float | None
    probability: float | None


def share_of(series: Series) -> Share:
    """Returns the share of a series."""
    part, whole = series.part, series.whole
    total = sum(whole)
    if total <= 0:
        return Share(0.0, math.inf, 0.0)
    share = min(1.0, sum(part) / total)
    blocks = sum(1 for seconds in whole if seconds > 0)
    if blocks < MINIMUM_BLOCKS:
        return Share(share, math.inf, 0.0)
    variance, freedom = -1.0, 0.0
    while len(whole) >= MINIMUM_BLOCKS:
        found, degrees = ratio_variance(
            sum(part),
            total,
            sum(value * value for value in part),
            sum(value * other for value, other in zip(part, whole, strict=True)),
            sum(value * value for value in whole),
        )
        if degrees > 0 and found > variance:
            variance, freedom = found, degrees
        if len(whole) < 12:
            break
        part, whole = _in_pairs(part), _in_pairs(whole)
    # Agresti and Coull's share, so that a part never seen is not certain to be nothing.
    samples = max(1.0, series.samples)
    adjusted = (share * samples + 2) / (samples + 4)
    least = adjusted * (1 - adjusted) / (samples + 4)
    return Share(share, variance, freedom) if variance >= least else Share(share, least, MANY)


def _in_pairs(values: list[float]) -> list[float]:
    return [sum(values[at : at + 2]) for at in range(0, len(values), 2)]


def change(before: Share, after: Share) -> Change:
    """Returns the difference of two shares (Welch's interval and test)."""
    delta = after.share - before.share
    if not before.freedom or not after.freedom:
        return Change(delta, None, None, None)
    variance = before.variance + after.variance
    if variance <= 0:
        return Change(delta, delta, delta, 1.0 if delta == 0 else 0.0)
    freedom = variance**2 / (before.variance**2 / before.freedom + after.variance**2 / after.freedom)
    deviation = math.sqrt(variance)
    half = t_quantile(freedom) * deviation
    return Change(
        delta, max(-1.0, delta - half), min(1.0, delta + half), t_tail(abs(delta) / deviation, freedom)
    )
