"""The line above the table: the names of the views stay whole, whatever is selected."""

from __future__ import annotations

import pytest
from sample_screen import SampleSession, drawn, sample_app

from livetop.tui.views import VIEWS


@pytest.mark.parametrize("width", [100, 101, 104, 108, 112, 116, 120, 140])
@pytest.mark.parametrize("text", ["", "a filter that is rather long", "表示表示表示表示"])
async def test_what_is_selected_gives_way_to_the_names_of_the_views(width: int, text: str) -> None:
    session = SampleSession()
    for thread in session.profile.threads.values():
        thread.name = f"a thread with a name as long as this one is, {thread.tid}"
    app = sample_app(session)
    async with app.run_test(size=(width, 40)) as pilot:
        await pilot.press("right", "m")
        app.main_screen.set_filter(text)
        await pilot.pause()
        line = drawn(app.main_screen.tabs)
        assert line.split()[: len(VIEWS)] == [view.title for view in VIEWS]
        assert len(line) <= width
        # What hides rows is there at every width.
        for word in ("thread: a t", "mode: wall", "filter: " if text else "window: 5 s"):
            assert word in line


async def test_where_there_is_room_nothing_is_left_out() -> None:
    app = sample_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "thread: all (9)   window: 5 s   mode: cpu   filter: -" in drawn(app.main_screen.tabs)


async def test_without_other_characters_what_is_cut_ends_in_dots() -> None:
    app = sample_app(ascii=True)
    async with app.run_test(size=(120, 40)) as pilot:
        app.main_screen.set_filter("a filter that is rather long indeed")
        await pilot.pause()
        assert drawn(app.main_screen.tabs).isascii()
