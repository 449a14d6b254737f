"""Intervals: how far a share may be from the truth, judged by how much it varies between blocks.

Samples of one second resemble each other, so counting them as independent would promise too much.
The estimator is the ratio of sums over blocks with its linearised variance (Cochran, Sampling
Techniques, 6.3) and Student's t for the few blocks of a window. Blocks may differ in length, so the
number of blocks is the effective one, T² / ΣT². A handful of blocks that happen to agree would still
give an interval that is too narrow, so it always covers the Wilson interval of the samples too.
"""

from __future__ import annotations

import math
from functools import lru_cache

Interval = tuple[float, float]

MINIMUM_BLOCKS = 3
Z95 = 1.959963984540054


def wilson(share: float, samples: float, z: float = Z95) -> Interval:
    """Returns Wilson's interval of a share that `samples` independent samples gave."""
    if samples <= 0:
        return 0.0, 1.0
    square = z * z
    centre = share + square / (2 * samples)
    half = z * math.sqrt(max(0.0, share * (1 - share) / samples + square / (4 * samples * samples)))
    scale = 1 + square / samples
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def ratio_variance(part: float, whole: float, pp: float, pw: float, ww: float) -> tuple[float, float]:
    """Returns (variance of part / whole, degrees of freedom) from sums over blocks.

    `pp`, `pw`, `ww`: the sums over blocks of part², part · whole and whole². No blocks to compare
    gives infinite variance and no degrees of freedom.
    """
    if whole <= 0 or ww <= 0:
        return math.inf, 0.0
    blocks = whole * whole / ww
    if blocks <= 1.000001:
        return math.inf, 0.0
    share = part / whole
    scatter = max(0.0, pp - share * (2 * pw - share * ww))
    return scatter / (whole * whole) * blocks / (blocks - 1), blocks - 1


class Shares:
    """95 % intervals of many parts of one whole, with all that they have in common worked out once.

    `whole` and `ww`: the sum over blocks of everything, and of its square; `samples` is the effective
    number of samples behind it, (Σ weight)² / Σ weight².
    """

    __slots__ = ("_centre", "_half", "_samples", "_scale", "_spread", "_whole", "_ww")

    def __init__(self, whole: float, ww: float, samples: float) -> None:
        self._whole = whole
        self._ww = ww
        self._samples = max(samples, 1e-9)
        self._scale = 1 / (1 + Z95 * Z95 / self._samples)
        self._centre = Z95 * Z95 / (2 * self._samples)
        self._half = self._centre / (2 * self._samples)
        blocks = whole * whole / ww if ww > 0 else 0.0
        self._spread = (
            t_quantile(blocks - 1) * math.sqrt(blocks / (blocks - 1)) / whole if blocks > 1.000001 else 0.0
        )

    def interval(self, part: float, pp: float, pw: float) -> Interval:
        """Returns the interval of part / whole, within 0..1; `pp`, `pw` as in `ratio_variance`."""
        share = part / self._whole
        if share > 1.0:
            share = 1.0
        half = Z95 * math.sqrt(share * (1 - share) / self._samples + self._half)
        low = (share + self._centre - half) * self._scale
        high = (share + self._centre + half) * self._scale
        scatter = pp - share * (2 * pw - share * self._ww)
        if scatter > 0:
            half = self._spread * math.sqrt(scatter)
            low = min(low, share - half)
            high = max(high, share + half)
        # Rounding must not put an end of the interval on the wrong side of the share itself.
        return max(0.0, min(low, share)), min(1.0, max(high, share))


def t_quantile(freedom: float) -> float:
    """Returns the two-sided 95 % quantile of Student's t; degrees of freedom need not be whole."""
    if freedom > 1000:
        return Z95
    return _t_quantile(max(0.5, round(freedom, 1 if freedom < 30 else 0)))


@lru_cache(maxsize=2048)
def _t_quantile(freedom: float) -> float:
    low, high = 1.0, 2.0
    while t_tail(high, freedom) > 0.05:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) > 0.05 else (low, middle)
    return (low + high) / 2


def t_tail(t: float, freedom: float) -> float:
    """Returns the two-sided tail probability P(|T| >= |t|) of Student's t."""
    if freedom <= 0:
        return 1.0
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Returns the regularised incomplete beta function I_x(a, b) by its continued fraction."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's method for the fraction of Numerical Recipes, 6.4."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 300):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + numerator / c
            c = c if abs(c) > tiny else tiny
            result *= d * c
        if abs(d * c - 1) < 1e-13:
            break
    return result


def holm(probabilities: list[float]) -> list[float]:
    """Returns Holm's corrected probabilities, in the order given (Holm 1979)."""
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    corrected = [1.0] * len(probabilities)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, probabilities[index] * (len(probabilities) - rank)))
        corrected[index] = highest
    return corrected
