"""Threads: what each used and does now; those that run no Python with a key."""

from __future__ import annotations

from livetop.tui.columns import HOT, HOT_COLUMNS, Column, Look
from livetop.tui.entries import Entry
from livetop.tui.fit import cells, fit, plain
from livetop.tui.paint import Line
from livetop.tui.thread_entries import ThreadEntry, ThreadRows
from livetop.tui.views.view import View

_OF_TIME = tuple(
    column
    for column in HOT_COLUMNS
    if column.id in ("own_share", "own", "native", "heat", "trend", "process")
)


def _tid(entry: Entry, look: Look, width: int) -> Line:
    return [(str(entry.row.tid or "").rjust(width), look.palette.plain)]


def _state_of(entry: Entry) -> str:
    return entry.state if isinstance(entry, ThreadEntry) else ""


def _state(entry: Entry, look: Look, width: int) -> Line:
    state = _state_of(entry)
    style = look.palette.plain if state in ("running", "GIL") else look.palette.quiet
    return [(fit(state, width, dots=look.dots), style)]


def _name(entry: Entry, look: Look, width: int) -> Line:
    palette = look.palette
    beside = entry.language if isinstance(entry, ThreadEntry) else ""
    name = entry.row.function
    style = palette.strong if entry.own_share >= HOT else palette.plain
    if not beside:
        return [(fit(name, width, dots=look.dots), style)]
    room = min(cells(plain(name)), max(0, width - cells(beside) - 2))
    return [
        (fit(name, room, dots=look.dots), style),
        (fit(f"  {beside}", width - room, dots=look.dots), palette.quiet),
    ]


# fmt: off
THREAD_COLUMNS: tuple[Column, ...] = (
    *_OF_TIME,
    Column("tid", "TID", 7, 7, _tid, lambda entry: float(entry.row.tid or 0)),
    Column("state", "STATE", 7, 7, _state, _state_of, "left"),
    Column("function", "THREAD", 16, 16, _name, lambda entry: entry.row.function, "left", grow=1),
)
# fmt: on

THREADS = View("threads", "Threads", THREAD_COLUMNS, ThreadRows, other="lines")
