"""Native time without exact samples: an estimate, marked as one, and only where nothing better is known."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.cells import TOLD
from livetop.profile.diff import diff
from livetop.profile.rows import Query
from livetop.profile.snapshot import pack, unpack
from livetop.profile.states import State

ALL = Query(window=None)


def guessed(made: Builder, steps: int = 40) -> Builder:
    for _ in range(steps):
        made.add(
            made.cell("main:1 a:10", 0.20),
            made.cell("main:1 a:10", 0.05, State.ESTIMATED_PYTHON, count=5),
            made.cell("main:1 a:10", 0.15, State.ESTIMATED_NATIVE, count=15),
        )
    return made


def exact(made: Builder, steps: int = 40) -> Builder:
    for _ in range(steps):
        made.add(
            made.cell("main:1 b:20", 0.05),
            made.cell("main:1 b:20", 0.01, State.PYTHON, count=1),
            made.cell("main:1 b:20", 0.04, State.NATIVE, library="libz", count=4),
        )
    return made


def test_an_estimate_says_that_it_is_one() -> None:
    table = guessed(Builder()).profile.rows(ALL)
    (row,) = [row for row in table.rows if row.function == "a"]
    assert (row.estimated, table.estimated, table.native_known) == (True, True, True)
    assert row.native_share == pytest.approx(0.75)
    assert (row.python, row.native) == (pytest.approx(2.0), pytest.approx(6.0))
    assert row.system is None
    assert row.libraries == {}
    assert row.native_low is not None and row.native_high is not None
    assert row.native_low < 0.75 < row.native_high
    assert row.exact == 0
    totals = guessed(Builder()).profile.totals(ALL)
    assert (totals.native, totals.system, totals.estimated) == (pytest.approx(0.75), None, True)


def test_what_is_exact_wins_over_estimates() -> None:
    made = guessed(Builder())
    made.add(
        made.cell("main:1 a:10", 0.1, State.PYTHON, count=6),
        made.cell("main:1 a:10", 0.1, State.SYSTEM, count=4),
    )
    table = made.profile.rows(ALL)
    (row,) = [row for row in table.rows if row.function == "a"]
    assert (row.estimated, row.native_share) == (False, 0.0)
    assert row.system == pytest.approx(row.own / 2)
    assert not made.profile.totals(ALL).estimated


def test_rows_with_and_without_exact_samples_stand_side_by_side() -> None:
    made = exact(guessed(Builder()))
    table = made.profile.rows(Query("function", None))
    assert {row.function: row.estimated for row in table.rows if row.own} == {"a": True, "b": False}
    assert table.estimated
    # Of the whole, and by library, only exact samples speak.
    assert made.profile.totals(ALL).native == pytest.approx(0.8)
    libraries = made.profile.rows(Query("library", None))
    assert not libraries.estimated
    assert {row.file: row.own_share for row in libraries.rows} == {
        "libz": pytest.approx(0.8), "[python]": pytest.approx(0.2)
    }  # fmt: skip
    assert all(row.own_low is not None and row.own_low < row.own_share for row in libraries.rows)


def test_libraries_of_estimates_are_python_and_what_is_not() -> None:
    table = guessed(Builder()).profile.rows(Query("library", None))
    assert {row.function: (row.own_share, row.estimated) for row in table.rows} == {
        "[native]": (pytest.approx(0.75), True),
        "[python]": (pytest.approx(0.25), True),
    }
    assert sum(row.own for row in table.rows) == pytest.approx(8.0)


def test_estimates_leave_the_window_too() -> None:
    made = exact(guessed(Builder()), 80)
    recent = made.profile.rows(Query(window=5.0))
    assert not recent.estimated
    assert made.profile.rows(Query("library", 5.0)).rows[0].file == "libz"
    assert made.profile.timeline(5)[-1].native == pytest.approx(0.8)
    assert guessed(Builder()).profile.timeline(5)[-1].native == pytest.approx(0.75)


def test_a_snapshot_keeps_what_was_estimated() -> None:
    made = guessed(Builder())
    made.add(sampling={"unwound": 90, "unwind_failed": 10})
    again = unpack(pack(made.profile))
    assert again.rows(ALL).rows == made.profile.rows(ALL).rows
    assert (again.sampling.stacks, again.sampling.unwind_failed) == (100, 10)


def test_estimates_are_compared_with_what_they_can_be_compared_with() -> None:
    before, after = guessed(Builder()).profile, exact(Builder()).profile
    found = diff(before, after, by="library")
    assert {row.function: (row.before, row.after) for row in found.rows} == {
        "[python]": (pytest.approx(0.25), pytest.approx(0.2)),
        "[native]": (pytest.approx(0.75), pytest.approx(0.8)),
    }
    assert any("before: native time is an estimate" in note for note in found.notes)
    assert not any("estimate" in note for note in diff(after, after, by="library").notes)
    assert not any("estimate" in note for note in diff(before, after).notes)


def test_the_header_knows_how_far_its_native_share_may_be_off() -> None:
    few, many = Builder(), Builder()
    guessed(few, 1)
    guessed(many, 40)
    assert few.profile.totals(ALL).margin > 0.15 > 0.05 > many.profile.totals(ALL).margin > 0
    assert Builder().profile.totals(ALL).margin == 0.0


def test_stops_that_were_nearly_all_elsewhere_say_nothing() -> None:
    made = guessed(Builder())
    own = next(row.own for row in made.profile.rows(ALL).rows if row.function == "a")
    made.add(made.cell("main:1 a:10", own * TOLD / 3, State.SYSTEM, count=9))
    table = made.profile.rows(ALL)
    (row,) = [row for row in table.rows if row.function == "a"]
    assert (row.estimated, row.system) == (True, None)
