from __future__ import annotations

from sample_screen import HeldClock

from livetop.profile.info import SamplingTotals
from livetop.tui.meter import SPAN, Meter


def totals(seconds: float, ticks: float = 100, unread: float = 0) -> SamplingTotals:
    return SamplingTotals(
        duration=seconds, ticks=int(seconds * ticks), samples=int(seconds * 300),
        unread=int(seconds * unread), pause=seconds * 0.0004, cpu=seconds * 0.02,
    )  # fmt: skip


def test_rates_are_of_the_last_seconds() -> None:
    clock, cpu = HeldClock(0.0), HeldClock(0.0)
    meter = Meter(clock, cpu)
    for second in range(1, 30):
        clock.at, cpu.at = float(second), second * 0.03
        health = meter.read(totals(second))
    assert (round(health.rate), health.ok) == (100, 1.0)
    assert round(health.engine, 6) == 0.02
    assert round(health.interface, 6) == 0.03
    assert round(health.paused, 6) == 0.0004
    slow = totals(29)
    for second in range(30, 30 + int(SPAN) + 2):
        clock.at = float(second)
        slow.duration += 1
        slow.ticks += 50
        health = meter.read(slow)
    assert round(health.rate) == 50


def test_the_first_reading_is_of_everything() -> None:
    health = Meter(HeldClock(), HeldClock()).read(totals(10, unread=3))
    assert round(health.rate) == 100
    assert health.ok is not None
    assert round(health.ok, 3) == 0.99


def test_nothing_sampled_is_not_all_well() -> None:
    assert Meter(HeldClock(), HeldClock()).read(SamplingTotals()).ok is None


def test_a_reset_starts_over() -> None:
    clock = HeldClock(0.0)
    meter = Meter(clock, HeldClock())
    for second in range(1, 20):
        clock.at = float(second)
        meter.read(totals(second))
    clock.at = 20.0
    health = meter.read(totals(0.5))
    assert round(health.rate) == 100


def test_the_rate_asked_for_is_told_while_it_is_lowered() -> None:
    meter = Meter(HeldClock(), HeldClock())
    figures = totals(10)
    figures.wanted = 100.0
    for rate, told in ((100.0, 0.0), (97.0, 0.0), (43.0, 100.0), (100.0, 0.0)):
        figures.rate = rate
        assert meter.read(figures).wanted == told
