"""Differences: lines followed through edits, change told from noise."""

from __future__ import annotations

import random

import pytest
from model_builder import STEP

from livetop.profile import snapshot
from livetop.profile.compare import Series, change, share_of
from livetop.profile.diff import Difference, DiffRow, diff
from livetop.profile.model import Profile
from livetop.profile.rows import Query

BEFORE = """\
import work

def handle(request):
    body = parse(request)
    for item in body:
        total = item.price
        total += item.tax
    return total

def store(total):
    save(total)
"""

AFTER = """\
import work
import cache

@cache.remember
def store(total):
    save(total)

def handle(
    request,
):
    log(request)
    body = parse(request)
    for item in body:
        total += item.tax
        total = item.price
    return round(total)
"""

Weights = dict[tuple[str, int, int], float]
"""(function, first line, line) -> share of the time."""


def sampled(
    weights: Weights, source: str | None = BEFORE, seconds: int = 30, seed: int = 1, folder: str = "/srv"
) -> Profile:
    """A profile of 100 samples a second that fall on lines with these weights."""
    chance = random.Random(seed)
    profile = Profile()
    process = profile.define_process(seed, ["x"], "3.12.1", "", "box", 1.0)
    file = profile.define_file(f"{folder}/app/work.py", "app/work.py")
    if source is not None:
        profile.set_source(file, source)
    thread = profile.define_thread(process, 1, "main")
    root = profile.define_node(0, 0, process)
    nodes = [
        profile.define_node(root, profile.define_function(name, file, first), line)
        for name, first, line in weights
    ]
    for step in range(round(seconds / STEP)):
        drawn = chance.choices(nodes, list(weights.values()), k=25)
        cells = [
            (node, thread, 0, 0, drawn.count(node), drawn.count(node) * 0.01, drawn.count(node) * 1e-4)
            for node in set(drawn)
        ]
        profile.add(step * STEP, (step + 1) * STEP, cells, [], {"ticks": 25})
    return profile


def row_at(found: Difference, function: str, line: int) -> DiffRow:
    return next(row for row in found.rows if (row.function, row.line) == (function, line))


def test_lines_are_followed_when_they_move() -> None:
    before = sampled(
        {
            ("handle", 3, 4): 4,
            ("handle", 3, 6): 2,
            ("handle", 3, 7): 3,
            ("handle", 3, 8): 1,
            ("store", 10, 11): 2,
        }
    )
    after = sampled(
        {
            ("handle", 8, 11): 1,
            ("handle", 8, 12): 4,
            ("handle", 8, 14): 3,
            ("handle", 8, 15): 2,
            ("handle", 8, 16): 1,
            ("store", 4, 6): 2,
        },
        AFTER,
        seed=2,
        folder="/elsewhere/checkout",
    )
    found = diff(before, after)
    moved = {row.line: row.before_at.line if row.before_at else None for row in found.rows if row.after}
    # In order, past each other (6 and 7 swapped), into a decorated function, and not by a changed text.
    assert moved == {11: None, 12: 4, 14: 7, 15: 6, 16: None, 6: 11}
    assert row_at(found, "handle", 11).mark == "new"
    gone = next(row for row in found.rows if row.mark == "gone")
    assert (gone.function, gone.line) == ("handle", 8)


def test_without_source_lines_keep_their_distance_from_the_functions_first() -> None:
    before = sampled({("handle", 3, 4): 1, ("handle", 3, 6): 1}, None)
    after = sampled({("handle", 20, 21): 1, ("handle", 20, 23): 1}, None, seed=2)
    found = diff(before, after)
    assert {(row.before_at.line, row.line) for row in found.rows if row.before_at} == {(4, 21), (6, 23)}
    assert any("no source text" in note for note in found.notes)


def test_a_real_change_is_significant_and_its_interval_holds_it() -> None:
    before = sampled({("handle", 3, 4): 30, ("handle", 3, 6): 70})
    after = sampled({("handle", 3, 4): 50, ("handle", 3, 6): 50}, seed=2, seconds=50)
    found = diff(before, after)
    row = row_at(found, "handle", 4)
    assert row.significant
    assert row.probability is not None and row.probability < 0.001
    assert row.low is not None and row.high is not None
    assert row.low < 0.20 < row.high
    assert row.high - row.low < 0.2
    assert row.delta == pytest.approx(row.after - row.before)
    judged = [row.significant for row in found.rows]
    assert judged == sorted(judged, reverse=True)


def test_by_function_and_by_thread() -> None:
    before = sampled({("handle", 3, 4): 3, ("handle", 3, 6): 3, ("store", 10, 11): 4})
    after = sampled({("handle", 8, 12): 3, ("store", 5, 6): 7}, AFTER, seed=2)
    functions = {row.function: row for row in diff(before, after, "function").rows}
    assert functions["store"].delta == pytest.approx(0.3, abs=0.05)
    assert functions["handle"].line == 8
    (thread,) = diff(before, after, "thread").rows
    assert (thread.function, thread.delta) == ("main", 0.0)


def test_two_runs_of_the_same_program_do_not_differ() -> None:
    weights: Weights = {("handle", 3, line): 10.0 / (line - 2) for line in range(3, 40)}
    wrong = sum(
        bool(diff(sampled(weights, seed=2 * n + 1), sampled(weights, seed=2 * n + 2)).significant)
        for n in range(40)
    )
    assert wrong <= 4


def bursty(chance: random.Random, blocks: int) -> Series:
    """A line that is hot for minutes and cold for minutes, sampled a hundred times a second."""
    part, hot = [], chance.random() < 0.5
    for _ in range(blocks):
        hot = hot if chance.random() < 0.8 else not hot
        part.append(0.6 if hot else 0.2)
    return Series(part, [1.0] * blocks, blocks * 100.0)


def test_slow_bursts_are_not_taken_for_change() -> None:
    chance = random.Random(3)
    wrong = 0
    for _ in range(300):
        found = change(share_of(bursty(chance, 60)), share_of(bursty(chance, 60)))
        assert found.probability is not None
        wrong += found.probability < 0.05
    # As independent samples they would differ "significantly" most of the time.
    assert wrong / 300 < 0.15


def test_too_short_to_tell_is_said() -> None:
    found = diff(sampled({("handle", 3, 4): 1}, seconds=2), sampled({("handle", 3, 6): 1}, seed=2))
    assert all(row.low is None and not row.significant and row.probability is None for row in found.rows)
    assert any("too short" in note for note in found.notes)


def test_nothing_to_compare_is_no_crash() -> None:
    assert diff(Profile(), Profile()).rows == []
    found = diff(Profile(), sampled({("handle", 3, 4): 1}))
    assert [row.mark for row in found.rows] == ["new"]


def test_more_rows_make_each_harder_to_believe() -> None:
    weights: Weights = {("handle", 3, 4): 30, ("handle", 3, 6): 70}
    changed: Weights = {("handle", 3, 4): 34, ("handle", 3, 6): 66}
    many: Weights = {("handle", 3, line): 1.0 for line in range(20, 100)}
    few = row_at(diff(sampled(weights), sampled(changed, seed=2)), "handle", 4)
    both = diff(sampled(weights | many), sampled(changed | many, seed=2))
    crowded = row_at(both, "handle", 4)
    assert few.probability is not None and crowded.probability is not None
    assert crowded.probability >= few.probability


def test_a_snapshot_differs_from_nothing_it_was_saved_from() -> None:
    made = sampled({("handle", 3, 4): 3, ("handle", 3, 6): 3, ("store", 10, 11): 4}, seconds=90)
    read = snapshot.unpack(snapshot.pack(made))
    found = diff(made, read)
    assert found.rows
    assert all(row.delta == 0 and not row.significant for row in found.rows)
    assert made.rows(Query(window=None)).seconds == pytest.approx(found.before_seconds)


def test_lambdas_of_one_name_are_told_apart_by_their_text() -> None:
    old = "f = lambda: one()\ng = lambda: two()\n"
    new = "import x\ng = lambda: two()\nf = lambda: one()\n"
    before = sampled({("<lambda>", 1, 1): 1, ("<lambda>", 2, 2): 3}, old)
    after = sampled({("<lambda>", 2, 2): 3, ("<lambda>", 3, 3): 1}, new, seed=2)
    pairs = {(row.before_at.line, row.line) for row in diff(before, after).rows if row.before_at}
    assert pairs == {(1, 3), (2, 2)}
