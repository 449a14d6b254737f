"""Rows: what is own, what is total, in which mode, of which threads and which window."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.rows import Query, Row, Table
from livetop.profile.states import State

ALL = Query(window=None)


def by_line(table: Table) -> dict[tuple[str, int | None], Row]:
    return {(row.function, row.line): row for row in table.rows}


def test_own_time_is_the_leafs_and_total_time_is_every_callers() -> None:
    made = Builder()
    made.run(4, ("main:1 parse:10 scan:20", 0.6), ("main:1 parse:11", 0.3))
    table = made.profile.rows(ALL)
    rows = by_line(table)
    assert table.seconds == pytest.approx(3.6)
    assert rows["scan", 20].own == pytest.approx(2.4)
    assert rows["scan", 20].own_share == pytest.approx(2 / 3)
    assert rows["main", 1].own == 0
    assert rows["main", 1].total == pytest.approx(3.6)
    assert rows["parse", 10].total == pytest.approx(2.4)
    assert sum(row.own for row in table.rows) == pytest.approx(table.seconds)
    assert [row.own for row in table.rows] == sorted((row.own for row in table.rows), reverse=True)


def test_recursion_counts_once_in_totals() -> None:
    made = Builder()
    made.run(4, ("walk:10 walk:10 walk:10", 0.5), ("walk:10 helper:30 walk:11 walk:10", 0.5))
    lines = by_line(made.profile.rows(ALL))
    assert lines["walk", 10].total == pytest.approx(4.0)
    assert lines["walk", 11].total == pytest.approx(2.0)
    functions = {row.function: row for row in made.profile.rows(Query("function", None)).rows}
    assert functions["walk"].total == pytest.approx(4.0)
    assert functions["walk"].own == pytest.approx(4.0)
    assert functions["helper"].total == pytest.approx(2.0)


def test_shares_are_of_the_chosen_mode() -> None:
    made = Builder()
    for _ in range(16):
        made.add(
            made.cell("main:1 burn:10", 0.10),
            made.cell("main:1 burn:10", 0.09, State.HELD),
            made.cell("main:1 burn:10", 0.05, State.QUEUED),
            made.cell("main:2 fetch:20", 0.03, State.GIL),
            made.cell("main:2 fetch:20", 0.02, State.WAIT),
            made.cell("main:3 park:30", 0.20, State.IDLE),
        )
    cpu = by_line(made.profile.rows(Query(window=None, mode="cpu")))
    assert set(cpu) == {("main", 1), ("burn", 10)}
    wall = made.profile.rows(Query(window=None, mode="wall"))
    assert wall.seconds == pytest.approx(16 * 0.20)
    assert by_line(wall)["fetch", 20].own == pytest.approx(16 * 0.05)
    assert by_line(wall)["fetch", 20].gil == pytest.approx(16 * 0.03)
    assert by_line(wall)["fetch", 20].wait == pytest.approx(16 * 0.02)
    idle = made.profile.rows(Query(window=None, mode="wall", idle=True))
    assert idle.seconds == pytest.approx(16 * 0.40)
    park = by_line(idle)["park", 30]
    assert park.own == pytest.approx(16 * 0.20)
    # Idle time is a part of the time spent waiting, not beside it.
    assert park.wait == pytest.approx(park.idle)
    held = made.profile.rows(Query(window=None, mode="gil"))
    assert held.seconds == pytest.approx(16 * 0.09)
    assert by_line(held)["burn", 10].own_share == pytest.approx(1.0)
    assert ("park", 30) in by_line(made.profile.rows(Query(window=None, mode="cpu", idle=True)))


def test_a_window_is_the_last_seconds_only_and_ends_up_empty() -> None:
    made = Builder()
    made.run(10, ("main:1 old:10", 1.0))
    made.run(10, ("main:1 new:20", 0.5))
    recent = made.profile.rows(Query(window=5.0))
    assert set(by_line(recent)) == {("main", 1), ("new", 20)}
    assert 4.0 <= recent.duration <= 6.0
    assert recent.seconds == pytest.approx(recent.duration / 2)
    everything = by_line(made.profile.rows(ALL))
    assert everything["old", 10].own == pytest.approx(10.0)
    made.run(10)
    assert made.profile.rows(Query(window=5.0)).rows == []
    assert made.profile.rows(Query(window=5.0)).seconds == 0


def test_a_window_asked_for_late_agrees_with_one_kept_from_the_start() -> None:
    kept, late = Builder(), Builder()
    for made in (kept, late):
        for second in range(60):
            made.profile.rows(Query(window=7.0)) if made is kept else None
            made.run(1, ("main:1 a:10", 0.1 + second % 7 / 10), ("main:1 b:20 a:10", 0.2))
    for query in (Query(window=7.0), Query("function", 7.0), ALL):
        kept_rows, late_rows = kept.profile.rows(query), late.profile.rows(query)
        assert {row.key: row for row in kept_rows.rows} == {row.key: row for row in late_rows.rows}
        assert kept_rows.seconds == late_rows.seconds


def test_deltas_that_straddle_seconds_or_come_late_keep_every_second() -> None:
    made = Builder()
    for step in (0.3, 0.4, 0.35, 12.0, 0.45, 0.5):
        made.add(made.cell("main:1", step), step=step)
    table = made.profile.rows(ALL)
    assert table.seconds == pytest.approx(14.0)
    assert table.duration == pytest.approx(14.0)


def test_selected_threads_are_the_whole_that_shares_are_of() -> None:
    made = Builder()
    for _ in range(20):
        made.add(made.cell("main:1 a:10", 0.2, thread="one"), made.cell("main:1 b:20", 0.1, thread="two"))
    only = made.profile.rows(Query(window=None, threads=frozenset({made.thread("two")})))
    assert only.seconds == pytest.approx(2.0)
    assert by_line(only)["b", 20].own_share == pytest.approx(1.0)
    assert ("a", 10) not in by_line(only)
    threads = {row.function: row for row in made.profile.rows(Query("thread", None)).rows}
    assert threads["one"].own == pytest.approx(4.0)
    assert threads["one"].tid is not None
    assert threads["two"].own_share == pytest.approx(1 / 3)


def test_special_rows_are_ordinary_rows() -> None:
    made = Builder()
    made.run(4, ("main:1", 0.5), ("[unseen]", 0.25), ("[unread]", 0.25))
    rows = {row.function: row for row in made.profile.rows(ALL).rows}
    assert rows["[unseen]"].own_share == pytest.approx(0.25)
    assert rows["[unread]"].kind == "special"
    assert rows["[unseen]"].line is None


def test_reset_starts_from_nothing_and_keeps_names() -> None:
    made = Builder()
    made.run(8, ("main:1 a:10", 1.0))
    made.profile.rows(ALL)
    made.profile.reset()
    assert made.profile.rows(ALL).rows == []
    assert made.profile.duration == 0
    made.run(4, ("main:1 a:10", 0.5))
    assert by_line(made.profile.rows(ALL))["a", 10].own == pytest.approx(2.0)
    assert made.profile.sampling.ticks == 16 * 25


def test_details_name_callers_and_callees_with_their_shares() -> None:
    made = Builder()
    made.run(
        4, ("main:1 load:10 read:20", 0.6), ("main:2 save:30 read:20 sys:40", 0.2), ("main:2 save:30", 0.2)
    )
    read = next(row for row in made.profile.rows(Query("function", None)).rows if row.function == "read")
    found = made.profile.row_details(read.key, Query("function", None))
    assert found.callers == [
        ("load work.py:10", pytest.approx(0.75)),
        ("save work.py:30", pytest.approx(0.25)),
    ]
    assert found.callees == [("sys work.py", pytest.approx(0.25))]


def test_heat_of_a_file_and_of_one_function() -> None:
    made = Builder()
    made.run(4, ("main:1 load:10", 0.5), ("main:1 load:11 read:20", 0.5))
    heat = made.profile.heat(made.file, ALL)
    assert heat[10].own == pytest.approx(0.5)
    assert heat[11].own == 0
    assert heat[11].total == pytest.approx(0.5)
    assert heat[1].total == pytest.approx(1.0)
    assert heat[10].native is None
    load = next(row for row in made.profile.rows(Query("function", None)).rows if row.function == "load")
    assert set(made.profile.heat(load.key, ALL)) == {10, 11}


def test_an_unasked_table_is_made_once() -> None:
    made = Builder()
    made.run(4, ("main:1", 1.0))
    assert made.profile.rows(ALL) is made.profile.rows(ALL)
    before = made.profile.rows(ALL)
    made.run(1, ("main:1", 1.0))
    assert made.profile.rows(ALL) is not before
