"""From settled accounts to deltas: cells are summed until the interface asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from livetop.wire.messages import Cell, Delta, Sampling, ThreadUse

from .account import OTHER
from .process_names import ProcessNames
from .settling import Settled
from .waiting import STATE_WORDS
from .watched import Watched

# While nobody takes deltas, at most so many cells are kept; what comes on top goes to [other].
MAX_CELLS = 100_000


class Stream:
    """The delta that is being gathered. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._t0 = self._t1 = now
        self._sequence = 0
        self._cells: dict[tuple[int, int, int, int], list[float]] = {}
        self._uses: dict[int, list[float]] = {}
        self._states: dict[int, str] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._cells and not self._uses

    def add(self, names: ProcessNames, settled: list[Settled], now: float, gone: Sequence[Watched]) -> None:
        """Take in what was settled of one process; `gone` are threads that have ended."""
        ended = {id(thread) for thread in gone}
        self._t1 = now
        library_id = names.definitions.library
        for thread, cells, seconds in settled:
            wire = names.thread(thread)
            for (key, state, library), (count, weight, squared) in cells.items():
                if len(self._cells) >= MAX_CELLS:
                    key = OTHER
                place = (names.node(key), wire, int(state), library_id(library))
                cell = self._cells.get(place)
                if cell is None:
                    self._cells[place] = [count, weight, squared]
                else:
                    cell[0] += count
                    cell[1] += weight
                    cell[2] += squared
            use = self._uses.setdefault(wire, [0.0, 0.0, 0.0, 0.0, 0.0, 0])
            for index, value in enumerate(
                (seconds.own, seconds.queued, seconds.gil, seconds.wait, seconds.idle, seconds.samples)
            ):
                use[index] += value
            if id(thread) in ended:
                self._states[wire] = "gone"
            elif isinstance(thread, Watched):
                self._states[wire] = STATE_WORDS.get(thread.account.last_state, "running")
            else:
                self._states[wire] = thread.state

    def pass_until(self, now: float) -> None:
        """Time passes, also where there is no process to settle."""
        self._t1 = now

    def take(self, sampling: Sampling) -> Delta:
        """The delta up to the last `add`, and begin the next."""
        self._sequence += 1
        delta = Delta(
            self._sequence,
            self._t0,
            self._t1,
            [
                Cell(*place, int(count), weight, squared)
                for place, (count, weight, squared) in self._cells.items()
            ],
            [
                ThreadUse(wire, self._states[wire], own, queued, gil, wait, idle, int(samples))
                for wire, (own, queued, gil, wait, idle, samples) in self._uses.items()
            ],
            sampling,
        )
        self._t0 = self._t1
        self._cells = {}
        self._uses = {}
        self._states = {}
        return delta
