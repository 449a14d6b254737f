"""Processes: the target and its children, those that cannot be read with the reason."""

from __future__ import annotations

from livetop.tui.columns import HOT, HOT_COLUMNS, WIDE, Column, Look
from livetop.tui.entries import Entry
from livetop.tui.fit import cells, fit, plain
from livetop.tui.paint import Line
from livetop.tui.process_entries import ProcessEntry, ProcessRows
from livetop.tui.views.view import View

_OF_TIME = tuple(
    column for column in HOT_COLUMNS if column.id in ("own_share", "own", "native", "heat", "trend")
)

_NAME = 12
"""Cells of a command line that are left where there is little room."""


def _pid(entry: Entry, look: Look, width: int) -> Line:
    return [(str(entry.row.process or "").rjust(width), look.palette.plain)]


def _python(entry: Entry, look: Look, width: int) -> Line:
    return [(fit(_python_of(entry), width, dots=look.dots), look.palette.quiet)]


def _python_of(entry: Entry) -> str:
    return entry.info.python if isinstance(entry, ProcessEntry) and entry.info else ""


def _threads(entry: Entry, look: Look, width: int) -> Line:
    return [(str(_threads_of(entry) or "").rjust(width), look.palette.quiet)]


def _threads_of(entry: Entry) -> int:
    return entry.threads if isinstance(entry, ProcessEntry) else 0


def _command(entry: Entry, look: Look, width: int) -> Line:
    """The command line; why it is not read is worth more than all of its words."""
    palette = look.palette
    command = entry.command if isinstance(entry, ProcessEntry) else entry.row.function
    state = entry.state if isinstance(entry, ProcessEntry) else ""
    if not state:
        return [
            (fit(command, width, dots=look.dots), palette.strong if entry.own_share >= HOT else palette.plain)
        ]
    state = plain(state)
    room = min(cells(plain(command)), max(_NAME, width - cells(state) - 2))
    return [
        (fit(command, room, dots=look.dots), palette.quiet),
        (fit(f"  {state}", width - room, dots=look.dots), palette.quiet),
    ]


def _command_of(entry: Entry) -> str:
    return entry.command if isinstance(entry, ProcessEntry) else entry.row.function


# fmt: off
PROCESS_COLUMNS: tuple[Column, ...] = (
    *_OF_TIME,
    Column("pid", "PID", 7, 7, _pid, lambda entry: float(entry.row.process or 0)),
    Column("python", "PYTHON", 7, 7, _python, _python_of, "left", from_width=WIDE),
    Column("threads", "THR", 3, 3, _threads, lambda entry: float(_threads_of(entry))),
    Column("function", "PROCESS", 20, 20, _command, _command_of, "left", grow=1),
)
# fmt: on

PROCESSES = View("processes", "Processes", PROCESS_COLUMNS, ProcessRows, other="lines")
