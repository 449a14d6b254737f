"""What the screen says of native time, the kernel and waiting: figures, intervals, what is an estimate."""

from __future__ import annotations

import re

import pytest
from sample_screen import SampleSession, drawn, sample_app, sample_profile

from livetop.profile.model import Profile
from livetop.profile.rows import Query, Row
from livetop.profile.states import State
from livetop.tui.entries import Entry
from livetop.tui.figures_of import details_of, libraries_of, waits_of

WIDE, NARROW = (120, 40), (80, 24)


def entry_of(profile: Profile, function: str, line: int) -> Entry:
    rows = profile.rows(Query(window=None)).rows
    row = next(row for row in rows if (row.function, row.line) == (function, line))
    return Entry(row.key, row, row.own_share, row.total_share, row.own, row.total)


def test_native_by_library_and_the_kernel_are_parts_of_the_same_whole() -> None:
    entry = entry_of(sample_profile(60), "load_body", 41)
    text = details_of(entry)
    assert re.fullmatch(r"\S+% own \(±\S+\), 5\d% system, 4\d% native \(±\d+\)", text)
    assert re.fullmatch(r"lib[zc] 2\d%, lib[zc] [12]\d%", libraries_of(entry))
    assert "+/-" in details_of(entry, ascii_only=True)


def test_no_word_of_native_where_nothing_is_known() -> None:
    assert "native" not in details_of(entry_of(sample_profile(60, split="none"), "load_body", 41))


def test_an_estimate_says_so_and_names_no_libraries() -> None:
    entry = entry_of(sample_profile(60, split="estimated"), "load_body", 41)
    assert ", ~9" in details_of(entry)
    assert details_of(entry).endswith(", estimated")
    assert libraries_of(entry) == ""


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_libraries_are_in_the_title_or_have_a_line_of_their_own(size: tuple[int, int]) -> None:
    app = sample_app()
    async with app.run_test(size=size) as pilot:
        await pilot.press("j", "j", "enter")
        await pilot.pause()
        lines = drawn(app.main_screen.source_pane).splitlines()
        assert ("libz" in lines[0]) is (size == WIDE)
        assert any(line.startswith(" native: libz") for line in lines) is (size == NARROW)
        assert any(line.startswith(" waits: read of") for line in lines)
        assert lines[-1].startswith(" callers:")


def test_waits_the_longest_first() -> None:
    assert waits_of(entry_of(sample_profile(60), "load_body", 41)) == (
        "read of /srv/data/orders.json 77%, GIL 23% of 13.2s"
    )
    assert waits_of(entry_of(sample_profile(60), "reparse", 24)) == ""


def test_a_moment_of_waiting_is_not_worth_a_line() -> None:
    row = Row(
        ("line", 1, 2, 3), "/a.py", 1, "f", "a.py", 1, None, 1.0, 1.0, 1.0, 1.0, gil=0.01, waits={"GIL": 0.01}
    )
    assert waits_of(Entry(row.key, row, 1.0, 1.0, 1.0, 1.0)) == ""


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_an_estimate_is_marked_wherever_it_is_shown(size: tuple[int, int]) -> None:
    app = sample_app(SampleSession(sample_profile(60, split="estimated")))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        screen = app.main_screen
        rows = drawn(screen.table).splitlines()[1:]
        assert all("~" in row for row in rows if "[unseen]" not in row and row.strip())
        header = drawn(screen.header)
        assert "native ~" in header
        assert ("estimated" in header) is (size == WIDE)
        await pilot.press("enter")
        await pilot.pause()
        assert "estimated" in drawn(screen.source_pane)


async def test_exact_figures_are_not_called_estimates() -> None:
    app = sample_app()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        screen = app.main_screen
        everything = drawn(screen.table) + drawn(screen.header) + drawn(screen.source_pane)
        assert "~" not in everything and "estimate" not in everything
        assert "sys " in drawn(screen.header)


async def test_libraries_and_the_lines_they_work_for() -> None:
    app = sample_app()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab")
        screen = app.main_screen
        table = drawn(screen.table)
        for name in ("[python]", "[system]", "python builtins: _sre", "numpy/_multiarray_umath", "libz"):
            assert name in table
        names = [entry.row.module for entry in screen.table.entries]
        await pilot.press(*"j" * names.index("libz"))
        await pilot.pause()
        assert "load_body  app/io.py:41" in drawn(screen.source_pane)
        # Keys of columns that are not here do no harm, and say so.
        await pilot.press("2")
        assert "no such column" in drawn(screen.footer)
        await pilot.press("tab", "tab", "tab", "tab", "2", "tab", "tab")
        assert screen.view.id == "libraries"
        await pilot.press("I", "s", "s", "s", "s", "o", "enter", "enter")
        assert app.is_running


async def test_libraries_without_any_evidence() -> None:
    app = sample_app(SampleSession(sample_profile(20, split="none")))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab", "enter")
        await pilot.pause()
        assert "[not split]" in drawn(app.main_screen.source_pane)


async def test_incomplete_stacks_are_told_once_they_are_many() -> None:
    profile = sample_profile(20)
    session = SampleSession(profile)
    for failed, said in ((0, False), (200, True)):
        profile.add(profile.history.now, profile.history.now + 1, [], [], {"unwind_failed": failed})
        app = sample_app(session)
        async with app.run_test(size=WIDE) as pilot:
            await pilot.pause()
            assert ("of C stacks incomplete" in drawn(app.main_screen.source_pane)) is said


async def test_c_code_has_no_source_to_ask_for() -> None:
    profile = sample_profile(10)
    thread = next(iter(profile.threads))
    library = profile.define_file("/usr/lib/libblas.so.3", "libblas")
    node = profile.define_node(
        profile.define_node(0, 0, 1), profile.define_function("dgemm", library, 0, "native"), 0
    )
    profile.add(10, 11, [(node, thread, State.OWN, 0, 900, 9.0, 0.1)], [], {"samples": 900})
    session = SampleSession(profile)
    app = sample_app(session)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        assert "native code: it has no Python source" in drawn(app.main_screen.source_pane)
        assert "dgemm" in drawn(app.main_screen.table)
    assert library not in session.wanted
