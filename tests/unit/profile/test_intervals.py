"""The 95 % intervals hold what they promise, on streams that are steady, bursty, periodic and rare.

A target of known behaviour is sampled as the engine does (one uniformly random instant in each period);
the truth is the share of the very window's time, and at least 93 % of the intervals must hold it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from model_builder import STEP, Builder

from livetop.profile.estimate import Shares, holm, t_quantile, t_tail, wilson
from livetop.profile.rows import Query

PERIOD = 0.01
TICKS = round(STEP / PERIOD)
SLOTS = 10
"""Time is simulated in thousandths of a second, ten to a period."""

Stream = Callable[[random.Random], Callable[[int], bool]]
"""Makes a target: millisecond -> whether it is in the line that is looked at."""


def steady(share: float) -> Stream:
    return lambda chance: lambda _: chance.random() < share


def bursts(share: float, mean: float) -> Stream:
    """On and off for exponentially distributed times; `mean` seconds on."""

    def make(chance: random.Random) -> Callable[[int], bool]:
        state = [chance.random() < share, 0.0]

        def at(millisecond: int) -> bool:
            while state[1] <= millisecond:
                state[0] = not state[0]
                length = mean if state[0] else mean * (1 - share) / share
                state[1] += chance.expovariate(1 / (length * 1000))
            return bool(state[0])

        return at

    return make


def periodic(share: float, period: float) -> Stream:
    def make(chance: random.Random) -> Callable[[int], bool]:
        start = chance.random() * period
        return lambda millisecond: (start + millisecond / 1000) % period < share * period

    return make


STREAMS: dict[str, Stream] = {
    "steady 30%": steady(0.3),
    "steady 5%": steady(0.05),
    "steady 98%": steady(0.98),
    "bursts of 20 ms": bursts(0.3, 0.02),
    "bursts of 0.5 s": bursts(0.3, 0.5),
    "bursts of 3 s": bursts(0.4, 3.0),
    "rare bursts": bursts(0.02, 0.05),
    "each 10 ms": periodic(0.3, 0.01),
    "each 150 ms": periodic(0.3, 0.15),
    "each second": periodic(0.3, 1.0),
    "each 5 s": periodic(0.5, 5.0),
    "each 8 s": periodic(0.5, 8.0),
}


@pytest.mark.parametrize("window", [5.0, 20.0])
@pytest.mark.parametrize("name", STREAMS)
def test_intervals_hold_the_truth(name: str, window: float) -> None:
    chance = random.Random(f"{name} {window}")
    held = runs = 0
    for _ in range(60 if window > 10 else 150):
        at = STREAMS[name](chance)
        made = Builder()
        steps = round((window + 1) / STEP)
        truth: list[bool] = []
        for _ in range(steps):
            hits = 0
            for _ in range(TICKS):
                slots = [at(len(truth) + slot) for slot in range(SLOTS)]
                hits += chance.choice(slots)
                truth.extend(slots)
            cells = [
                made.cell(stack, count * PERIOD, count=count)
                for stack, count in (("main:1", hits), ("rest:2", TICKS - hits))
                if count
            ]
            made.add(*cells)
        table = made.profile.rows(Query(window=window))
        row = next((row for row in table.rows if row.function == "main"), None)
        looked_at = truth[-round(table.duration * 1000) :]
        share = sum(looked_at) / len(looked_at)
        runs += 1
        if row is None:
            held += share < 0.01
            continue
        assert row.own_low is not None and row.own_high is not None
        assert 0 <= row.own_low <= row.own_share <= row.own_high <= 1
        held += row.own_low <= share <= row.own_high
    assert held / runs >= 0.93, f"{held} of {runs}"


def test_bursts_widen_the_interval_beyond_what_independent_samples_would_say() -> None:
    even, uneven = Builder(), Builder()
    for second in range(20):
        even.run(1, ("main:1", 0.5), ("rest:2", 0.5))
        uneven.run(1, (("main:1" if second % 2 else "rest:2"), 1.0))
    widths = []
    for made in (even, uneven):
        row = next(row for row in made.profile.rows(Query(window=None)).rows if row.function == "main")
        assert row.own_low is not None and row.own_high is not None
        widths.append(row.own_high - row.own_low)
    assert widths[1] > 5 * widths[0]


def test_fewer_than_three_blocks_say_nothing() -> None:
    made = Builder()
    made.run(1.5, ("main:1", 1.0))
    assert made.profile.rows(Query(window=None)).rows[0].own_low is None
    made.run(2, ("main:1", 1.0))
    assert made.profile.rows(Query(window=None)).rows[0].own_low is not None


def test_a_line_with_all_the_time_is_not_certain_to_have_all() -> None:
    made = Builder()
    made.run(5, ("main:1", 1.0))
    row = made.profile.rows(Query(window=None)).rows[0]
    assert row.own_high == 1.0
    assert row.own_low is not None and 0.98 < row.own_low < 1.0


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (10, 2.228), (30, 2.042), (5000, 1.960)]
)
def test_students_t(freedom: float, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=0.001)
    if freedom < 1000:
        assert t_tail(quantile, freedom) == pytest.approx(0.05, abs=0.0001)


def test_tail_of_few_and_of_no_degrees() -> None:
    assert t_tail(1.0, 1) == pytest.approx(0.5)
    assert t_tail(math.inf, 3) == 0.0
    assert t_tail(3.0, 0) == 1.0


def test_wilson_agrees_with_the_textbook_and_stays_within_bounds() -> None:
    low, high = wilson(0.5, 100)
    assert (low, high) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    assert wilson(0.0, 10)[0] == 0.0
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    assert wilson(0.3, 0) == (0.0, 1.0)
    # The estimator for many parts agrees with it where blocks say no more.
    low, high = Shares(100.0, 100.0, 100.0).interval(50.0, 25.0, 50.0)
    assert (low, high) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))


def test_holm_corrects_in_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([]) == []
    assert holm([0.5, 0.9]) == [1.0, 1.0]
