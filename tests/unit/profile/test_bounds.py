"""Bounded for days: nodes, names and history, with hot code always in sight and no second lost."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.history import COARSE_BLOCKS, FINE_BLOCKS
from livetop.profile.rows import Query

ALL = Query(window=None)


def test_cold_nodes_fold_and_every_second_is_kept() -> None:
    made = Builder(node_cap=400)
    for number in range(3000):
        made.add(
            made.cell("main:1 hot:10", 0.1),
            made.cell(f"main:2 dispatch:20 generated{number}:30 leaf{number}:40", 0.02),
        )
        assert len(made.profile.tree.live) <= 410
    table = made.profile.rows(ALL)
    rows = {row.function: row for row in table.rows}
    assert table.seconds == pytest.approx(3000 * 0.12)
    assert rows["hot"].own == pytest.approx(300.0)
    assert rows["[other]"].own > 30.0
    # What is folded away still counts for its callers.
    assert rows["dispatch"].total == pytest.approx(60.0, rel=0.01)
    assert rows["[other]"].total == rows["[other]"].own
    assert len(made.profile.tree.known) <= 400 * 8


def test_new_hot_code_is_seen_though_the_tree_is_full_of_old() -> None:
    made = Builder(node_cap=300)
    for number in range(1000):
        made.add(made.cell(f"main:1 old{number % 290}:10", 0.25))
    for _ in range(40):
        made.add(made.cell("main:2 fresh:20 new:30", 0.2), made.cell("main:1 old5:10", 0.01))
    recent = made.profile.rows(Query(window=5.0)).rows
    assert recent[0].function == "new"
    assert made.profile.rows(ALL).seconds == pytest.approx(250.0 + 8.4)


def test_a_folded_node_that_gets_hot_again_has_its_own_row() -> None:
    made = Builder(node_cap=300)
    cell = made.cell("main:1 sleeper:10", 0.01)
    made.add(cell)
    for number in range(1500):
        made.add(made.cell(f"main:1 filler{number}:20", 0.1))
    assert cell[0] not in made.profile.tree.live
    for _ in range(20):
        made.add((*cell[:4], 20, 0.2, 0.002))
    first = made.profile.rows(Query(window=4.0)).rows[0]
    assert first.function == "sleeper"


def test_a_line_reached_over_many_cold_paths_is_still_a_line() -> None:
    made = Builder(node_cap=400)
    for number in range(3000):
        made.add(made.cell(f"main:1 route{number}:10 loads:20", 0.2), made.cell("main:1 hot:30", 0.01))
    rows = {row.function: row for row in made.profile.rows(ALL).rows}
    assert rows["loads"].own == pytest.approx(600.0, rel=0.02)


def test_unknown_ids_are_other_and_bad_figures_are_nothing() -> None:
    made = Builder()
    thread = made.thread()
    made.add((999_999, thread, 0, 0, 1, 0.1, 0.01), (made.node("main:1"), 12345, 0, 0, 1, 0.1, 0.01))
    made.add((made.node("main:1"), thread, 0, 0, 1, float("nan"), float("inf")))
    stranger = (555, "running", -1.0, 0, 0, 0, 0, 1, False)
    made.add((made.node("main:1"), thread, 77, 0, 1, 1.0, 1.0), uses=[stranger])
    table = made.profile.rows(ALL)
    assert table.seconds == pytest.approx(0.2)
    assert {row.function for row in table.rows if row.own} == {"[other]", "main"}


def test_history_rolls_up_and_since_reset_keeps_everything() -> None:
    made = Builder()
    for _ in range(5000):
        made.add(made.cell("main:1 a:10", 0.5), step=1.0)
    history = made.profile.history
    assert len(history.fine) <= FINE_BLOCKS
    assert len(history.coarse) <= COARSE_BLOCKS
    table = made.profile.rows(ALL)
    assert table.seconds == pytest.approx(2500.0)
    assert table.duration == pytest.approx(5000.0)
    assert made.profile.rows(Query(window=300.0)).duration == pytest.approx(300.0, abs=1.0)


def test_days_of_history_do_not_grow() -> None:
    made = Builder()
    sizes = []
    for hour in range(48):
        for _ in range(60):
            made.add(made.cell("main:1 a:10", 30.0), made.cell("main:1 b:20", 15.0), step=60.0)
        sizes.append(len(made.profile.history.blocks()))
        assert made.profile.history.cells <= 2 * sizes[-1]
        assert hour == 0 or sizes[-1] <= FINE_BLOCKS + COARSE_BLOCKS + 1
    assert made.profile.rows(ALL).seconds == pytest.approx(48 * 60 * 45.0)


def test_names_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from livetop.profile import names

    monkeypatch.setattr(names, "SOURCE_CHARACTERS", 1000)
    made = Builder()
    made.profile.names.functions._cap = 500
    made.profile.names.files._cap = 50
    made.profile.names.libraries._cap = 50
    for number in range(5000):
        file = made.profile.define_file(f"/tmp/{number}.py", f"{number}.py")
        made.profile.define_function(f"f{number}", file, 1)
        made.profile.define_library(f"lib{number}.so")
        made.profile.set_source(file, "x" * 100)
    assert len(made.profile.names.functions.values) <= 500
    assert len(made.profile.names.files.values) <= 1000
    assert len(made.profile.names.libraries.values) <= 51
    assert sum(len(text) for text in made.profile.sources.values()) <= 1000


def test_ids_are_never_used_twice() -> None:
    made = Builder(node_cap=100)
    seen: dict[int, str] = {}
    for number in range(3000):
        stack = f"main:1 f{number}:10"
        node = made.node(stack)
        assert seen.setdefault(node, stack) == stack
        made.add(made.cell(stack, 0.01))
