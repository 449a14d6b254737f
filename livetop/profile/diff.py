"""What changed between two profiles: shares, not counts, so rates and durations may differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from livetop.profile.cells import NANO, SPLIT, measured
from livetop.profile.compare import Series, change, share_of
from livetop.profile.document import time_blocks
from livetop.profile.estimate import holm
from livetop.profile.match import Side, match_functions, match_lines
from livetop.profile.model import Profile
from livetop.profile.rows import By, Mode
from livetop.profile.states import ESTIMATES, State

MINIMUM_SHARE = 0.001
"""Rows below it on both sides are neither listed nor tested: each tested row costs the others power."""

SIGNIFICANT = 0.05

Place = tuple[int | str, ...]
"""What is compared: (function, line), (function,), (library,) or (thread,), in the ids of its profile."""


class Location(Struct, frozen=True):
    """Where a row was on one side."""

    file: str
    line: int | None
    function: str
    module: str


class DiffRow(Struct, frozen=True):
    """One line or function on both sides. Shares 0..1; `low`, `high`: 95 % interval of `delta`.

    `probability`: of a difference like this by chance, corrected (Holm) for the number of rows looked at;
    None, as the interval, where a side is too short to tell. `mark`: "new" without time before, "gone"
    without time after, or "".
    """

    file: str
    line: int | None
    function: str
    module: str
    before: float
    after: float
    delta: float
    low: float | None
    high: float | None
    significant: bool
    probability: float | None
    mark: Literal["", "new", "gone"]
    before_at: Location | None
    after_at: Location | None


class Difference(Struct, frozen=True):
    """Rows by the size of their difference, significant ones first; `notes` for the user, one line each."""

    by: By
    mode: Mode
    rows: list[DiffRow]
    before: Profile
    after: Profile
    before_seconds: float
    after_seconds: float
    notes: list[str]

    @property
    def significant(self) -> list[DiffRow]:
        return [row for row in self.rows if row.significant]


class _Measured(Struct):
    """One side: what each place got in each time block, and all places together (seconds)."""

    parts: dict[Place, list[float]]
    whole: list[float]
    samples: float


def diff(before: Profile, after: Profile, by: By = "line", mode: Mode = "cpu") -> Difference:
    """Compares two profiles since their resets."""
    sides = Side(before), Side(after)
    estimates = [by == "library" and _only_estimates(profile) for profile in (before, after)]
    old, new = (
        _measure(profile, by, mode, estimated, coarse=any(estimates))
        for profile, estimated in zip((before, after), estimates, strict=True)
    )
    where = _same_places(*sides, old, new, by)
    partner = {at: place for place, at in where.items()}
    places: list[tuple[Place | None, Place | None]] = [(place, where.get(place)) for place in old.parts]
    places += [(None, place) for place in new.parts if place not in partner]
    describe = _DESCRIBE[by]
    found = []
    for place, at in places:
        shares = share_of(_series(old, place)), share_of(_series(new, at))
        if max(shares[0].share, shares[1].share) < MINIMUM_SHARE:
            continue
        found.append((place, at, *shares, change(*shares)))
    tested = [item[4].probability for item in found if item[4].probability is not None]
    corrected = iter(holm(tested))
    rows = []
    for place, at, was, now, changed in found:
        probability = next(corrected) if changed.probability is not None else None
        before_at = describe(sides[0], place) if place else None
        after_at = describe(sides[1], at) if at else None
        shown = after_at or before_at
        assert shown is not None
        rows.append(
            DiffRow(
                shown.file,
                shown.line,
                shown.function,
                shown.module,
                was.share,
                now.share,
                changed.delta,
                changed.low,
                changed.high,
                probability is not None and probability < SIGNIFICANT,
                probability,
                "new" if not was.share else "gone" if not now.share else "",
                before_at,
                after_at,
            )
        )
    rows.sort(key=lambda row: (not row.significant, -abs(row.delta), row.module, row.line or 0, row.function))
    notes = _notes(old, new, before, after) + _estimate_notes(estimates)
    return Difference(by, mode, rows, before, after, sum(old.whole), sum(new.whole), notes)


def _series(side: _Measured, place: Place | None) -> Series:
    part = side.parts.get(place) if place else None
    return Series(part or [0.0] * len(side.whole), side.whole, side.samples)


def _only_estimates(profile: Profile) -> bool:
    """Whether a profile has no exact samples of native time, but estimates."""
    states = {cell[2] for block in profile.history.blocks() for cell in block.cells}
    return states.isdisjoint(SPLIT) and not states.isdisjoint(ESTIMATES)


def _measure(profile: Profile, by: By, mode: Mode, estimated: bool, *, coarse: bool) -> _Measured:
    """`coarse`: by library, only Python is told from what is not; `estimated`: from estimates."""
    counted = measured(mode, idle=False)
    place_of = _PLACE[by]
    if by == "library":
        counted = tuple(state in (ESTIMATES if estimated else SPLIT) for state in State)
        place_of = _estimate_place if coarse else place_of
    blocks = time_blocks(profile)
    parts: defaultdict[Place, list[float]] = defaultdict(lambda: [0.0] * len(blocks))
    whole = [0.0] * len(blocks)
    count = squared = 0
    for at, block in enumerate(blocks):
        for node, thread, state, library, samples, weight, square in block.cells:
            if counted[state]:
                seconds = weight / NANO
                parts[place_of(profile, node, thread, state, library)][at] += seconds
                whole[at] += seconds
                count += samples
                squared += square
    micro = sum(whole) * 1e6
    return _Measured(dict(parts), whole, min(count, micro * micro / squared) if squared else float(count))


def _function_place(profile: Profile, node: int, *_: int) -> Place:
    return profile.tree.live[node].function_key[2:]


def _line_place(profile: Profile, node: int, *_: int) -> Place:
    # The key, not the node's own function: C frames count for the line that called them.
    return profile.tree.live[node].line_key[2:]


def _library_place(profile: Profile, _node: int, _thread: int, state: int, library: int) -> Place:
    if state == State.NATIVE:
        return (profile.names.libraries.values.get(library, "[unknown]"),)
    return (f"[{State(state).name.lower()}]",)


def _estimate_place(_profile: Profile, _node: int, _thread: int, state: int, _library: int) -> Place:
    return ("[python]" if state in (State.PYTHON, State.ESTIMATED_PYTHON) else "[native]",)


def _thread_place(profile: Profile, _node: int, thread: int, *_: int) -> Place:
    return (profile.threads[thread].name,)


def _task_place(profile: Profile, node: int, *_: int) -> Place:
    task = int(profile.tree.live[node].task_key[1])
    return (profile.names.task(task) or "[no task]",)


_PLACE: dict[By, Callable[[Profile, int, int, int, int], Place]] = {
    "line": _line_place,
    "function": _function_place,
    "library": _library_place,
    "thread": _thread_place,
    "task": _task_place,
}


def _same_places(before: Side, after: Side, old: _Measured, new: _Measured, by: By) -> dict[Place, Place]:
    """Returns place of `before` -> the same place of `after`, for those that both have."""
    if by in ("library", "thread", "task"):
        return {place: place for place in old.parts if place in new.parts}
    functions = match_functions(
        before, after, sorted({int(p[0]) for p in old.parts}), sorted({int(p[0]) for p in new.parts})
    )
    if by == "function":
        return {(was,): (now,) for was, now in functions.items()}
    lines: defaultdict[int, list[int]] = defaultdict(list)
    for function, line in old.parts:
        lines[int(function)].append(int(line))
    result: dict[Place, Place] = {}
    for was, now in functions.items():
        for line, at in match_lines(before, after, was, now, lines[was]).items():
            result[was, line] = (now, at)
    return result


def _describe_function(side: Side, place: Place) -> Location:
    function = side.function(int(place[0]))
    line = int(place[1]) if len(place) > 1 else function.first_line
    file = side.profile.names.file(function.file)
    return Location(file.name, line or None, function.name, file.module)


def _describe_name(_side: Side, place: Place) -> Location:
    return Location("", None, str(place[0]), "")


_DESCRIBE: dict[By, Callable[[Side, Place], Location]] = {
    "line": _describe_function,
    "function": _describe_function,
    "library": _describe_name,
    "thread": _describe_name,
    "task": _describe_name,
}


def _notes(old: _Measured, new: _Measured, before: Profile, after: Profile) -> list[str]:
    notes = []
    for name, side in (("before", old), ("after", new)):
        if not sum(side.whole):
            notes.append(f"{name}: no such time was sampled")
        elif sum(1 for seconds in side.whole if seconds > 0) < 3:
            notes.append(f"{name}: too short to tell change from noise (3 seconds at least)")
    for name, profile in (("before", before), ("after", after)):
        if not profile.sources:
            notes.append(f"{name}: no source text, so lines are matched by their number in the function")
    return notes


def _estimate_notes(estimates: list[bool]) -> list[str]:
    names = [name for name, estimated in zip(("before", "after"), estimates, strict=True) if estimated]
    if not names:
        return []
    return [
        f"{' and '.join(names)}: native time is an estimate, as nothing was stopped: "
        "libraries are not known, and [native] holds the kernel's part"
    ]
