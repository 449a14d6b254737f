"""Tables and JSON on stdout, for live sessions and snapshots alike."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from livetop.cli.options import make_query
from livetop.profile.filters import FilterError, Matcher, compile_filter

if TYPE_CHECKING:
    from livetop.profile.model import Profile
    from livetop.profile.rows import Table

DEFAULT_ROWS = 30
WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""

Values = dict[str, Any]


def check_choices(values: Values) -> None:
    """Raises click.BadParameter for options that nothing could come of, before anything is started."""
    _matcher(values)


def _matcher(values: Values) -> Matcher | None:
    try:
        return compile_filter(values.get("filter_") or "")
    except FilterError as error:
        raise click.BadParameter(str(error), param_hint="--filter") from None


def selected(profile: Profile, values: Values, *, window: float | None) -> Table:
    """The table that the options describe: queried, filtered and sorted."""
    table = profile.rows(make_query(profile, values, window=window))
    rows = table.rows
    matches = _matcher(values)
    if matches is not None:
        rows = [row for row in rows if matches(f"{row.function} {row.module}:{row.line} {row.file}")]
    if values.get("sort") == "total":
        rows = sorted(rows, key=lambda row: -row.total)
    return msgspec.structs.replace(table, rows=rows)


def print_table(profile: Profile, values: Values, *, window: float | None = None) -> None:
    """The text form."""
    from livetop.export import table as text

    shown = selected(profile, values, window=window)
    limit = values.get("number") or DEFAULT_ROWS
    text.write(shown, profile, sys.stdout, width=text_width(), limit=limit, ascii=values["ascii_only"])
    sys.stdout.flush()


def print_json_line(profile: Profile, values: Values, *, window: float | None) -> None:
    """One object, on one line."""
    from livetop.export.json_rows import document

    shown = selected(profile, values, window=window)
    found = document(profile, msgspec.structs.replace(shown, rows=shown.rows[: values.get("number")]))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.stdout.flush()


def what_is_missing(profile: Profile, by: str) -> str:
    """Why a table by task or by process says so little, and how to record one that says more; or ""."""
    if by == "task" and all(info.kind != "task" for info in profile.names.functions.values.values()):
        return "no task was recorded: with record --async samples go by their task"
    if by == "process" and len(profile.processes) == 1:
        return "only one process was recorded: with record -s its children are, too"
    return ""


def text_width() -> int:
    """Columns that a table may take."""
    if "COLUMNS" in os.environ or sys.stdout.isatty():
        return max(60, shutil.get_terminal_size().columns)
    return WIDTH
