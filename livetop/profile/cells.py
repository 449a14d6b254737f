"""Cells, the only measured thing in the model, and how their figures are held.

Weights are whole nanoseconds and their squares whole microseconds²: sums of integers can be added to
and taken from for days and still come out exact, so that a window is empty when it is empty.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator

from livetop.profile.states import ESTIMATES, WALL, State

STATES = len(State)
NANO = 1_000_000_000
MICRO2 = 1_000_000_000_000

Cell = tuple[int, int, int, int, int, int, int]
"""(node, thread, state, library, count, weight in ns, squared in µs²)."""

CellKey = tuple[int, int, int, int]

SPLIT = (State.PYTHON, State.NATIVE, State.SYSTEM)
"""Where exact samples found a thread; without them `ESTIMATES` are all there is."""
TOLD = 0.02
"""The part of its own time that a row's exact evidence stands for at least. Stops that find a thread nearly
always somewhere else say nothing of where it was."""

_LARGEST = 10**17
"""Three years in nanoseconds; what is beyond it is not a measurement."""


def scaled(value: float, scale: int) -> int:
    """Returns a figure in whole units, 0 when it is negative or not a number."""
    if not (value > 0.0 and math.isfinite(value)):
        return 0
    return min(round(value * scale), _LARGEST)


def split_of(cells: Iterable[Cell]) -> tuple[int, int]:
    """Returns the native part of some own time and the evidence for it, in ns; estimates for want of more."""
    sums = [0] * STATES
    for cell in cells:
        sums[cell[2]] += cell[5]
    if evidence := sum(sums[state] for state in SPLIT):
        return sums[State.NATIVE], evidence
    return sums[State.ESTIMATED_NATIVE], sum(sums[state] for state in ESTIMATES)


def measured(mode: str, idle: bool) -> tuple[bool, ...]:
    """Returns, for each state, whether its seconds are the time that this mode is about."""
    states: tuple[State, ...] = {
        "cpu": (State.OWN,),
        "gil": (State.HELD,),
        "wall": WALL if idle else tuple(state for state in WALL if state is not State.IDLE),
    }[mode]
    return tuple(state in states for state in State)


class Cells:
    """Many cells as columns: a tenth of the memory of tuples, and read as fast."""

    __slots__ = ("columns",)

    def __init__(self, sums: dict[CellKey, list[int]] | None = None) -> None:
        kinds = "qqbiqqq"
        if not sums:
            self.columns = [array(kind) for kind in kinds]
            return
        keys = list(zip(*sums, strict=True))
        values = list(zip(*sums.values(), strict=True))
        self.columns = [array(kind, values) for kind, values in zip(kinds, keys + values, strict=True)]

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[Cell]:
        return zip(*self.columns, strict=True)

    @property
    def nodes(self) -> array[int]:
        return self.columns[0]

    @property
    def threads(self) -> array[int]:
        return self.columns[1]


def merge(sums: dict[CellKey, list[int]], cells: Iterable[Cell]) -> None:
    """Adds cells to sums of (count, weight, squared)."""
    for node, thread, state, library, count, weight, squared in cells:
        key = (node, thread, state, library)
        if (old := sums.get(key)) is None:
            sums[key] = [count, weight, squared]
        else:
            old[0] += count
            old[1] += weight
            old[2] += squared
