"""Where a thread's seconds go: what the kernel says it used, shared out over what samples saw.

Between two settlements samples leave weights (the seconds since that thread's previous sample). At a
settlement the kernel's figures (schedstat: on a core, and runnable but not on one) are shared out over
the places seen running; what is left of the wall time over those seen asleep. So the seconds add up, and
what a sample cannot know (a thread that ran a little between two looks) is not lost: what finds no place
yet is owed, and paid with the next sample that can take it.
"""

from __future__ import annotations

from livetop.cpython.tree import Place
from livetop.profile.states import State

# A place in the stack tree, or the name of a special row.
Key = Place | str
UNSEEN = "[unseen]"
UNREAD = "[unread]"
OTHER = "[other]"

# What found no place for so long was never seen.
_OWED_FOR = 10.0
_NEGLIGIBLE = 0.01

# (key, state) -> count, seconds, seconds squared
Cells = dict[tuple[Key, int], list[float]]


class Seconds:
    """The seconds of one thread between two settlements, as the kernel accounts for them."""

    __slots__ = ("gil", "idle", "own", "queued", "samples", "wait")

    def __init__(self) -> None:
        self.own = self.queued = self.gil = self.wait = self.idle = 0.0
        self.samples = 0


class Account:
    """The weights of one thread since its last settlement, and what is still owed. Times in seconds."""

    __slots__ = (
        "asleep",
        "held",
        "last",
        "last_key",
        "last_state",
        "owed_own",
        "owed_queued",
        "owed_since",
        "owed_sleep",
        "own",
        "queued_ns",
        "run_ns",
        "running",
        "samples",
        "settled",
        "unseen",
    )  # fmt: skip

    def __init__(self, now: float, times: tuple[int, int]) -> None:
        self.run_ns, self.queued_ns = times
        self.settled = now
        self.last = now
        """Time of the previous sample."""
        self.last_key: Key = UNREAD
        self.last_state = State.WAIT
        # place -> count, weight, weight squared, exact count, exact weight
        self.running: dict[Key, list[float]] = {}
        self.asleep: dict[tuple[Key, State], list[float]] = {}
        self.held: dict[Key, list[float]] = {}
        self.unseen = 0.0
        self.samples = 0
        self.owed_own = self.owed_queued = self.owed_sleep = 0.0
        self.owed_since = now
        self.own = 0.0
        """Seconds on a core in the last settled stretch: tells whether a holder of the GIL really runs."""

    def ran(self, key: Key, now: float, late: float, exact: bool, holds: bool) -> None:
        """A sample found the thread running at `key`; for `late` seconds before it nobody watched."""
        # A poll may lie before the middle of the period that the last tick stood for.
        gap = max(0.0, now - self.last)
        late = min(late, gap)
        weight = gap - late
        self.last = max(self.last, now)
        self.unseen += late
        self.last_key = key
        self.last_state = State.OWN
        self.samples += 1
        entry = self.running.get(key)
        if entry is None:
            entry = self.running[key] = [0, 0.0, 0.0, 0, 0.0]
        entry[0] += 1
        entry[1] += weight
        entry[2] += weight * weight
        if exact:
            entry[3] += 1
            entry[4] += weight
        if holds:
            entry = self.held.get(key)
            if entry is None:
                entry = self.held[key] = [0, 0.0, 0.0]
            entry[0] += 1
            entry[1] += weight
            entry[2] += weight * weight

    def slept(self, key: Key, state: State, now: float, late: float) -> None:
        """A sample found the thread blocked at `key`: GIL, WAIT or IDLE."""
        if key is self.last_key and state is self.last_state:
            # It was there before nobody watched, and it is there now.
            late = 0.0
        # A poll may lie before the middle of the period that the last tick stood for.
        gap = max(0.0, now - self.last)
        late = min(late, gap)
        weight = gap - late
        self.last = max(self.last, now)
        self.unseen += late
        self.last_key = key
        self.last_state = state
        self.samples += 1
        entry = self.asleep.get((key, state))
        if entry is None:
            entry = self.asleep[key, state] = [0, 0.0, 0.0]
        entry[0] += 1
        entry[1] += weight
        entry[2] += weight * weight

    def rename(self, gone: set[Key]) -> None:
        """Move what was seen at these keys to [unread]: their code was replaced meanwhile."""
        for key in gone & self.running.keys():
            entry = self.running.pop(key)
            total = self.running.setdefault(UNREAD, [0, 0.0, 0.0, 0, 0.0])
            self.running[UNREAD] = [a + b for a, b in zip(total, entry, strict=True)]
        for place, state in [pair for pair in self.asleep if pair[0] in gone]:
            entry = self.asleep.pop((place, state))
            total = self.asleep.setdefault((UNREAD, state), [0, 0.0, 0.0])
            self.asleep[UNREAD, state] = [a + b for a, b in zip(total, entry, strict=True)]
        for key in gone & self.held.keys():
            del self.held[key]
        if self.last_key in gone:
            self.last_key = UNREAD

    def settle(self, now: float, times: tuple[int, int], cells: Cells) -> Seconds:
        """Share out the seconds since the last settlement into `cells`, and return them summed."""
        run, queued = times
        seconds = Seconds()
        seconds.own = max(0, run - self.run_ns) / 1e9
        seconds.queued = max(0, queued - self.queued_ns) / 1e9
        self.run_ns, self.queued_ns = run, queued
        wall = now - self.settled
        self.settled = now
        self.own = seconds.own / wall if wall > 0 else 0.0
        if not (self.owed_own or self.owed_queued or self.owed_sleep):
            self.owed_since = now
        self.owed_own += seconds.own
        self.owed_queued += seconds.queued
        # schedstat runs up to 4 ms behind, so this may be a little below zero until the next settlement.
        self.owed_sleep += wall - seconds.own - seconds.queued
        self._pay_unseen(wall, seconds, cells)
        self._pay_running(cells)
        self._pay_asleep(seconds, cells)
        self._write_off(now, seconds, cells)
        for key, (count, weight, squared) in self.held.items():
            _add(cells, key, State.HELD, count, weight, squared)
        self.held.clear()
        seconds.samples, self.samples = self.samples, 0
        return seconds

    def _pay_unseen(self, wall: float, seconds: Seconds, cells: Cells) -> None:
        """The engine's own lateness takes its part of everything first."""
        if not self.unseen or wall <= 0:
            return
        part = min(1.0, self.unseen / wall)
        self.unseen = 0.0
        own, queued, sleep = (
            max(0.0, owed) * part for owed in (self.owed_own, self.owed_queued, self.owed_sleep)
        )
        for state, missed in ((State.OWN, own), (State.QUEUED, queued), (State.WAIT, sleep)):
            if missed:
                _add(cells, UNSEEN, state, 1, missed, missed * missed)
        self.owed_own -= own
        self.owed_queued -= queued
        self.owed_sleep -= sleep
        seconds.wait += sleep

    def _pay_running(self, cells: Cells) -> None:
        weights = sum(entry[1] for entry in self.running.values())
        if weights <= 0 or (self.owed_own <= 0 and self.owed_queued <= 0):
            return
        own, queued = max(0.0, self.owed_own) / weights, max(0.0, self.owed_queued) / weights
        for key, (count, weight, squared, exact, exact_weight) in self.running.items():
            _add(cells, key, State.OWN, count, weight * own, squared * own * own)
            if queued:
                _add(cells, key, State.QUEUED, count, weight * queued, squared * queued * queued)
            if exact:
                seconds = exact_weight * own
                _add(cells, key, State.EXACT, exact, seconds, seconds * seconds / exact)
        self.running.clear()
        self.owed_own = min(0.0, self.owed_own)
        self.owed_queued = min(0.0, self.owed_queued)

    def _pay_asleep(self, seconds: Seconds, cells: Cells) -> None:
        weights = sum(entry[1] for entry in self.asleep.values())
        if weights <= 0 or self.owed_sleep <= 0:
            return
        share = self.owed_sleep / weights
        for (key, state), (count, weight, squared) in self.asleep.items():
            slept = weight * share
            _add(cells, key, state, count, slept, squared * share * share)
            if state is State.GIL:
                seconds.gil += slept
            else:
                seconds.wait += slept
                if state is State.IDLE:
                    seconds.idle += slept
        self.asleep.clear()
        self.owed_sleep = 0.0

    def _write_off(self, now: float, seconds: Seconds, cells: Cells) -> None:
        """What no sample has seen for long goes to [unseen]."""
        if now - self.owed_since < _OWED_FOR:
            return
        self.owed_since = now
        if self.owed_own > _NEGLIGIBLE:
            _add(cells, UNSEEN, State.OWN, 1, self.owed_own, self.owed_own**2)
            self.owed_own = 0.0
        if self.owed_queued > _NEGLIGIBLE:
            _add(cells, UNSEEN, State.QUEUED, 1, self.owed_queued, self.owed_queued**2)
            self.owed_queued = 0.0
        if self.owed_sleep > _NEGLIGIBLE:
            _add(cells, UNSEEN, State.WAIT, 1, self.owed_sleep, self.owed_sleep**2)
            seconds.wait += self.owed_sleep
            self.owed_sleep = 0.0


def _add(cells: Cells, key: Key, state: State, count: float, seconds: float, squared: float) -> None:
    cell = cells.get((key, state))
    if cell is None:
        cells[key, state] = [count, seconds, squared]
    else:
        cell[0] += count
        cell[1] += seconds
        cell[2] += squared
