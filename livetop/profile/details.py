"""What surrounds a row: callers, callees, the heat of its source, and the header's figures."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec.structs import replace

from livetop.profile.cells import SPLIT, TOLD
from livetop.profile.estimate import wilson
from livetop.profile.info import Details, LineHeat, ThreadUse, Totals
from livetop.profile.rows import Key, Query, Row, Table
from livetop.profile.states import ESTIMATES, State
from livetop.profile.tree import Node
from livetop.profile.view import View, effective_samples

if TYPE_CHECKING:
    from livetop.profile.model import Profile


def called_by(key: Key, query: Query) -> Query:
    """Returns the query whose running sums know a row's surroundings."""
    return replace(query, by="function" if key[0] == "function" else "line")


def by_line(query: Query) -> Query:
    return replace(query, by="line")


def callers_and_callees(view: View, profile: Profile, key: Key) -> Details:
    """Returns who calls a line or function and what it calls, as shares of its total.

    A call from itself is not a caller: the outermost of a recursion is looked at. C frames are passed over.
    """
    if key[0] not in ("line", "function"):
        return Details([], [])
    by_function = key[0] == "function"
    callers: defaultdict[str, int] = defaultdict(int)
    callees: defaultdict[str, int] = defaultdict(int)
    total = 0
    for node in profile.tree.live.values():
        if not _is_of(node, key):
            continue
        subtree = view.subtrees.get(node.id, 0)
        if node.outer_function if by_function else node.outer_line:
            total += subtree
            caller = node.parent.host if node.parent is not None else None
            if caller is not None and caller.parent is not None:
                callers[_label(caller, profile)] += subtree
        for child in node.children:
            # C frames between belong to the line that called them, and are looked at in their turn.
            if child.host is child:
                callees[_callee(child, profile)] += view.subtrees.get(child.id, 0)
    return Details(_shares(callers, total), _shares(callees, total))


def _is_of(node: Node, key: Key) -> bool:
    """Whether a node's time belongs to a row."""
    own = node.function_key if key[0] == "function" else node.line_key
    return own[2:] == key[2:] and key[1] in (0, node.process)


def _shares(weights: dict[str, int], total: int) -> list[tuple[str, float]]:
    shares = [(label, weight / total) for label, weight in weights.items() if total and weight > 0]
    return sorted(((label, min(1.0, share)) for label, share in shares), key=lambda item: (-item[1], item[0]))


def _callee(node: Node, profile: Profile) -> str:
    function = profile.names.function(node.function)
    module = profile.names.file(function.file).module.rpartition("/")[2]
    return f"{function.name} {module}" if module else function.name


def _label(node: Node, profile: Profile) -> str:
    label = _callee(node, profile)
    return f"{label}:{node.line}" if node.line else label


def heat(table: Table, target: int | Key) -> dict[int, LineHeat]:
    """Returns line -> heat out of a table by line.

    Several functions may share a line (a lambda and the function that makes it): own times add up, of
    totals the largest counts, as one of them may have called the other.
    """
    wanted: dict[int, list[Row]] = {}
    for row in table.rows:
        if row.line is not None and _belongs(row, target):
            wanted.setdefault(row.line, []).append(row)
    return {line: _line_heat(rows) for line, rows in wanted.items()}


def _belongs(row: Row, target: int | Key) -> bool:
    if isinstance(target, int):
        return row.file_id == target and target > 0
    return row.key[:3] == ("line", *target[1:3])


def _line_heat(rows: list[Row]) -> LineHeat:
    own = sum(row.own_share for row in rows)
    known = [row for row in rows if row.native is not None]
    native, system = (sum(getattr(row, name) or 0.0 for row in known) for name in ("native", "system"))
    cpu = sum(row.python or 0.0 for row in known) + native + system
    total = max(own, *(row.total_share for row in rows))
    seconds = sum(row.own for row in rows)
    return LineHeat(
        own,
        total,
        native / cpu if cpu else None,
        system / cpu if cpu else 0.0,
        sum(row.off_core for row in rows) / seconds if seconds else 0.0,
    )


_PARTS = {"[python]": "python", "[system]": "system", "[native]": "native"}


def library_places(table: Table, library: str) -> list[tuple[Row, float]]:
    """Returns the lines of a table that spent time in a library, [python] or [system]; shares of all."""
    part = _PARTS.get(library)
    found = [(row, (getattr(row, part) if part else row.libraries.get(library)) or 0.0) for row in table.rows]
    whole = sum((row.python or 0.0) + (row.native or 0.0) + (row.system or 0.0) for row in table.rows)
    places = [(row, seconds / whole) for row, seconds in found if seconds > 0]
    return sorted(places, key=lambda place: (-place[1], place[0].module, place[0].line or 0))


def totals(profile: Profile, view: View, query: Query, uses: dict[int, ThreadUse], duration: float) -> Totals:
    """Returns the header's figures of the selected threads."""
    wanted = profile.chosen_threads(query)
    selected = [
        thread
        for thread in profile.threads.values()
        if thread.state != "gone" and thread.tid and (wanted is None or thread.id in wanted)
    ]
    foreign = sum(not thread.python for thread in selected)
    selected = [thread for thread in selected if thread.is_listed]
    chosen = [use for number, use in uses.items() if wanted is None or number in wanted]
    idle = 0
    for thread in selected:
        use = uses.get(thread.id)
        idle += use is None or (use.idle > 0 and use.idle >= 0.99 * use.wall)
    seconds = max(duration, 1e-9)
    # Seconds of all processes together: several have a GIL each.
    several = query.process is not None or sum(info.is_read for info in profile.processes.values()) > 1
    held = None if several else profile.gil_held(query.window)
    active = sum(use.wall - use.idle for use in chosen)
    waited = sum(use.gil + use.wait - use.idle for use in chosen)
    weights = view.all.weights
    exact, guessed = (sum(weights[state] for state in states) for states in (SPLIT, ESTIMATES))
    if exact < TOLD * weights[State.OWN]:
        exact = 0
    native: float | None = None
    margin = 0.0
    if exact or guessed:
        of, states = (State.NATIVE, SPLIT) if exact else (State.ESTIMATED_NATIVE, ESTIMATES)
        native = weights[of] / (exact or guessed)
        low, high = wilson(native, effective_samples(view.all, states))
        margin = max(native - low, high - native)
    return Totals(
        cpu=sum(use.own for use in chosen) / seconds,
        gil_held=held / seconds if held is not None else None,
        wait=waited / active if active > 0 else 0.0,
        native=native,
        system=weights[State.SYSTEM] / exact if exact else None,
        estimated=bool(guessed and not exact),
        margin=margin,
        idle_threads=idle,
        threads=len(selected),
        foreign_threads=foreign,
        duration=duration,
    )
