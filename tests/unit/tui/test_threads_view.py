"""Threads on the screen: all that run Python, the others on demand, and the lines of one alone."""

from __future__ import annotations

import pytest
from sample_screen import SampleSession, drawn, sample_app, sample_profile


def session() -> SampleSession:
    profile = sample_profile(20)
    process = next(iter(profile.processes))
    for number in range(4):
        profile.define_thread(process, 9000 + number, "[b]blas[/b]", False)
    ended = profile.define_thread(process, 9100, "ended", False)
    profile.threads[ended].state = "gone"
    # One that has used time is listed in any case.
    busy = profile.define_thread(process, 9200, "busy", False)
    profile.threads[busy].use.own = 0.5
    return SampleSession(profile)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_threads_without_python_are_shown_on_demand(size: tuple[int, int]) -> None:
    app = sample_app(session())
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab")
        await pilot.pause()
        screen = app.main_screen
        table = drawn(screen.table)
        assert app.choice.view == "threads"
        assert all(name in table for name in ("MainThread", "worker-1", "pool-5", "4242", "idle", "busy"))
        assert "blas" not in table and "ended" not in table
        assert ("no Python 5" if size[0] > 100 else "all/10+5") in drawn(screen.header)
        await pilot.press("n")
        await pilot.pause()
        table = drawn(screen.table)
        assert table.count("[b]blas[/b]  no Python") == 4 and "ended" not in table
        assert "5 threads without Python" in drawn(screen.footer)
        await pilot.press("n")
        await pilot.pause()
        assert "blas" not in drawn(screen.table)


async def test_a_thread_that_is_chosen_shows_its_lines() -> None:
    app = sample_app(session())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("shift+tab", "enter")
        await pilot.pause()
        assert app.choice.view == "lines"
        assert "thread: worker-1" in drawn(app.main_screen.tabs)
        await pilot.press("t")
        await pilot.pause()
        assert "thread: all (10)" in drawn(app.main_screen.tabs)


async def test_a_filter_finds_threads_by_id_state_and_language() -> None:
    app = sample_app(session())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "slash", *"no python", "enter")
        await pilot.pause()
        table = drawn(app.main_screen.table)
        assert table.count("no Python") == 5 and "MainThread" not in table
