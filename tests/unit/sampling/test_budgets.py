"""What the target may stand still, and what the engine may use, over minutes of simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from livetop.sampling.budget import CALM_EXACT_RATE, CpuBudget, PauseBudget

Pause = Callable[[random.Random, float], float]


def _constant(chance: random.Random, now: float) -> float:
    return 300e-6


def _short(chance: random.Random, now: float) -> float:
    return 25e-6


def _heavy_tailed(chance: random.Random, now: float) -> float:
    return min(0.05, 60e-6 * chance.paretovariate(1.2))


def _sudden(chance: random.Random, now: float) -> float:
    return 80e-6 if now < 60 or now > 180 else 2e-3


def _rarely_long(chance: random.Random, now: float) -> float:
    return 0.03 if chance.random() < 0.01 else 100e-6


def _often_long(chance: random.Random, now: float) -> float:
    return 0.005 if chance.random() < 0.2 else 60e-6


def _spent(pause: Pause, share: float, seconds: float, *, seed: int, start: float = 0.0) -> float:
    """Sample one busy thread at 100 Hz for so long: the part of the time from `start` on it stood still."""
    chance = random.Random(seed)
    budget = PauseBudget(share, 0.0, seed=seed)
    total = 0.0
    ticks = int(seconds * 100)
    for tick in range(ticks):
        now = tick / 100
        if tick % 100 == 0:
            budget.adjust(now)
        if budget.drawn(budget.chance(0.01, 1, False)):
            cost = pause(chance, now)
            budget.spent(cost)
            if now >= start:
                total += cost
    return total / (seconds - start)


@pytest.mark.parametrize("pause", [_constant, _short, _heavy_tailed, _sudden, _rarely_long, _often_long])
# Of a thousandth a single long stop is a large part.
@pytest.mark.parametrize(("share", "excess"), [(0.001, 1.25), (0.01, 1.15)])
def test_the_pause_budget_is_kept(pause: Pause, share: float, excess: float) -> None:
    assert max(_spent(pause, share, 240, seed=seed) for seed in range(3)) < excess * share


@pytest.mark.parametrize("pause", [_constant, _sudden])
def test_the_pause_budget_is_used(pause: Pause) -> None:
    # A budget that is not spent would give away exact samples.
    for seed in range(3):
        assert _spent(pause, 0.01, 240, seed=seed) > 0.4 * 0.01


def test_the_budget_recovers_after_a_very_long_stop() -> None:
    budget = PauseBudget(0.01, 0.0, seed=1)
    budget.spent(2.0)
    assert budget.stops < 0.1
    for second in range(1, 120):
        budget.adjust(float(second))
    assert budget.stops > 10


def test_draws_within_a_second_do_not_depend_on_what_was_spent_in_it() -> None:
    # The same chance, whether the second began with stops of the usual cost or with none.
    frugal, spender = PauseBudget(0.01, 0.0, seed=4), PauseBudget(0.01, 0.0, seed=4)
    for _ in range(1000):
        spender.spent(100e-6)
    assert spender.stops == pytest.approx(frugal.stops)
    draws = [
        [budget.drawn(budget.chance(0.001, 1, False)) for _ in range(5000)] for budget in (frugal, spender)
    ]
    assert draws[0] == draws[1]
    # Ten times what the second may cost is spent: still nothing is cut off.
    assert sum(draws[1]) > 100
    # It is counted when the second is over.
    before = spender.stops
    spender.adjust(1.0)
    assert spender.stops < before


def test_draws_are_spread_over_the_threads_that_run() -> None:
    alone, many = PauseBudget(0.01, 0.0, seed=1), PauseBudget(0.01, 0.0, seed=1)
    once = sum(alone.drawn(alone.chance(0.001, 1, False)) for _ in range(20_000))
    each = sum(many.drawn(many.chance(0.001, 10, False)) for _ in range(20_000))
    assert once == pytest.approx(2000, rel=0.15)
    assert each == pytest.approx(200, rel=0.3)
    assert isinstance(many.drawn(many.chance(0.001, 0, False)), bool)


def test_a_share_of_nothing_never_draws() -> None:
    budget = PauseBudget(0.0, 0.0, seed=1)
    for second in range(20):
        budget.adjust(float(second))
        assert not any(budget.drawn(budget.chance(1.0, 1, calm)) for calm in (True, False) for _ in range(50))


def test_nothing_is_drawn_while_nobody_listens() -> None:
    budget = PauseBudget(0.5, 0.0, seed=1)
    budget.allowed = False
    assert not any(budget.drawn(budget.chance(1.0, 1, False)) for _ in range(50))
    budget.allowed = True
    assert any(budget.drawn(budget.chance(1.0, 1, False)) for _ in range(50))


def test_a_calm_thread_is_stopped_a_few_times_a_second_at_most() -> None:
    budget = PauseBudget(0.5, 0.0, seed=1)
    drawn = sum(budget.drawn(budget.chance(0.01, 1, True)) for _ in range(100 * 100))
    assert drawn / 100 == pytest.approx(CALM_EXACT_RATE, rel=0.15)
    # And not more often than the budget pays for.
    poor = PauseBudget(0.0001, 0.0, seed=1)
    assert sum(poor.drawn(poor.chance(0.01, 1, True)) for _ in range(100 * 100)) < 300


def test_a_calm_thread_at_any_rate_costs_the_same() -> None:
    for rate in (10, 1000):
        budget = PauseBudget(0.5, 0.0, seed=2)
        drawn = sum(budget.drawn(budget.chance(1 / rate, 1, True)) for _ in range(rate * 60))
        assert drawn / 60 == pytest.approx(CALM_EXACT_RATE, rel=0.2)


# ---------------------------------------------------------------- the engine's own time


def _run(budget: CpuBudget, cost: Callable[[float], float], seconds: int, start: int = 0, cpu: float = 0.0):
    """The part of a core used in each second, and CPU seconds so far."""
    shares = []
    for second in range(start, start + seconds):
        used = min(1.0, cost(second) * budget.rate + 0.002)
        cpu += used
        shares.append(used)
        budget.adjust(second + 1.0, cpu)
    return shares, cpu


@pytest.mark.parametrize("tick", [100e-6, 1e-3, 5e-3, 20e-3])
def test_the_cpu_budget_converges_below_the_share(tick: float) -> None:
    budget = CpuBudget(0.05, 100.0, 0.0)
    shares, _ = _run(budget, lambda second: tick, 30)
    assert all(share <= 0.05 for share in shares[-20:])
    if tick > 5e-4:
        assert shares[-1] > 0.04
    else:
        assert budget.rate == 100.0


def test_the_rate_comes_back() -> None:
    budget = CpuBudget(0.05, 100.0, 0.0)
    _, cpu = _run(budget, lambda second: 5e-3, 20)
    assert budget.rate < 12
    _run(budget, lambda second: 100e-6, 20, 20, cpu)
    assert budget.rate == pytest.approx(100.0)


def test_the_rate_never_falls_below_one_a_second() -> None:
    budget = CpuBudget(0.001, 100.0, 0.0)
    _run(budget, lambda second: 0.5, 40)
    assert budget.rate == 1.0


def test_what_starting_up_costs_is_not_held_against_the_rate() -> None:
    budget = CpuBudget(0.05, 100.0, 0.0)
    assert not budget.adjust(0.5, 0.4)
    assert not budget.adjust(1.0, 0.8)
    assert not budget.adjust(2.0, 0.81)
    assert budget.rate == 100.0


def test_a_rate_that_hardly_changes_is_not_reported() -> None:
    budget = CpuBudget(0.05, 100.0, 0.0)
    shares, cpu = _run(budget, lambda second: 1e-3, 30)
    before = budget.rate
    changed = budget.adjust(31.0, cpu + shares[-1])
    assert changed == (abs(budget.rate - before) > 0.01 * before)
    assert budget.adjust(31.5, cpu + 5) is False
