"""One instant in each period, anywhere in it."""

from __future__ import annotations

import pytest

from livetop.sampling.schedule import Schedule


def test_each_period_has_one_instant() -> None:
    schedule = Schedule(100.0, 50.0, seed=1)
    instants = []
    for _ in range(2000):
        instants.append(schedule.due)
        assert schedule.advance(schedule.due) == 0.0
    # The first is at once; the n-th lies in the n-th period.
    assert instants[0] == 50.0
    for number, instant in enumerate(instants[1:], 1):
        assert 50.0 + number * 0.01 <= instant + 1e-9 <= 50.0 + (number + 1) * 0.01 + 2e-9
    assert schedule.missed == 0


def test_instants_are_uniform_within_the_period() -> None:
    schedule = Schedule(100.0, 0.0, seed=2)
    buckets = [0] * 10
    for number in range(1, 20_001):
        schedule.advance(schedule.due)
        buckets[min(9, int((schedule.due - number * 0.01) / 0.01 * 10))] += 1
    # 2,000 each; five standard deviations.
    assert all(abs(count - 2000) < 5 * 42.5 for count in buckets)


def test_two_schedules_are_not_in_step() -> None:
    schedules = [Schedule(100.0, 0.0) for _ in range(2)]
    for schedule in schedules:
        schedule.advance(0.0)
    assert schedules[0].due != schedules[1].due


def test_the_moment_is_the_middle_of_the_period() -> None:
    schedule = Schedule(10.0, 0.0, seed=1)
    for number in range(100):
        schedule.advance(schedule.due)
        assert schedule.moment == pytest.approx(number * 0.1 + 0.05)


def test_late_ticks_are_not_caught_up() -> None:
    schedule = Schedule(100.0, 0.0, seed=3)
    schedule.advance(0.0)
    late = schedule.advance(schedule.due + 5.0)
    now = schedule.moment
    assert late == pytest.approx(5.0)
    assert schedule.missed == 1
    # The next tick is within a period, and the one after that in the period after.
    ticks = 0
    while schedule.due < now + 1.0:
        assert schedule.advance(schedule.due) == 0.0
        ticks += 1
    assert 98 <= ticks <= 102


def test_a_tick_a_little_late_misses_nothing() -> None:
    schedule = Schedule(100.0, 0.0, seed=3)
    for _ in range(50):
        assert schedule.advance(schedule.due + 0.009) == 0.0
    assert schedule.missed == 0


def test_at_a_high_rate_short_gaps_are_counted_but_hide_nothing() -> None:
    schedule = Schedule(10_000.0, 0.0, seed=3)
    schedule.advance(0.0)
    assert schedule.advance(schedule.due + 0.0015) == 0.0
    assert schedule.missed == 1


def test_moments_never_go_back() -> None:
    schedule = Schedule(100.0, 0.0, seed=5)
    last = 0.0
    now = 0.0
    for step in range(500):
        now = max(now, schedule.due) + (0.003 * (step % 9) if step % 7 == 0 else 0.0)
        schedule.advance(now)
        assert schedule.moment >= last - 0.01
        last = schedule.moment
        if step % 100 == 50:
            schedule.set_rate(50.0 + step, now)
            assert now <= schedule.due <= now + schedule.period
