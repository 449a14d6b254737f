"""A difference of two profiles as text, JSON and Markdown."""

from __future__ import annotations

from typing import Any, TextIO

import msgspec

from livetop.export import json_rows
from livetop.export.columns import Column, lines
from livetop.export.table import in_ascii
from livetop.profile.diff import Difference, DiffRow
from livetop.profile.rows import Query

_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_COLUMNS = (
    Column("DELTA"),
    Column("95% INTERVAL"),
    Column("BEFORE"),
    Column("AFTER"),
    Column("SIGNIF"),
    Column("FUNCTION", True),
    Column("LOCATION", True, left=True),
)


def write_text(
    found: Difference,
    stream: TextIO,
    *,
    width: int | None = None,
    most: int | None = None,
    ascii: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Writes a table; `width` cuts names to fit, `most` is of rows."""
    shown = found.rows[:most]
    result = [*_header(found), ""]
    if shown:
        result += lines(_COLUMNS, [_cells(row) for row in shown], width)
        result += ["", "Shares in percent, differences in percentage points; *** p < 0.001, ** p < 0.01,"]
        result += [f"* p < 0.05 after Holm's correction for {len(found.rows)} rows, ns: not significant."]
    else:
        result.append("nothing to compare")
    if len(shown) < len(found.rows):
        result.append(f"({len(found.rows) - len(shown):,} more rows)")
    stream.writelines(f"{in_ascii(line) if ascii else line}\n" for line in result)


def _header(found: Difference) -> list[str]:
    changed = len(found.significant)
    many = {0: "no significant difference", 1: "1 significant difference"}
    return [
        f"before: {found.before_seconds:.1f} s, after: {found.after_seconds:.1f} s of {found.mode} time, "
        f"by {found.by}: {many.get(changed, f'{changed} significant differences')}",
        *(f"note: {note}" for note in found.notes),
    ]


def significance(row: DiffRow) -> str:
    """Returns stars, "ns", or "?" where a side is too short to tell."""
    if row.probability is None:
        return "?"
    return next((stars for limit, stars in _STARS if row.probability < limit), "ns")


def _cells(row: DiffRow) -> list[str]:
    return [
        f"{100 * row.delta:+.1f}pp",
        "" if row.low is None or row.high is None else f"{100 * row.low:+.1f}..{100 * row.high:+.1f}",
        f"{100 * row.before:.1f}" if row.mark != "new" else "new",
        f"{100 * row.after:.1f}" if row.mark != "gone" else "gone",
        significance(row),
        row.function,
        _location(row),
    ]


def _location(row: DiffRow) -> str:
    """Returns the place after the change; where the line moved, the one before too."""
    name = row.module or row.file
    place = f"{name}:{row.line}" if name and row.line else name
    was = row.before_at
    if was and row.after_at and was.line and (was.module, was.line) != (row.module, row.line):
        same = (was.module or was.file) == name
        place += f" (was {was.line if same else f'{was.module or was.file}:{was.line}'})"
    return place


def write_json(found: Difference, stream: TextIO, *, most: int | None = None) -> None:
    """Writes the object of `diff --json` on one line."""
    stream.write(msgspec.json.encode(document(found, most)).decode() + "\n")


def document(found: Difference, most: int | None = None) -> dict[str, Any]:
    """Returns the frame of `show --json` (of the later profile) with the difference in its rows."""
    query = Query("line", None, found.mode)
    return {
        **json_rows.frame(found.after, query),
        "by": found.by,
        "before": {
            "targets": json_rows.targets(found.before),
            "sampling": json_rows.sampling(found.before),
            "seconds": found.before_seconds,
        },
        "seconds": found.after_seconds,
        "notes": found.notes,
        "rows": [_row_object(row) for row in found.rows[:most]],
    }


def _row_object(row: DiffRow) -> dict[str, Any]:
    was = row.before_at
    return {
        "file": row.file,
        "line": row.line,
        "function": row.function,
        "module": row.module,
        "before": row.before,
        "after": row.after,
        "delta": row.delta,
        "low": row.low,
        "high": row.high,
        "significant": row.significant,
        "probability": row.probability,
        "mark": row.mark,
        "before_file": was.file if was else None,
        "before_line": was.line if was else None,
    }


def write_markdown(found: Difference, stream: TextIO, *, most: int | None = None) -> None:
    """Writes a table for a pull request."""
    first, *notes = _header(found)
    result = [first, "", *(f"> {_quoted(note)}" for note in notes), *([""] if notes else [])]
    result += ["| delta | 95 % interval | before | after | | function | location |"]
    result += ["| ---: | ---: | ---: | ---: | --- | --- | --- |"]
    for row in found.rows[:most]:
        *figures, function, location = _cells(row)
        cells = [*figures, _code(function), _code(location)]
        result.append(f"| {' | '.join(cells)} |")
    if most is not None and most < len(found.rows):
        result += ["", f"({len(found.rows) - most:,} more rows)"]
    stream.writelines(f"{line}\n" for line in result)


def _code(text: str) -> str:
    """Returns a name as code: nothing in it is markup."""
    return f"`{_quoted(text.replace('`', chr(39)))}`" if text else ""


def _quoted(text: str) -> str:
    return text.replace("|", "\\|")
