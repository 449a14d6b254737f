"""Rows out of running sums: names put to ids, nanoseconds turned into seconds, shares and intervals."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from livetop.profile.cells import NANO, SPLIT, TOLD
from livetop.profile.estimate import MINIMUM_BLOCKS, Interval, Shares, ratio_variance, wilson
from livetop.profile.identity import IDENTIFY, NOT_SPLIT
from livetop.profile.names import Names
from livetop.profile.rows import Key, Query, Row, Table
from livetop.profile.states import ESTIMATES, EVIDENCE, WAITING, State
from livetop.profile.view import Sums, View, effective_samples

_PYTHON, _NATIVE, _SYSTEM = map(int, SPLIT)
_GUESSED_PYTHON, _GUESSED_NATIVE = map(int, ESTIMATES)
_WAITS = slice(State.GIL, State.IDLE + 1)
_OFF_CORE = (State.QUEUED, *WAITING)
_UNNAMED = {_NATIVE: "[unknown]", int(State.GIL): "GIL"}
"""What time of a state is of when its cells do not say it; of other states then nothing is said."""


class Split(NamedTuple):
    """How a row's own CPU time divides, in seconds; `share` is the native share."""

    python: float
    native: float
    system: float | None
    share: float
    interval: Interval
    libraries: dict[str, float]
    estimated: bool


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
    identify = IDENTIFY[query.by]
    open_parts, open_whole = view.open_parts()
    seconds = whole.weight / NANO
    scale = 1 / NANO
    if query.by == "library":
        # Evidence is a sample of own time: its shares are applied to all of it.
        seconds = view.all.weights[State.OWN] / NANO
        scale = seconds / whole.weight if whole.weight else 0.0
    alone = _others(query, names)
    rows: list[Row] = []
    shares = None
    if whole.weight and whole.blocks >= MINIMUM_BLOCKS:
        shares = Shares(whole.weight, whole.ww, whole.samples)
    off_core = [state for state in states if state in _OFF_CORE]
    nothing = shares.interval(0, 0, 0) if shares else (None, None)
    native_known = any(view.all.weights[state] for state in (*SPLIT, *ESTIMATES))
    guessed = query.by == "library" and State.ESTIMATED_NATIVE in states
    pids = {info.id: info.pid for info in names.processes.values()}
    only = pids.get(names.only_process)
    for sums in sorted(view.sums.values(), key=attrgetter("own", "total"), reverse=True):
        # Frames that [other] stands for are not calls of one function: it has a total of its own only.
        total = sums.own if sums.key in alone else sums.total or sums.own
        if not total and not (query.idle and query.by != "library" and any(sums.weights)):
            continue
        known = view.identities.get(sums.key)
        identity = known or identify(sums.key, names)
        if known is None and query.by != "thread":
            view.identities[sums.key] = identity
        own = sums.own
        share = own / whole.weight if whole.weight else 0.0
        interval: tuple[float | None, float | None] = nothing
        if own and shares:
            part = open_parts.get(sums)
            now = part[0] if part else 0
            interval = shares.interval(own, sums.own_own + now * now, sums.own_all + now * open_whole)
        split = _split(sums, names) if native_known and query.by != "library" else None
        weights, counts = sums.weights, sums.counts
        idle = weights[State.IDLE] / NANO
        processes = _processes(sums, pids) if sums.processes else {}
        pid = identity[4]
        if pid is None:
            pid = only if len(processes) != 1 else next(iter(processes))
        rows.append(
            Row(
                sums.key,
                *identity[:4],
                pid if query.by != "library" else None,
                identity[5] or (names.task(sums.task) if sums.task else None),
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
                waits=_waits(sums, names),
                estimated=split.estimated if split else guessed,
                processes=processes,
                off_core=sum([weights[state] for state in off_core]) / NANO if off_core else 0.0,
            )
        )
    if query.by == "library" and not rows and seconds:
        rows.append(Row(("library", 0), *NOT_SPLIT[:6], seconds, seconds, 1.0, 1.0, kind="library"))
    estimated = any(row.estimated for row in rows)
    read = frozenset(info.pid for info in names.processes.values() if info.is_read)
    return Table(query, rows, seconds, duration, native_known, estimated, read)


def _processes(sums: Sums, pids: dict[int, int]) -> dict[int, float]:
    """Returns the seconds of a row's total by PID, most first."""
    found: dict[int, float] = {}
    for process, weight in sorted(sums.processes.items(), key=lambda item: (-item[1], item[0])):
        pid = pids.get(process, 0)
        found[pid] = found.get(pid, 0.0) + weight / NANO
    return found


def _states(view: View) -> list[int]:
    return [state for state, counted in enumerate(view.measured) if counted]


def _whole(view: View, states: list[int]) -> _Whole:
    weight = sum(view.all.weights[state] for state in states)
    _, now = view.open_parts()
    return _Whole(
        weight,
        effective_samples(view.all, states),
        view.all.own_own + now * now,
        view.blocks + (1 if now else 0),
    )


def _split(sums: Sums, names: Names) -> Split | None:
    """Returns how a row's own time divides, None without evidence; what is exact goes before estimates."""
    weights = sums.weights
    python, native, system = weights[_PYTHON], weights[_NATIVE], weights[_SYSTEM]
    estimated = not (python or native or system)
    if python + native + system < TOLD * weights[State.OWN]:
        # What there is of it is of other lines.
        estimated, python, native, system = True, 0, 0, 0
    if estimated:
        python, native = weights[_GUESSED_PYTHON], weights[_GUESSED_NATIVE]
    evidence = python + native + system
    if not evidence:
        return None
    scale = weights[State.OWN] / NANO / evidence
    return Split(
        python * scale,
        native * scale,
        None if estimated else system * scale,
        native / evidence,
        _native_interval(sums, native, evidence, estimated),
        _by_name(sums, names, (_GUESSED_NATIVE if estimated else _NATIVE,), scale) if native else {},
        estimated,
    )


def _waits(sums: Sums, names: Names) -> dict[str, float]:
    """Returns what a row's threads waited for there, in seconds."""
    gil, wait, idle = sums.weights[_WAITS]
    return _by_name(sums, names, WAITING, 1 / NANO) if gil or wait or idle else {}


def _by_name(sums: Sums, names: Names, states: tuple[int, ...], scale: float) -> dict[str, float]:
    """Returns what cells of these states say they are of (library or reason), scaled, most first."""
    found: dict[str, int] = {}
    known = names.libraries.values
    for (state, library), weight in sums.named.items():
        if weight and state in states:
            name = known.get(library) or _UNNAMED.get(state)
            if name is not None:
                found[name] = found.get(name, 0) + weight
    if len(found) > 1:
        found = dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
    return {name: weight * scale for name, weight in found.items()}


def _native_interval(sums: Sums, native: int, evidence: int, estimated: bool) -> Interval:
    """Returns the 95 % interval of the native share, by blocks where three had evidence."""
    samples = effective_samples(sums, ESTIMATES if estimated else SPLIT)
    nn, ne, ee = sums.estimated if estimated else sums.exact
    _, freedom = ratio_variance(native, evidence, nn, ne, ee)
    if freedom + 1 < MINIMUM_BLOCKS:
        return wilson(native / evidence, samples)
    return Shares(evidence, ee, samples).interval(native, nn, ne)


def _others(query: Query, names: Names) -> set[Key]:
    """Returns the keys of the rows of [other] in a table by line or function."""
    line = (0,) if query.by == "line" else ()
    return {(query.by, process, names.other, *line) for process in (0, *names.processes)}
