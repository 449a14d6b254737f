"""Several processes on the screen: lines of all in one row, each process for itself, and one alone."""

from __future__ import annotations

import pytest
from sample_screen import SampleSession, drawn, sample_app
from textual.pilot import Pilot
from worker_processes import Workers

from livetop.tui.app import LivetopApp
from livetop.tui.views import PROCESSES, VIEWS

TO_PROCESSES = ["tab"] * VIEWS.index(PROCESSES)


def session(*, children: bool = True) -> SampleSession:
    made = Workers([400, 501, 502] if children else [400])
    profile = made.profile
    if children:
        sleep = profile.define_process(601, ["/usr/bin/sleep", "60"], "", "", "host", 5.0)
        reason = "process 601 runs sleep 60, not a Python program"
        profile.update_process(sleep, parent=400, state="other", reason=reason)
        old = profile.define_process(602, ["/opt/old/python", "[bold]x[/bold].py"], "2.7.18", "", "host", 5.0)
        reason = "process 602 runs Python 2.7, which livetop does not read"
        profile.update_process(old, parent=400, state="unreadable", reason=reason)
    for _ in range(8):
        spent = {"p501": (0.0, 0.7), "p502": (0.1, 0.1)} if children else {}
        made.spend(p400=(0.05, 0.05), **spent)
    return SampleSession(profile)


async def shown(pilot: Pilot[None], app: LivetopApp, *keys: str) -> str:
    await pilot.press(*keys)
    await pilot.pause()
    return drawn(app.main_screen.table)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_one_row_for_all_or_one_for_each(size: tuple[int, int]) -> None:
    app = sample_app(session())
    async with app.run_test(size=size) as pilot:
        table = await shown(pilot, app)
        titles, first, *_ = table.splitlines()
        assert "PROC" in titles
        assert " x3 " in first and "work" in first and first.split()[1].startswith("85")
        assert len([line for line in table.splitlines() if "work" in line]) == 1
        table = await shown(pilot, app, "P")
        rows = [line for line in table.splitlines() if " work " in line]
        assert len(rows) == 3
        assert [pid for line in rows for pid in ("400", "501", "502") if f" {pid} " in line] == [
            "501", "502", "400",
        ]  # fmt: skip
        assert " x3 " in await shown(pilot, app, "P")


async def test_a_single_process_needs_no_column() -> None:
    app = sample_app(session(children=False))
    async with app.run_test(size=(120, 40)) as pilot:
        assert "PROC" not in await shown(pilot, app)


async def test_processes_and_what_became_of_those_that_are_not_read() -> None:
    app = sample_app(session())
    async with app.run_test(size=(120, 40)) as pilot:
        table = await shown(pilot, app, *TO_PROCESSES)
        assert app.choice.view == "processes"
        pids = ("400", "501", "502", "601", "602")
        lines = {pid: line for line in table.splitlines() for pid in pids if pid in line}
        assert lines["501"].split()[1].startswith("70") and "3.12.1" in lines["501"]
        assert "serve.py" in lines["501"]
        assert "sleep 60  not a Python program" in lines["601"]
        assert "2.7.18" in lines["602"] and "runs Python 2.7, which livetop" in lines["602"]
        assert "python [bol" in lines["602"]
        await shown(pilot, app, "end")
        assert "runs Python 2.7, which livetop does not read" in drawn(app.main_screen.source_pane)
        header = drawn(app.main_screen.header)
        assert "pid 400 +2" in header
        assert "thread: all (3 in 3)" in drawn(app.main_screen.tabs)


async def test_enter_on_a_process_shows_its_lines_and_escape_all_again() -> None:
    app = sample_app(session())
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, app, *TO_PROCESSES)
        row = next(entry for entry in app.main_screen.table.entries if entry.row.process == 502)
        await shown(pilot, app, *["down"] * list(app.main_screen.table.entries).index(row))
        table = await shown(pilot, app, "enter")
        assert app.choice.view == "lines"
        assert "502" in table and "x3" not in table
        assert "thread: all of 502 (1)" in drawn(app.main_screen.tabs)
        work = next(line for line in table.splitlines() if " work " in line)
        assert work.split()[1].startswith("50")
        # The threads to step through are its own.
        await shown(pilot, app, "right")
        assert app.choice.thread is not None
        assert app.session.profile.threads[app.choice.thread].tid == 502
        table = await shown(pilot, app, "escape")
        assert app.choice.process is None and app.choice.thread is None
        assert " x3 " in table


async def test_enter_on_what_is_not_read_says_why() -> None:
    app = sample_app(session())
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, app, *TO_PROCESSES, "end", "enter")
        assert app.choice.view == "processes"
        assert "nothing is known of its lines" in drawn(app.main_screen.footer)


async def test_a_process_that_was_asked_for_is_chosen_once_it_is_found() -> None:
    made = session(children=False)
    app = sample_app(made, process=777)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, app)
        assert app.choice.process is None
        worker = made.profile.define_process(777, ["python", "worker.py"], "3.13.0", "", "host", 9.0)
        app.main_screen.take_rows()
        await shown(pilot, app)
        assert app.choice.process == worker
