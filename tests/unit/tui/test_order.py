from __future__ import annotations

import random

from livetop.tui.order import SteadyOrder

Rows = dict[str, float]


def arrange(order: SteadyOrder, rows: Rows, ascending: bool = False) -> str:
    listed = list(rows.items())
    return "".join(
        key for key, _ in order.arrange(listed, lambda r: r[0], lambda r: r[1], ascending=ascending)
    )


def test_rows_are_in_the_order_of_their_figures_whatever_they_were_before() -> None:
    order = SteadyOrder()
    chance = random.Random(1)
    for _ in range(50):
        rows = {name: chance.choice((0.1, 0.2, 0.3, 0.4)) for name in "abcdefgh"}
        values = [rows[name] for name in arrange(order, rows)]
        assert values == sorted(values, reverse=True)


def test_the_order_can_be_turned_round() -> None:
    assert arrange(SteadyOrder(), {"a": 1, "b": 3, "c": 2}) == "bca"
    assert arrange(SteadyOrder(), {"a": 1, "b": 3, "c": 2}, ascending=True) == "acb"


def test_what_reads_alike_keeps_the_place_it_had() -> None:
    order = SteadyOrder()
    assert arrange(order, {"a": 3, "b": 2, "c": 1}) == "abc"
    assert arrange(order, {"c": 2, "b": 2, "a": 2}) == "abc"
    assert arrange(order, {"c": 5, "b": 2, "a": 2}) == "cab"
    assert arrange(order, {"a": 5, "b": 5, "c": 5}) == "cab"
    assert arrange(order, {"a": 5, "b": 5, "c": 5}, ascending=True) == "cab"


def test_new_rows_come_behind_those_that_read_alike() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 3, "b": 2, "c": 1})
    assert arrange(order, {"x": 2, "a": 3, "y": 2, "b": 2, "c": 1}) == "abxyc"


def test_rows_that_vanish_leave_the_others_alone() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 2, "b": 2, "c": 2})
    assert arrange(order, {"a": 2, "c": 2}) == "ac"
    assert arrange(order, {}) == ""


def test_forgetting_sorts_afresh() -> None:
    order = SteadyOrder()
    arrange(order, {"a": 3, "b": 2})
    order.forget()
    assert arrange(order, {"b": 2, "a": 2}) == "ba"
