from __future__ import annotations

from sample_screen import SampleSession, drawn, sample_app, sample_tasks

from livetop.profile.info import TaskList
from livetop.profile.model import Profile

WIDE, NARROW = (120, 40), (80, 24)


def with_tasks(copies: int = 1) -> SampleSession:
    session = SampleSession()
    session.profile.tasks = sample_tasks(session.profile, copies)
    return session


async def test_tasks_are_asked_for_only_while_they_are_in_sight() -> None:
    session = with_tasks()
    app = sample_app(session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab")
        assert session.changes == {"list_tasks": True}
        await pilot.press("tab")
        assert session.changes == {"list_tasks": False}


async def test_a_task_says_where_it_is_what_it_waits_for_and_who_awaits_it() -> None:
    app = sample_app(with_tasks())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab")
        await pilot.pause()
        table = drawn(app.main_screen.table).splitlines()
        (row,) = [line for line in table if "Task-17" in line]
        # Its own line, not that of asyncio which it called; what it is of, as its name does not tell.
        for word in ("waiting", "Task-17 handle", "sleep(30)", "handle  worker.py:203", "main"):
            assert word in row
        # What a program calls its tasks is no markup.
        assert any("[bold]refresh" in line for line in table)
        assert [line.split()[1] for line in table[1:4]] == ["41.2", "8.1", "2.0"] or table[1].startswith(">")
        names = [entry.row.function for entry in app.main_screen.table.entries]
        await pilot.press(*"j" * names.index("worker-2"))
        await pilot.pause()
        pane = drawn(app.main_screen.source_pane)
        assert "task worker-2" in pane
        assert "waiting for Queue.get" in pane
        assert "in: Queue.get queues.py:158 < handle worker.py:203" in pane


async def test_hundreds_of_tasks_are_filtered_and_sorted() -> None:
    app = sample_app(with_tasks(100))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("tab", "tab", "tab", "slash", *"lock.acq", "enter")
        await pilot.pause()
        entries = app.main_screen.table.entries
        assert len(entries) == 100
        assert {entry.row.function.split()[0] for entry in entries} == {"表示"}
        await pilot.press("c", "s")
        await pilot.pause()
        states = [line.split()[1] for line in drawn(app.main_screen.table).splitlines()[2:10]]
        assert states == ["running"] * 8


async def test_why_there_are_none() -> None:
    session = SampleSession()
    app = sample_app(session)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("tab", "tab", "tab")
        assert "asking for the tasks" in drawn(app.main_screen.table)
        session.profile.tasks = TaskList((), 0, True, "tasks of this version cannot be read")
        app.main_screen.take_rows()
        assert "cannot be read" in drawn(app.main_screen.table)
        session.profile.tasks = TaskList((), 0, True, "")
        app.main_screen.take_rows()
        assert "no tasks" in drawn(app.main_screen.table)


async def test_without_a_row_there_is_no_source_to_open() -> None:
    session = SampleSession()
    session.profile.tasks = TaskList((), 0, True, "tasks of this version cannot be read")
    app = sample_app(session)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("tab", "tab", "tab", "enter")
        assert not app.main_screen.is_source_full
        assert "there is no row here" in drawn(app.main_screen.footer)
        # Where the source is open already, it says the same as the table would.
        await pilot.press("tab", "tab", "tab", "enter", "tab", "tab", "tab")
        await pilot.pause()
        assert app.main_screen.is_source_full
        assert "cannot be read" in drawn(app.main_screen.source_pane)


async def test_a_list_that_was_cut_says_so() -> None:
    session = with_tasks()
    assert session.profile.tasks is not None
    session.profile.tasks = session.profile.tasks._replace(total=5000, whole=False)
    app = sample_app(session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "tab")
        await pilot.pause()
        assert "row 1/7 of 5,000 tasks" in drawn(app.main_screen.source_pane)


def test_a_snapshot_holds_no_tasks_but_what_they_used() -> None:
    assert Profile().tasks is None
