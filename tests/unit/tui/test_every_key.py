"""Each key of the key table is pressed on the real app, and has its effect."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sample_screen import drawn, sample_app
from textual.pilot import Pilot

from livetop.tui.app import LivetopApp
from livetop.tui.choice import Choice
from livetop.tui.help import HelpScreen
from livetop.tui.keys import KEYS


@dataclass(frozen=True)
class Seen:
    choice: Choice
    cursor: int
    table: str
    header: str
    tabs: str
    footer: str
    source_full: bool
    filtering: bool
    on_help: bool
    running: bool


def look(app: LivetopApp) -> Seen:
    screen = app.main_screen
    return Seen(
        copy.copy(app.choice),
        screen.table.selection.index,
        drawn(screen.table),
        drawn(screen.header),
        drawn(screen.tabs),
        drawn(screen.footer),
        screen.is_source_full,
        screen.is_filtering,
        isinstance(app.screen, HelpScreen),
        app.is_running and not app._exit,
    )


PREPARE: dict[str, list[str]] = {
    "clear": ["slash", "t", "o", "k", "enter"],
    "up": ["down", "down"],
    "page_up": ["end"],
    "home": ["end"],
    "follow": ["down"],
}
"""What is pressed before, where an effect needs a start."""

Effect = Callable[[Seen, Seen], bool]

EFFECTS: dict[str, Effect] = {
    "help": lambda before, after: after.on_help,
    "quit": lambda before, after: not after.running,
    "leave": lambda before, after: not after.running,
    "source": lambda before, after: after.source_full,
    "next_view": lambda before, after: after.choice.view == "functions" and "parse.py:11" in after.table,
    "previous_view": lambda before, after: after.choice.view == "threads",
    "filter": lambda before, after: after.filtering,
    "clear": lambda before, after: before.choice.filter == "tok" and after.choice.filter == "",
    "sort_1": lambda before, after: after.choice.inverted and "%OWN▴" in after.table,
    "sort_2": lambda before, after: "%TOT▾" in after.table and before.table != after.table,
    "sort_3": lambda before, after: "OWN▾" in after.table and "%OWN▾" not in after.table,
    "sort_4": lambda before, after: "TOTAL▾" in after.table,
    "next_sort": lambda before, after: "%TOT▾" in after.table,
    "previous_sort": lambda before, after: "LOCATION▾" in after.table,
    "invert": lambda before, after: "%OWN▴" in after.table and before.table != after.table,
    "granularity": lambda before, after: after.choice.view == "functions",
    "previous_thread": lambda before, after: "thread: pool-5" in after.tabs,
    "next_thread": lambda before, after: "thread: MainThread" in after.tabs and before.table != after.table,
    "one_thread": lambda before, after: "thread: MainThread" in after.tabs,
    "foreign": lambda before, after: after.choice.foreign and after.choice.view == "threads",
    "per_process": lambda before, after: after.choice.per_process and "a row for each" in after.footer,
    "window": lambda before, after: "since reset" in after.tabs and before.table != after.table,
    "mode": lambda before, after: "mode: wall" in after.tabs and before.table != after.table,
    "gil": lambda before, after: "mode: gil" in after.tabs,
    "idle": lambda before, after: "mode: wall+idle" in after.tabs,
    "trend": lambda before, after: "+/-" in before.table and "+/-" not in after.table,
    "freeze": lambda before, after: "PAUSED" in after.header and after.choice.frozen,
    "reset": lambda before, after: "tokenize" not in after.table and "counting from zero" in after.footer,
    "faster": lambda before, after: after.choice.refresh == 8.0 and "8 refreshes" in after.footer,
    "slower": lambda before, after: after.choice.refresh == 2.0,
    "save": lambda before, after: "saved " in after.footer,
    "editor": lambda before, after: "not on this machine" in after.footer,
    "up": lambda before, after: (before.cursor, after.cursor) == (2, 1),
    "down": lambda before, after: (before.cursor, after.cursor) == (0, 1),
    "page_up": lambda before, after: after.cursor == 0,
    "page_down": lambda before, after: after.cursor > 5,
    "home": lambda before, after: before.cursor > 5 and after.cursor == 0,
    "end": lambda before, after: after.cursor == 13,
    "follow": lambda before, after: (before.cursor, after.cursor, after.choice.follow) == (1, 0, True),
}


def test_each_key_has_an_effect_to_check() -> None:
    assert set(EFFECTS) == {key.id for key in KEYS}


@pytest.mark.parametrize(("name", "key"), [(key.id, one) for key in KEYS for one in key.keys.split(",")])
async def test_pressed(name: str, key: str, tmp_path: Path) -> None:
    app = sample_app(save_path=str(tmp_path / "saved.livetop"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *PREPARE.get(name, []))
        before = look(app)
        await press(pilot, key)
        after = look(app)
        assert EFFECTS[name](before, after), after


@pytest.mark.parametrize("size", [(80, 24), (60, 12), (59, 11), (200, 60)])
async def test_no_key_crashes_on_any_size_nor_without_rows(size: tuple[int, int], tmp_path: Path) -> None:
    app = sample_app(save_path=str(tmp_path / "saved.livetop"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "r")
        for key in KEYS:
            if key.action == "quit":
                continue
            for one in key.keys.split(","):
                await press(pilot, one)
                if key.id in ("help", "filter"):
                    await press(pilot, "escape")
        assert app.is_running


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


def test_keys_are_bound_once() -> None:
    keys = [one for key in KEYS for one in key.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert len({key.id for key in KEYS}) == len(KEYS)
    assert all(key.binding.id == key.id for key in KEYS)
