"""Tasks of asyncio: what each does, where it is, what it waits for, and who awaits it."""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style

from livetop.tui import figures
from livetop.tui.columns import COLD, HOT, Column, Look, as_share
from livetop.tui.entries import Entry
from livetop.tui.fit import cells, fit, plain
from livetop.tui.paint import Line
from livetop.tui.task_entries import TaskEntry, TaskRows
from livetop.tui.views.view import View


def _share(entry: Entry, look: Look, width: int) -> Line:
    at, palette = entry.own_share, look.palette
    if isinstance(entry, TaskEntry) and entry.task is not None and entry.task.share is None:
        return [("-".rjust(width), palette.quiet)]
    style = palette.strong if at >= HOT else palette.quiet if at < COLD else palette.plain
    return [(figures.share(at).rjust(width), style)]


def _state_style(entry: Entry, look: Look) -> Style:
    state = entry.state if isinstance(entry, TaskEntry) else ""
    palette = look.palette
    return {"running": palette.strong, "ready": palette.plain}.get(state, palette.quiet)


def _state(entry: Entry, look: Look, width: int) -> Line:
    state = entry.state if isinstance(entry, TaskEntry) else ""
    return [(fit(state, width, dots=look.dots), _state_style(entry, look))]


def _name(entry: Entry, look: Look, width: int) -> Line:
    busy = entry.own_share >= HOT or (isinstance(entry, TaskEntry) and entry.state == "running")
    style = look.palette.strong if busy else look.palette.plain
    name = fit(entry.row.function, width, dots=look.dots)
    coroutine = entry.coroutine if isinstance(entry, TaskEntry) else ""
    bare = plain(entry.row.function)
    if not coroutine or cells(bare) + 4 > width:
        return [(name, style)]
    room = width - cells(bare) - 1
    return [(f"{bare} ", style), (fit(coroutine, room, dots=look.dots), look.palette.quiet)]


def _where(entry: Entry, look: Look, width: int) -> Line:
    """The innermost line of the program: the end of the path is what must stay."""
    palette = look.palette
    function = _function_at(entry)
    place = entry.location.rpartition("/")[2]
    if not place:
        return [(" " * width, palette.quiet)]
    named = f"{plain(function)}  " if function else ""
    room = width - cells(named)
    if room < min(cells(place), 12):
        named, room = "", width
    return [(named, palette.plain), (fit(place, room, keep="right", dots=look.dots), palette.quiet)]


def _function_at(entry: Entry) -> str:
    if not isinstance(entry, TaskEntry):
        return ""
    return next((function for function, place in entry.frames if place == entry.location), "")


def _text(value: Callable[[TaskEntry], str]) -> Callable[[Entry, Look, int], Line]:
    def cell(entry: Entry, look: Look, width: int) -> Line:
        text = value(entry) if isinstance(entry, TaskEntry) else ""
        return [(fit(text, width, dots=look.dots), look.palette.plain)]

    return cell


def _of(value: Callable[[TaskEntry], str]) -> Callable[[Entry], str]:
    return lambda entry: value(entry) if isinstance(entry, TaskEntry) else ""


# fmt: off
TASK_COLUMNS: tuple[Column, ...] = (
    Column("own_share", "%CPU", 5, 5, _share, lambda entry: entry.own_share, shown=as_share),
    Column("state", "STATE", 7, 8, _state, _of(lambda entry: entry.state_order), "left"),
    Column("task", "TASK", 14, 18, _name, lambda entry: entry.row.function, "left", grow=2),
    Column("waits_for", "WAITS FOR", 14, 18, _text(lambda entry: entry.waits_for),
           _of(lambda entry: entry.waits_for), "left", grow=1),
    Column("where", "AT", 18, 24, _where, lambda entry: entry.in_order, "left", grow=3),
    Column("awaited_by", "AWAITED BY", 10, 14, _text(lambda entry: entry.awaited_by),
           _of(lambda entry: entry.awaited_by), "left", grow=1, from_width=100),
)
# fmt: on

TASKS = View("tasks", "Tasks", TASK_COLUMNS, TaskRows, other="lines")
