"""Threads' use, the header's figures and the timeline."""

from __future__ import annotations

import pytest
from model_builder import Builder

from livetop.profile.names import THREADS
from livetop.profile.rows import Query


def busy(made: Builder, seconds: int) -> None:
    main, parked = made.thread("main"), made.thread("parked")
    for _ in range(seconds * 4):
        made.add(
            made.cell("main:1", 0.2, thread="main"),
            uses=[
                (main, "running", 0.20, 0.01, 0.02, 0.02, 0.0, 25, True),
                (parked, "idle", 0.0, 0.0, 0.0, 0.25, 0.25, 25, False),
            ],
            sampling={"ticks": 25, "samples": 50, "gil_held": 0.15, "rss": 1 << 20, "rate": 100.0},
        )


def test_header_figures_are_per_second_of_the_window() -> None:
    made = Builder()
    busy(made, 10)
    found = made.profile.totals(Query(window=5.0))
    assert found.cpu == pytest.approx(0.8)
    assert found.gil_held == pytest.approx(0.6)
    assert found.wait == pytest.approx(0.16)
    assert (found.idle_threads, found.threads) == (1, 2)
    assert found.native is None


def test_use_of_a_window_and_since_the_reset() -> None:
    made = Builder()
    busy(made, 10)
    main = made.thread("main")
    assert made.profile.threads[main].use.own == pytest.approx(8.0)
    assert made.profile.threads[main].state == "running"
    recent = made.profile.thread_use(5.0)[main]
    assert recent.own == pytest.approx(0.8 * recent.wall)
    assert recent.wall == pytest.approx(made.profile.covered(5.0))


def test_timeline_has_a_point_a_second_and_survives_a_reset() -> None:
    made = Builder()
    busy(made, 10)
    made.profile.reset()
    points = made.profile.timeline(60)
    assert 10 <= len(points) <= 11
    assert points[-2].cpu == pytest.approx(0.8)
    assert points[-2].gil == pytest.approx(0.6)
    assert points[-1].rss == 1 << 20


def test_a_thread_renames_and_a_gone_one_frees_its_tid() -> None:
    made = Builder()
    first = made.profile.define_thread(made.process, 7, "a")
    assert made.profile.define_thread(made.process, 7, "b") == first
    assert made.profile.threads[first].name == "b"
    made.add(uses=[(first, "gone", 0.0, 0.0, 0.0, 0.0, 0.0, 0, False)])
    assert made.profile.define_thread(made.process, 7, "c") != first


def test_threads_without_end_are_folded_and_their_time_is_kept() -> None:
    made = Builder()
    for number in range(2 * THREADS):
        thread = made.profile.define_thread(made.process, 10_000 + number, f"request-{number}")
        cell = (made.node("main:1"), thread, 0, 0, 1, 0.01, 1e-4)
        made.add(cell, step=1.0, uses=[(thread, "gone", 0.01, 0.0, 0.0, 0.0, 0.0, 1, False)])
    assert len(made.profile.threads) <= THREADS + 1
    table = made.profile.rows(Query("thread", None))
    assert table.seconds == pytest.approx(2 * THREADS * 0.01)
    other = next(row for row in table.rows if row.function == "[other]")
    assert other.own > 1.0


def without_gil(**sampling: float) -> Builder:
    made = Builder()
    for known in made.profile.processes.values():
        known.build = "free-threaded"
    made.add(made.cell("main:1", 0.2), sampling={"ticks": 25, "samples": 50, **sampling})
    return made


def test_a_target_without_a_gil_holds_none() -> None:
    made = without_gil()
    assert not made.profile.has_gil
    assert made.profile.totals(Query(window=None)).gil_held is None


def test_a_free_threaded_build_that_was_seen_using_its_gil_has_one() -> None:
    made = without_gil(gil_held=0.5)
    assert made.profile.has_gil
    assert made.profile.totals(Query(window=None)).gil_held is not None
