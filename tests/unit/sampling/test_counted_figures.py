"""The header's figures since the last delta."""

from __future__ import annotations

import pytest

from livetop.sampling.budget import PauseBudget
from livetop.sampling.counters import Counters


def _take(counters: Counters):
    return counters.take(cpu=0.1, target_cpu=0.9, rate=50.0, rss=4096, threads=3, calm=False)


def test_figures_are_taken_once() -> None:
    counters = Counters()
    counters.ticks, counters.samples, counters.exact, counters.rejected = 10, 20, 3, 4
    counters.unread, counters.late, counters.stops = 5, 6, 7
    counters.unseen, counters.gil_held, counters.lowered = 0.25, 0.5, 0.75
    taken = _take(counters)
    assert (taken.ticks, taken.samples, taken.exact, taken.rejected) == (10, 20, 3, 4)
    assert (taken.unread, taken.late, taken.stops, taken.unseen, taken.gil_held) == (5, 6, 7, 0.25, 0.5)
    assert (taken.cpu, taken.target_cpu, taken.rate, taken.rss, taken.threads) == (0.1, 0.9, 50.0, 4096, 3)
    assert taken.calm is False
    assert taken.lowered == 0.75
    again = _take(counters)
    assert not any(getattr(again, name) for name in Counters.__slots__)


def test_pauses_are_summed_and_told_to_the_budget() -> None:
    counters, budget = Counters(), PauseBudget(0.01, 0.0, seed=1)
    before = budget.stops
    for pause in (0.001, 0.003, 0.002):
        counters.paused(pause, 1, budget)
    assert counters.pause == pytest.approx(0.006)
    assert counters.pause_max == 0.003
    after = budget.stops
    assert after < before
    # A stop that cost nothing is none.
    counters.paused(0.0, 0, budget)
    assert budget.stops == after
    taken = _take(counters)
    assert (taken.pause, taken.pause_max) == (pytest.approx(0.006), 0.003)
