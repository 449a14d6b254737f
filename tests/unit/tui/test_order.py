from __future__ import annotations

import random

from livetop.tui.order import PERIOD, SteadyOrder

Rows = dict[str, float]


def arrange(order: SteadyOrder, rows: Rows, now: float, ascending: bool = False) -> str:
    listed = list(rows.items())
    return "".join(
        key for key, _ in order.arrange(listed, lambda r: r[0], lambda r: r[1], now, ascending=ascending)
    )


def test_the_first_order_is_by_value() -> None:
    assert arrange(SteadyOrder(), {"a": 1, "b": 3, "c": 2}, 0) == "bca"
    assert arrange(SteadyOrder(), {"a": 1, "b": 3, "c": 2}, 0, ascending=True) == "acb"


def test_noise_moves_nothing_however_long_it_lasts() -> None:
    order = SteadyOrder()
    first = arrange(order, {"a": 0.300, "b": 0.295, "c": 0.1}, 0)
    chance = random.Random(1)
    for second in range(1, 50):
        rows = {
            "a": 0.297 + chance.uniform(-0.005, 0.005),
            "b": 0.297 + chance.uniform(-0.005, 0.005),
            "c": 0.1,
        }
        assert arrange(order, rows, second * 2.0) == first


def test_a_real_change_moves_but_not_at_once() -> None:
    order = SteadyOrder()
    assert arrange(order, {"a": 0.3, "b": 0.2}, 0) == "ab"
    assert arrange(order, {"a": 0.3, "b": 0.6}, PERIOD / 2) == "ab"
    assert arrange(order, {"a": 0.3, "b": 0.6}, PERIOD) == "ba"


def test_new_rows_come_in_where_they_belong_and_move_no_other() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 0.3, "b": 0.2, "c": 0.1}, 0)
    assert arrange(order, {"a": 0.3, "b": 0.2, "c": 0.1, "x": 0.25, "y": 0.01}, 0.1) == "axbcy"


def test_rows_that_vanish_leave_the_others_alone() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 0.3, "b": 0.2, "c": 0.1}, 0)
    assert arrange(order, {"a": 0.3, "c": 0.1}, 5) == "ac"
    assert arrange(order, {}, 6) == ""


def test_a_drift_of_many_small_steps_is_found_too() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 0.50, "b": 0.49, "c": 0.48, "d": 0.47}, 0)
    assert arrange(order, {"a": 0.50, "b": 0.52, "c": 0.54, "d": 0.56}, 5) == "cdab"


def test_forgetting_sorts_afresh() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 0.300, "b": 0.295}, 0)
    order.forget()
    assert arrange(order, {"a": 0.295, "b": 0.300}, 0.1) == "ba"
