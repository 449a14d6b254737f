"""What a row's waiting was for: seconds by reason."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.rows import Query
from livetop.profile.states import State


def waiting() -> Builder:
    made = Builder()
    for _ in range(40):
        made.add(
            made.cell("main:1 a:10", 0.05),
            made.cell("main:1 a:10", 0.02, State.GIL, library="GIL"),
            made.cell("main:1 a:10", 0.01, State.GIL),
            made.cell("main:1 a:10", 0.10, State.WAIT, library="recv on 10.0.0.5:5432"),
            made.cell("main:1 a:10", 0.03, State.WAIT),
            made.cell("main:1 a:10", 0.04, State.IDLE, library="lock"),
            made.cell("main:1 b:20", 0.25, State.IDLE, "worker", library="lock"),
        )
    return made


def test_waits_by_reason_the_longest_first() -> None:
    rows = {row.function: row for row in waiting().profile.rows(Query(window=None, idle=True)).rows}
    assert list(rows["a"].waits.items()) == [
        ("recv on 10.0.0.5:5432", pytest.approx(4.0)),
        ("lock", pytest.approx(1.6)),
        ("GIL", pytest.approx(1.2)),
    ]
    assert rows["b"].waits == {"lock": pytest.approx(10.0)}
    # What has no reason is waiting all the same, and nobody is blamed for it.
    assert sum(rows["a"].waits.values()) == pytest.approx(rows["a"].gil + rows["a"].wait - 1.2)


def test_waits_of_a_thread() -> None:
    rows = {
        row.function: row for row in waiting().profile.rows(Query("thread", None, "wall", None, True)).rows
    }
    assert rows["worker"].waits == {"lock": pytest.approx(10.0)}


def test_reasons_are_no_libraries() -> None:
    made = waiting()
    assert all(not row.libraries for row in made.profile.rows(Query(window=None, idle=True)).rows)
    assert [row.function for row in made.profile.rows(Query("library", None)).rows] == ["[not split]"]


def test_reasons_leave_the_window() -> None:
    made = waiting()
    made.run(10, ("main:1 a:10", 1.0))
    assert made.profile.rows(Query(window=5.0)).rows[0].waits == {}
