"""Rows out of running sums: names put to ids, nanoseconds turned into seconds, shares and intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from livetop.profile.cells import NANO, SPLIT
from livetop.profile.estimate import MINIMUM_BLOCKS, Interval, ratio_variance, share_interval, wilson
from livetop.profile.names import Names
from livetop.profile.rows import Key, Query, Row, Table
from livetop.profile.states import EVIDENCE, State
from livetop.profile.view import Sums, View

_PSEUDO_LIBRARIES = {
    -State.PYTHON: "[python]",
    -State.NATIVE: "[unknown]",
    -State.SYSTEM: "[system]",
}


class Split(NamedTuple):
    """How a row's own CPU time divides, in seconds; `share` is the native share."""

    python: float
    native: float
    system: float
    share: float
    interval: Interval
    libraries: dict[str, float]


class _Whole(NamedTuple):
    """What all shares of a table are of: ns of the mode, ΣT² and blocks including the open one."""

    weight: int
    samples: float
    ww: int
    blocks: int


def build(view: View, names: Names, query: Query, duration: float) -> Table:
    """Returns the table of a view that has been settled."""
    states = _states(view)
    whole = _whole(view, states)
    identify = _IDENTIFY[query.by]
    open_parts, open_whole = view.open_parts()
    seconds = whole.weight / NANO
    scale = 1 / NANO
    if query.by == "library":
        # Evidence is a sample of own time: its shares are applied to all of it.
        seconds = view.all.weights[State.OWN] / NANO
        scale = seconds / whole.weight if whole.weight else 0.0
    rows = []
    for sums in view.sums.values():
        total = sums.total or sums.own
        if not total and not (query.idle and any(sums.weights)):
            continue
        identity = identify(sums.key, names)
        if identity is None:
            continue
        own = sums.own
        share = own / whole.weight if whole.weight else 0.0
        interval: tuple[float | None, float | None] = (None, None)
        if whole.blocks >= MINIMUM_BLOCKS and whole.weight:
            part = open_parts.get(sums)
            now = part[0] if part else 0
            interval = share_interval(
                own,
                whole.weight,
                sums.own_own + now * now,
                sums.own_all + now * open_whole,
                whole.ww,
                whole.samples,
            )
        split = _split(sums, names) if query.by != "library" else None
        weights, counts = sums.weights, sums.counts
        idle = weights[State.IDLE] / NANO
        rows.append(
            Row(
                sums.key,
                *identity[:6],
                own * scale,
                total * scale,
                share,
                total / whole.weight if whole.weight else 0.0,
                interval[0],
                interval[1],
                split.python if split else None,
                split.native if split else None,
                split.system if split else None,
                weights[State.GIL] / NANO,
                weights[State.WAIT] / NANO + idle,
                idle,
                split.share if split else None,
                split.interval[0] if split else None,
                split.interval[1] if split else None,
                split.libraries if split else {},
                sum([counts[state] for state in states]),
                sum([counts[state] for state in EVIDENCE]),
                *identity[6:],
            )
        )
    rows.sort(key=_order)
    native_known = any(view.all.weights[state] for state in SPLIT)
    return Table(query, rows, seconds, duration, native_known)


def _order(row: Row) -> tuple[float, float, str, int]:
    return (-row.own, -row.total, row.function, row.line or 0)


def _states(view: View) -> list[int]:
    return [state for state, counted in enumerate(view.measured) if counted]


def _whole(view: View, states: list[int]) -> _Whole:
    weight = sum(view.all.weights[state] for state in states)
    squared = sum(view.all.squares[state] for state in states)
    count = sum(view.all.counts[state] for state in states)
    _, now = view.open_parts()
    micro = weight / 1000
    return _Whole(
        weight,
        min(float(count), micro * micro / squared) if squared else float(count),
        view.all.own_own + now * now,
        view.blocks + (1 if now else 0),
    )


def _split(sums: Sums, names: Names) -> Split | None:
    """Returns how a row's own time divides, None without evidence."""
    python, native, system = (sums.weights[state] for state in SPLIT)
    evidence = python + native + system
    if not evidence:
        return None
    own = sums.weights[State.OWN] / NANO
    scale = own / evidence
    libraries = {
        names.libraries.values.get(library, "[unknown]"): weight * scale
        for library, weight in sorted(sums.libraries.items(), key=lambda item: -item[1])
        if weight
    }
    return Split(
        python * scale,
        native * scale,
        system * scale,
        native / evidence,
        _native_interval(sums, native, evidence),
        libraries,
    )


def _native_interval(sums: Sums, native: int, evidence: int) -> Interval:
    """Returns the 95 % interval of the native share, by blocks where three had evidence."""
    squared = sum(sums.squares[state] for state in SPLIT)
    count = sum(sums.counts[state] for state in SPLIT)
    micro = evidence / 1000
    samples = min(float(count), micro * micro / squared) if squared else float(count)
    _, freedom = ratio_variance(native, evidence, sums.nn, sums.ne, sums.ee)
    if freedom + 1 < MINIMUM_BLOCKS:
        return wilson(native / evidence, samples)
    return share_interval(native, evidence, sums.nn, sums.ne, sums.ee, samples)


Identity = tuple[str, int | None, str, str, int | None, str | None, str, int, int, int | None]
"""file, line, function, module, pid, task, then the libraries' successors: kind, file id, function id,
tid."""


def _pid(names: Names, process: int) -> int | None:
    info = names.processes.get(process)
    return info.pid if info else None


def _line(key: Key, names: Names) -> Identity:
    _, process, function_id, line = key
    function = names.function(int(function_id))
    file = names.file(function.file)
    return (
        file.name,
        int(line) or None,
        function.name,
        file.module,
        _pid(names, int(process)),
        None,
        function.kind,
        function.file,
        int(function_id),
        None,
    )


def _function(key: Key, names: Names) -> Identity:
    _, process, function_id = key
    first_line = names.function(int(function_id)).first_line
    return _line(("line", process, function_id, first_line), names)


def _library(key: Key, names: Names) -> Identity | None:
    library = int(key[1])
    name = _PSEUDO_LIBRARIES.get(library) or names.libraries.values.get(library)
    if name is None:
        return None
    return (name, None, name.rpartition("/")[2], name, None, None, "library", 0, 0, None)


def _thread(key: Key, names: Names) -> Identity:
    info = names.threads.get(int(key[1]))
    if info is None:
        return ("", None, f"thread {key[1]}", "", None, None, "thread", 0, 0, None)
    pid = _pid(names, info.process)
    return ("", None, info.name or f"thread {info.tid}", "", pid, None, "thread", 0, 0, info.tid)


_IDENTIFY: dict[str, Callable[[Key, Names], Identity | None]] = {
    "line": _line,
    "function": _function,
    "library": _library,
    "thread": _thread,
}
