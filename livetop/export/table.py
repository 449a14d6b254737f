"""The plain table of `show`, and of `attach` where stdout is no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from livetop.export import process_names
from livetop.export.columns import Column, lines
from livetop.profile.info import SamplingTotals
from livetop.profile.model import Profile
from livetop.profile.rows import Row, Table
from livetop.profile.states import NO_GIL

_NAMES = {
    "line": (Column("FUNCTION", True), Column("LOCATION", True, left=True)),
    "function": (Column("FUNCTION", True), Column("LOCATION", True, left=True)),
    "library": (Column("LIBRARY", True, left=True),),
    "thread": (Column("THREAD", True), Column("TID")),
    "task": (Column("TASK", True),),
    "process": (Column("PID"), Column("PYTHON"), Column("PROCESS", True)),
}
_TIMES = (Column("%OWN"), Column("%TOT"), Column("OWN"), Column("TOTAL"))
_WAITS = Column("WAITED FOR", True)
_PROCESS = Column("PROC")
_SPLIT = (Column("NAT%"), Column("+/-"), Column("SYS%"))
TOLERATED = 0.05
"""Incomplete C stacks, of all, and time at a lower rate, that are not worth a word."""

_OF = {"cpu": "CPU time", "wall": "wall time", "gil": "time holding the GIL"}


def write(
    table: Table,
    profile: Profile,
    stream: TextIO,
    *,
    width: int | None = None,
    limit: int | None = None,
    ascii: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Writes what was sampled and the table; `width` cuts names to fit, `limit` is of rows, `ascii`
    writes what is beyond it as escapes."""
    pythons = {info.pid: info.python for info in profile.processes.values()}
    rows = body(table, width, limit, gil=profile.has_gil, pythons=pythons)
    lines_of_it = [*header(table, profile), "", *rows]
    stream.writelines(f"{in_ascii(line) if ascii else line}\n" for line in lines_of_it)


def in_ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def header(table: Table, profile: Profile) -> list[str]:
    """Returns what was sampled, how, and what it cost."""
    result = process_names.introductions(profile)
    sampling = profile.sampling
    facts = [
        f"{sampling.duration:.1f} s at {sampling.achieved:.0f} Hz",
        f"{sampling.samples:,} samples",
        f"{sampling.exact:,} exact" if sampling.exact else "",
        f"{sampling.rejected:,} rejected" if sampling.rejected else "",
        incomplete_stacks(sampling),
        f"unseen {sampling.unseen:.2f} s" if sampling.unseen >= 0.005 else "",
        _missed(sampling),
        f"paused {_percent(sampling.pause, sampling.duration)}",
        f"livetop's CPU {_percent(sampling.cpu, sampling.duration)}",
    ]
    result.append(", ".join(fact for fact in facts if fact))
    if lowered := lowered_rate(sampling):
        result.append(lowered)
    window = "" if table.query.window is None else f" in the last {table.duration:.1f} s"
    # Libraries are told of CPU time only.
    mode = "cpu" if table.query.by == "library" else table.query.mode
    found = f"{table.seconds:.2f} s of {_OF[mode]}{window}, by {table.query.by}"
    if table.estimated:
        every = all(row.estimated for row in table.rows if row.native_share is not None)
        found += "; native time is estimated" if every else "; native time with ~ is estimated"
        found += ", as nothing was stopped" if not sampling.exact else ""
    result.append(found)
    return result


def _missed(sampling: SamplingTotals) -> str:
    """Returns how many children ended before they could be read, "" while there are none."""
    if not sampling.missed:
        return ""
    # Children that come and go between two looks are in no count: what they used is in [ended children].
    children = "child" if sampling.missed == 1 else "children"
    return f"at least {sampling.missed:,} {children} too short-lived to be read"


def lowered_rate(sampling: SamplingTotals) -> str:
    """Returns why there are fewer samples than were asked for, "" while the rate was hardly ever lowered."""
    if sampling.lowered <= TOLERATED * sampling.duration or sampling.achieved >= sampling.wanted:
        return ""
    rate = sampling.achieved
    shown = f"{rate:.0f}" if rate >= 9.95 else f"{rate:.1f}"
    return f"sampled at {shown} Hz instead of {sampling.wanted:g}: --max-cpu {100 * sampling.max_cpu:g} %"


def incomplete_stacks(sampling: SamplingTotals) -> str:
    """Returns how many C stacks could not be read whole, "" while they are few."""
    if sampling.unwind_failed <= TOLERATED * sampling.stacks:
        return ""
    return f"{100 * sampling.unwind_failed / sampling.stacks:.0f}% of C stacks incomplete"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole > 0 else "0%"


def body(
    table: Table,
    width: int | None = None,
    limit: int | None = None,
    *,
    gil: bool = True,
    pythons: Mapping[int, str] = {},
) -> list[str]:
    """Returns the heading and the rows; the split of own time only where something is known of it.

    `gil`: whether there is one. `pythons`: the version by PID.
    """
    rows = table.rows[:limit]
    if not gil and table.query.mode == "gil":
        return [NO_GIL]
    if not rows:
        return ["nothing was sampled in this mode: the threads did not spend such time"]
    columns = [*_TIMES, *(_SPLIT if _is_split(table) else ())]
    columns += [_PROCESS] if _has_processes(table) else []
    columns += _NAMES[table.query.by]
    columns += [_WAITS] if _has_waits(table) else []
    result = lines(columns, [_cells(row, table, pythons) for row in rows], width)
    left = len(table.rows) - len(rows)
    return [*result, f"({left:,} more rows)"] if left > 0 else result


def _is_split(table: Table) -> bool:
    return table.native_known and table.query.by != "library"


def _has_waits(table: Table) -> bool:
    return table.query.by == "thread" and any(row.waits for row in table.rows)


def _has_processes(table: Table) -> bool:
    return table.query.by in ("line", "function", "thread") and len(table.processes) > 1


def _cells(row: Row, table: Table, pythons: Mapping[int, str]) -> list[str]:
    cells = [
        f"{100 * row.own_share:.1f}",
        f"{100 * row.total_share:.1f}",
        f"{row.own:.2f}s",
        f"{row.total:.2f}s",
    ]
    if _is_split(table):
        cells += [native_share(row), _share(row.native_margin), _share(row.system_share, "%")]
    if _has_processes(table):
        cells.append(process_names.of_row(row))
    if table.query.by == "library":
        return [*cells, row.file or row.function]
    if table.query.by == "process":
        return [*cells, str(row.process or ""), pythons.get(row.process or 0, ""), row.function]
    if table.query.by == "task":
        return [*cells, row.function]
    if table.query.by == "thread":
        return [*cells, row.function, str(row.tid or ""), *([waits(row)] if _has_waits(table) else [])]
    return [*cells, row.function, location(row)]


def native_share(row: Row) -> str:
    """Returns a row's native share, with ~ where it is an estimate, "" where it is not known."""
    return f"{'~' if row.estimated else ''}{_share(row.native_share, '%')}"


def _share(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{100 * value:.0f}{unit}"


def waits(row: Row, most: int = 2) -> str:
    """Returns what a row waited for, as shares of its waiting, the longest first."""
    whole = row.gil + row.wait
    longest = list(row.waits.items())[:most]
    worth = [(name, seconds / whole) for name, seconds in longest if seconds >= 0.005 * whole > 0]
    return ", ".join(f"{name} {_share(share, '%')}" for name, share in worth)


def location(row: Row) -> str:
    """Returns the short file and line of a row, "" for one without a file."""
    if not row.file:
        return ""
    return f"{row.module or row.file}:{row.line}" if row.line else row.module or row.file
