"""Threads on the screen: all that run Python, the others on demand, and the lines of one alone."""

from __future__ import annotations

import pytest
from sample_screen import SampleSession, drawn, sample_app, sample_profile

from livetop.profile.states import State


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


async def test_what_a_thread_does_and_where_collections_are_set_off() -> None:
    made = session()
    profile = made.profile
    process = next(iter(profile.processes))
    file = profile.define_file("/srv/app/cycles.py", "app/cycles.py")
    root = profile.define_node(0, 0, process)
    collector = profile.define_function("[gc]", 0, 0, "special")
    cells = []
    for name, line, seconds in (("link", 7, 3.0), ("unlink", 21, 1.0)):
        node = profile.define_node(root, profile.define_function(name, file, line - 1), line)
        thread = next(iter(profile.threads))
        cells.append((profile.define_node(node, collector, 0), thread, State.OWN, 0, 9, seconds, 0.1))
    profile.add(20.0, 21.0, cells, [], {})
    app = sample_app(made)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("slash", *"[gc]", "enter")
        await pilot.pause()
        pane = drawn(app.main_screen.source_pane)
        assert "the lines that set it off" in pane
        assert "link cycles.py:7" in pane and "75" in pane and "unlink cycles.py:21" in pane
        await pilot.press("c", "n", "end")
        await pilot.pause()
        pane = drawn(app.main_screen.source_pane)
        assert "it runs no Python" in pane and "thread 9200 busy" in pane
