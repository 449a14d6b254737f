"""python / native / system: nothing without evidence, the right parts of own time with it."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.rows import Query
from livetop.profile.states import State

ALL = Query(window=None)


def with_evidence() -> Builder:
    made = Builder()
    for _ in range(40):
        made.add(
            made.cell("main:1 a:10", 0.20),
            made.cell("main:1 a:10", 0.02, State.PYTHON, count=2),
            made.cell("main:1 a:10", 0.05, State.NATIVE, library="/usr/lib/libz.so.1", count=5),
            made.cell("main:1 a:10", 0.01, State.NATIVE, library="/usr/lib/libc.so.6", count=1),
            made.cell("main:1 a:10", 0.02, State.SYSTEM, count=2),
            made.cell("main:1 b:20", 0.05),
            made.cell("main:1 b:20", 0.01, State.EXACT, count=1),
        )
    return made


def test_without_evidence_there_is_no_guess() -> None:
    made = Builder()
    made.run(5, ("main:1 a:10", 1.0))
    made.add(made.cell("main:1 a:10", 0.1, State.EXACT, count=10))
    table = made.profile.rows(ALL)
    row = table.rows[0]
    assert not table.native_known
    assert (row.python, row.native, row.system, row.native_share) == (None, None, None, None)
    assert (row.native_low, row.native_high, row.libraries) == (None, None, {})
    assert row.exact == 10
    (only,) = made.profile.rows(Query("library", None)).rows
    assert (only.function, only.own_share) == ("[not split]", 1.0)


def test_own_time_is_split_as_the_evidence_is() -> None:
    table = with_evidence().profile.rows(ALL)
    rows = {row.function: row for row in table.rows}
    a = rows["a"]
    assert table.native_known
    assert a.own == pytest.approx(8.0)
    assert a.native == pytest.approx(8.0 * 0.6)
    assert a.python == pytest.approx(8.0 * 0.2)
    assert a.system == pytest.approx(8.0 * 0.2)
    assert a.libraries == {
        "/usr/lib/libz.so.1": pytest.approx(8.0 * 0.5),
        "/usr/lib/libc.so.6": pytest.approx(8.0 * 0.1),
    }
    assert a.native_low is not None and a.native_high is not None and a.native_share is not None
    assert a.native_low < a.native_share < a.native_high
    assert (a.exact, rows["b"].exact) == (400, 40)
    # Exact samples without a C stack say nothing about the split.
    assert rows["b"].native is None


def test_evidence_is_beside_the_time_and_never_added_to_it() -> None:
    table = with_evidence().profile.rows(ALL)
    assert table.seconds == pytest.approx(10.0)
    assert with_evidence().profile.rows(Query(window=None, mode="wall")).seconds == pytest.approx(10.0)
    assert sum(row.samples for row in table.rows) == 40 * 25


def test_libraries_share_out_all_own_time() -> None:
    table = with_evidence().profile.rows(Query("library", None))
    shares = {row.function: row.own_share for row in table.rows}
    assert shares == {
        "libz.so.1": pytest.approx(0.5),
        "libc.so.6": pytest.approx(0.1),
        "[python]": pytest.approx(0.2),
        "[system]": pytest.approx(0.2),
    }
    assert sum(row.own for row in table.rows) == pytest.approx(10.0)


def test_header_and_timeline_know_the_native_share() -> None:
    made = with_evidence()
    assert made.profile.totals(Query()).native == pytest.approx(0.6)
    assert made.profile.timeline(5)[-1].native == pytest.approx(0.6)
    assert Builder().profile.totals(Query()).native is None
