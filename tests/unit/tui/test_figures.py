from __future__ import annotations

import pytest

from livetop.tui import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0s"), (99.94, "99.9s"), (99.96, "100s"), (999.0, "999s"), (1000.0, "16m40s"),
        (5999.4, "99m59s"), (6000.0, "1h40m"), (359_999.0, "99h59m"), (360_000.0, "4d04h"),
    ],
)  # fmt: skip
def test_seconds_take_six_cells_at_most(value: float, text: str) -> None:
    assert figures.seconds(value) == text
    assert len(text) <= 6


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "-"), (1, "0.0K"), (9.8 * 2**20, "9.8M"), (412 * 2**20, "412M"), (1.2 * 2**30, "1.2G"),
     (999.6 * 2**20, "1.0G"), (3e15, "2728T")],
)  # fmt: skip
def test_memory(value: float, text: str) -> None:
    assert figures.memory(value) == text


def test_costs_keep_the_digits_that_matter() -> None:
    assert [figures.small_percent(value) for value in (0.0004, 0.0312, 0.31)] == ["0.04%", "3.1%", "31%"]


def test_unknown_is_not_zero() -> None:
    assert figures.percent(None) == "-"
    assert figures.percent(0.0) == "0%"


def test_clock_and_counts() -> None:
    assert figures.clock(161.9) == "02:41"
    assert figures.clock(3600 * 26 + 61) == "26:01:01"
    assert figures.count(16104) == "16,104"
    assert figures.count(12_345_678) == "12.3M"
