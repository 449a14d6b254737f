"""The real app over a real model: what a user sees when things happen."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import pytest
from sample_screen import HeldClock, SampleSession, drawn, sample_app, sample_profile
from textual.pilot import Pilot
from textual.widgets import Input

from livetop.profile.model import Profile
from livetop.profile.snapshot import load
from livetop.profile.states import State
from livetop.tui.app import LivetopApp
from livetop.tui.help import HelpPage

SIZE = (120, 40)


class FedSession(SampleSession):
    """What a test puts into `feed` is read by the app's own reader thread, and applied."""

    def __init__(self, profile: Profile | None = None) -> None:
        super().__init__(profile)
        self.feed: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read(self) -> object | None:
        return self.feed.get()


def heat_up(name: str, seconds: int, own: float) -> Any:
    """A message: the first line of this function burns so much of each second, alone."""

    def apply(session: SampleSession) -> None:
        profile = session.profile
        row = next(row for row in profile.rows(choice_query(profile)).rows if row.function == name)
        node = profile.define_node(
            profile.define_node(0, 0, 1), profile.define_function(name, row.file_id, 7), row.line or 0
        )
        thread = next(iter(profile.threads))
        for _ in range(seconds):
            at = profile.sampling.duration
            profile.add(
                at, at + 1, [(node, thread, State.OWN, 0, 100, own, own / 100)],
                [(thread, "running", own, 0.0, 0.0, 0.0, 0.0, 100, True)], {"ticks": 100, "samples": 100},
            )  # fmt: skip

    return apply


def choice_query(profile: Profile) -> Any:
    from livetop.profile.rows import Query

    return Query(window=None)


async def settle(app: LivetopApp, pilot: Pilot[None], seconds: float = 2.0) -> None:
    """Lets what was fed arrive, and time pass."""
    await pilot.pause(0.05)
    clock = app.settings.clock
    assert isinstance(clock, HeldClock)
    clock.at += seconds
    app.main_screen.tick()
    await pilot.pause()


async def test_sorting_again_leaves_the_cursor_on_its_line() -> None:
    session = FedSession()
    app = sample_app(session)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("j")
        table = app.main_screen.table
        assert table.current is not None
        chosen = table.current.key
        session.feed.put(heat_up("描画する", 6, 1.0))
        await settle(app, pilot)
        assert "描画する" in drawn(table).splitlines()[1]
        assert table.current.key == chosen
        assert "> " in next(line for line in drawn(table).splitlines() if "build_index" in line)
        session.feed.put(None)


async def test_until_a_row_is_chosen_the_cursor_follows_the_hottest() -> None:
    session = FedSession()
    app = sample_app(session)
    async with app.run_test(size=SIZE) as pilot:
        session.feed.put(heat_up("描画する", 6, 1.0))
        await settle(app, pilot)
        assert app.main_screen.table.current is not None
        assert app.main_screen.table.current.row.function == "描画する"
        assert "app/表示.py" in drawn(app.main_screen.source_pane)
        session.feed.put(None)


async def test_frozen_rows_stand_still_while_sampling_goes_on() -> None:
    session = FedSession()
    app = sample_app(session)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("space")
        before = drawn(app.main_screen.table)
        session.feed.put(heat_up("描画する", 6, 1.0))
        await settle(app, pilot)
        assert drawn(app.main_screen.table) == before
        assert session.profile.sampling.duration > 165
        await pilot.press("s", "s", "1")
        assert drawn(app.main_screen.table).splitlines()[1:] == before.splitlines()[1:]
        await pilot.resize_terminal(SIZE[0], SIZE[1] + 3)
        await settle(app, pilot)
        assert drawn(app.main_screen.table).splitlines()[1:8] == before.splitlines()[1:8]
        await pilot.press("space")
        assert drawn(app.main_screen.table) != before
        session.feed.put(None)


async def test_the_first_rows_do_not_wait_for_a_refresh() -> None:
    profile = sample_profile(0)
    session = FedSession(profile)
    app = sample_app(session, refresh=0.1)
    async with app.run_test(size=SIZE) as pilot:
        assert "waiting for the first samples" in drawn(app.main_screen.table)
        full = sample_profile(5)

        def arrive(of: SampleSession) -> None:
            of.profile = full

        session.feed.put(arrive)
        for _ in range(50):
            await pilot.pause(0.02)
            if "tokenize" in drawn(app.main_screen.table):
                break
        assert "tokenize" in drawn(app.main_screen.table)
        session.feed.put(None)


async def test_each_refresh_is_a_sign_of_life_to_the_engine() -> None:
    session = SampleSession()
    app = sample_app(session)
    async with app.run_test(size=SIZE) as pilot:
        before = session.credits
        await pilot.press("question_mark")
        app.main_screen.tick()
        assert session.credits > before


async def test_the_end_keeps_the_last_figures() -> None:
    session = FedSession()
    app = sample_app(session)
    async with app.run_test(size=SIZE) as pilot:
        before = drawn(app.main_screen.table)

        def end(of: SampleSession) -> None:
            of.ended, of.live = "the process ended with exit code 0", False

        session.feed.put(end)
        session.feed.put(None)
        for _ in range(10):
            await settle(app, pilot, 3.0)
        assert " ENDED " in drawn(app.main_screen.header)
        assert "100 Hz" in drawn(app.main_screen.header)
        assert drawn(app.main_screen.table) == before
        footer = drawn(app.main_screen.footer)
        assert footer.startswith(" the process ended with exit code 0; the last figures stay, w saves them")
        await pilot.press("r")
        assert drawn(app.main_screen.table) == before


async def test_a_snapshot_can_be_saved_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "last.livetop"
    app = sample_app(SampleSession(ended="gone"), save_path=str(path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("w")
        assert str(path) in drawn(app.main_screen.footer)
    assert load(path).sampling.samples == 48_000


async def test_where_nothing_can_be_written_the_data_is_kept(tmp_path: Path) -> None:
    app = sample_app(save_path=str(tmp_path / "no such folder" / "x.livetop"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("w")
        assert drawn(app.main_screen.footer).startswith(" not saved, the data is kept: ")
        assert "tokenize" in drawn(app.main_screen.table)


async def test_the_default_name_says_what_was_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = sample_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("w")
    (saved,) = tmp_path.iterdir()
    assert saved.name.startswith("4242-")
    assert saved.suffix == ".livetop"


async def test_missing_source_says_why_and_where() -> None:
    session = SampleSession()
    app = sample_app(session)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("j")
        pane = drawn(app.main_screen.source_pane)
        assert "app/index.py:77" in pane
        assert "line 77 of build_index" in pane
        assert "no such file in the target's root" in pane
        session.reason = ""
        await pilot.press("k", "j")
        assert "fetching the source ..." in drawn(app.main_screen.source_pane)


async def test_a_small_terminal_says_so_and_recovers() -> None:
    app = sample_app()
    async with app.run_test(size=(59, 20)) as pilot:
        assert "60 x 12, not 59 x 20" in drawn(app.main_screen.query_one("#too-small"))
        assert not app.main_screen.table.display
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "tokenize" in drawn(app.main_screen.table)
        await pilot.resize_terminal(100, 11)
        await pilot.pause()
        assert "60 x 12, not 100 x 11" in drawn(app.main_screen.query_one("#too-small"))


async def test_a_bad_expression_leaves_the_last_good_filter_in_force() -> None:
    app = sample_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("slash", *"!tok", "left_parenthesis")
        await pilot.pause()
        assert "not a regular expression: missing )" in drawn(app.main_screen.footer)
        assert app.choice.filter == "!tok"
        assert "build_index" not in drawn(app.main_screen.table)
        await pilot.press("backspace", "enter")
        await pilot.pause()
        assert not app.main_screen.is_filtering
        assert "Help" in drawn(app.main_screen.footer)


async def test_what_is_typed_ahead_reaches_the_filter_and_no_key() -> None:
    app = sample_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("slash", "r", "q")
        await pilot.pause()
        assert app.main_screen.query_one(Input).value == "rq"
        assert app.main_screen.session.profile.sampling.samples == 48_000
        await pilot.press("escape")
        assert (app.choice.filter, app.main_screen.is_filtering) == ("", False)


async def test_names_of_the_target_are_plain_text() -> None:
    app = sample_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "[bold]markup[/bold]" in drawn(app.main_screen.table)


async def test_wide_names_keep_the_columns_aligned() -> None:
    app = sample_app()
    async with app.run_test(size=SIZE):
        table = app.main_screen.table
        assert {table.render_line(y).cell_length for y in range(table.size.height)} == {120}


@pytest.mark.parametrize("size", [SIZE, (80, 24)])
async def test_ascii_mode_draws_ascii(size: tuple[int, int]) -> None:
    app = sample_app(ascii=True)
    async with app.run_test(size=size) as pilot:
        await pilot.press("slash", *"parse", "enter")
        await pilot.pause()
        screen = app.main_screen
        for part in (
            screen.header,
            screen.tabs,
            screen.table,
            screen.source_pane,
            screen.status,
            screen.footer,
        ):
            assert drawn(part).isascii(), part
        await pilot.press("question_mark")
        await pilot.pause()
        assert drawn(app.screen.query_one(HelpPage)).isascii()


@pytest.mark.parametrize("how", ["option", "variable"])
async def test_without_colour_there_is_none(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "variable":
        monkeypatch.setenv("NO_COLOR", "1")
    app = sample_app(color=how == "variable")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("slash", "t")
        await pilot.pause()
        screen = app.main_screen
        for part in (screen.header, screen.table, screen.source_pane, screen.footer):
            for y in range(part.size.height):
                for segment in part.render_line(y):
                    assert segment.style is not None
                    assert segment.style.color is None
                    assert segment.style.bgcolor is None


async def test_options_of_the_command_line() -> None:
    app = sample_app(mode="wall", sort="total", filter="parse", thread="worker-1")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "thread: worker-1" in drawn(app.main_screen.tabs)
        assert "mode: wall" in drawn(app.main_screen.tabs)
        assert "filter: parse" in drawn(app.main_screen.tabs)
        assert "%TOT▾" in drawn(app.main_screen.table)


async def test_an_editor_that_cannot_have_the_terminal_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "here.py"
    source.write_text("pass\n")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    profile = Profile()
    process = profile.define_process(1, ["python", "here.py"], "3.12.1", "", "h", 0.0)
    function = profile.define_function("work", profile.define_file(str(source), "here.py"), 1)
    node = profile.define_node(profile.define_node(0, 0, process), function, 1)
    thread = profile.define_thread(process, 1, "MainThread")
    profile.add(0, 1, [(node, thread, State.OWN, 0, 100, 1.0, 0.01)], [], {"ticks": 100, "samples": 100})
    app = sample_app(SampleSession(profile))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("o")
        assert "no editor: set EDITOR" in drawn(app.main_screen.footer)
        monkeypatch.setenv("EDITOR", "true")
        await pilot.press("o")
        await pilot.pause(0.1)
        assert "cannot be started here" in drawn(app.main_screen.footer)


async def test_the_mouse_chooses_rows_and_columns() -> None:
    app = sample_app()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.click("#table", offset=(30, 3))
        assert app.main_screen.table.selection.index == 2
        assert not app.choice.follow
        await pilot.click("#table", offset=(10, 0))
        assert app.choice.sort == "total_share"
