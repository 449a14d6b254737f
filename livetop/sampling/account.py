"""Where a thread's seconds go: what the kernel says it used, shared out over what samples saw.

Between two settlements samples leave weights (the seconds since that thread's previous sample). At a
settlement the kernel's figures (schedstat: on a core, and runnable but not on one) are shared out over
the places seen running; what is left of the wall time over those seen asleep. So the seconds add up, and
what a sample cannot know (a thread that ran a little between two looks) is not lost: what finds no place
yet is owed, and paid with the next sample that can take it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from livetop.cpython.tree import Place
from livetop.profile.states import State

from .evidence import Evidence
from .kernel_time import KernelTime
from .verdicts import Verdicts

K = TypeVar("K")

# A place in the stack tree, or the name of a special row.
Key = Place | str
UNSEEN = "[unseen]"
UNREAD = "[unread]"
OTHER = "[other]"

# What found no place for so long was never seen.
_OWED_FOR = 10.0
_NEGLIGIBLE = 0.01

# (key, state, library of native time or reason of waiting) -> count, seconds, seconds squared
Cells = dict[tuple[Key, int, str], list[float]]


class Seconds:
    """The seconds of one thread between two settlements, as the kernel accounts for them."""

    __slots__ = ("gil", "idle", "own", "queued", "samples", "wait")

    def __init__(self) -> None:
        self.own = self.queued = self.gil = self.wait = self.idle = 0.0
        self.samples = 0


class Account:
    """The weights of one thread since its last settlement, and what is still owed. Times in seconds."""

    __slots__ = (
        "asleep", "busy", "evidence", "held", "kernel", "last", "last_key", "last_reason", "last_state",
        "owed_own", "owed_queued", "owed_since", "owed_sleep", "queued", "queued_ns", "run_ns", "running",
        "samples", "settled", "unseen", "verdicts",
    )  # fmt: skip

    def __init__(self, now: float, times: tuple[int, int]) -> None:
        self.run_ns, self.queued_ns = times
        self.settled = now
        self.last = now
        """Time of the previous sample."""
        self.last_key: Key = UNREAD
        self.last_state = State.WAIT
        self.last_reason = ""
        # place -> count, weight, weight squared, and these while it held the GIL
        self.running: dict[Key, list[float]] = {}
        self.evidence: Evidence[Key] = Evidence()
        self.kernel: KernelTime[Key] = KernelTime()
        self.verdicts: Verdicts[Key] = Verdicts()
        # place -> count, weight, weight squared, and so for the other two
        self.queued: dict[Key, list[float]] = {}
        self.asleep: dict[tuple[Key, State, str], list[float]] = {}
        self.held: dict[Key, list[float]] = {}
        self.unseen = 0.0
        self.samples = 0
        self.owed_own = self.owed_queued = self.owed_sleep = 0.0
        self.owed_since = [now, now, now]
        """Since when own, queued and sleep are owed."""
        self.busy = 0.0
        """Part of the last settled stretch on a core: tells whether a holder of the GIL really runs."""

    def _gap(self, now: float, late: float) -> float:
        """The seconds that a sample at `now` stands for: those since the last one that were watched."""
        # A poll may lie before the middle of the period that the last tick stood for.
        gap = max(0.0, now - self.last)
        late = min(late, gap)
        self.last = max(self.last, now)
        self.unseen += late
        return gap - late

    def ran(
        self,
        key: Key,
        now: float,
        late: float,
        holds: bool,
        scale: float = 1.0,
        queued: bool = False,
    ) -> float:
        """A sample found the thread runnable at `key`; for `late` seconds before it nobody watched.

        `scale`: how many samples it stands for, where others were drawn not to be taken. `queued`: it had
        no core since the last sample. Returns the sample's weight.
        """
        weight = self._gap(now, late) * scale
        self.runs(key, weight, holds, queued)
        return weight

    def runs(self, key: Key, weight: float, holds: bool, queued: bool = False) -> None:
        """The thread was runnable at `key` for a sample of this weight."""
        self.last_key = key
        self.last_state = State.OWN
        self.samples += 1
        if queued:
            _count(self.queued, key, weight)
        else:
            entry = self.running.get(key)
            if entry is None:
                entry = self.running[key] = [0, 0.0, 0.0, 0, 0.0, 0.0]
            squared = weight * weight
            entry[0] += 1
            entry[1] += weight
            entry[2] += squared
            if holds:
                entry[3] += 1
                entry[4] += weight
                entry[5] += squared

    def passed(self, now: float, late: float) -> float:
        """The thread ran at `now`, but another sample stands for this one. Returns its weight."""
        weight = self._gap(now, late)
        self.last_state = State.OWN
        return weight

    def sleeps_on(self, now: float) -> None:
        """The thread is where it was, asleep."""
        self.slept(self.last_key, self.last_state, now, 0.0, reason=self.last_reason)

    def slept(
        self, key: Key, state: State, now: float, late: float, holds: bool = False, reason: str = ""
    ) -> None:
        """A sample found the thread blocked at `key`: GIL, WAIT or IDLE; `reason` says for what."""
        if key is self.last_key and state is self.last_state:
            # It was there before nobody watched, and it is there now.
            late = 0.0
        weight = self._gap(now, late)
        self.last_key = key
        self.last_state = state
        self.last_reason = reason
        self.samples += 1
        _count(self.asleep, (key, state, reason), weight)
        if holds:
            _count(self.held, key, weight)

    def forget(self) -> None:
        """Keep the seconds, but no place: the stack tree begins anew."""
        keys = {*self.running, *self.queued, *self.held, *(key for key, *_ in self.asleep), self.last_key}
        self.rename({key for key in keys if isinstance(key, Place)})
        self.kernel.forget()
        self.verdicts.forget()

    def rename(self, gone: set[Key]) -> None:
        """Move what was seen at these keys to [unread]: their code was replaced meanwhile."""
        for key in gone & self.running.keys():
            _merge(self.running, UNREAD, self.running.pop(key))
        for key in gone:
            self.evidence.rename(key, UNREAD)
            self.verdicts.rename(key)
        for place, state, reason in [entry for entry in self.asleep if entry[0] in gone]:
            _merge(self.asleep, (UNREAD, state, reason), self.asleep.pop((place, state, reason)))
        for known in (self.queued, self.held):
            for key in gone & known.keys():
                _merge(known, UNREAD, known.pop(key))
        if self.last_key in gone:
            self.last_key = UNREAD

    def settle(self, now: float, times: tuple[int, int] | None, cells: Cells, system: float = 0.0) -> Seconds:
        """Share out the seconds since the last settlement into `cells`, and return them summed.

        `times`: nanoseconds on a core and queued, None when the thread has ended: then samples tell.
        `system`: seconds of system time that the kernel has counted since.
        """
        run, queued = times or (self.run_ns + int(1e9 * _weights(self.running)), self.queued_ns)
        seconds = Seconds()
        seconds.own = max(0, run - self.run_ns) / 1e9
        seconds.queued = max(0, queued - self.queued_ns) / 1e9
        self.run_ns, self.queued_ns = run, queued
        wall = now - self.settled
        self.settled = now
        self.busy = seconds.own / wall if wall > 0 else 0.0
        self.owed_own += seconds.own
        self.owed_queued += seconds.queued
        # schedstat runs up to 4 ms behind, so this may be a little below zero until the next settlement.
        self.owed_sleep += wall - seconds.own - seconds.queued
        self._pay_unseen(wall, seconds, cells)
        self._pay_running(cells, system, wall)
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

    def _pay_running(self, cells: Cells, system: float, wall: float) -> None:
        own, queued = max(0.0, self.owed_own), max(0.0, self.owed_queued)
        running, waiting = _weights(self.running), _weights(self.queued)
        if running > 0 and (own or queued):
            # What was queued throughout takes its own time first; the rest lies between what ran.
            apart = min(queued, waiting)
            rate, between = own / running, (queued - apart) / running
            for key, (count, weight, squared, *held) in self.running.items():
                if held[0]:
                    _merge(cells, (key, int(State.HELD), ""), held)
                _add(cells, key, State.OWN, count, weight * rate, squared * rate * rate)
                if between:
                    _add(cells, key, State.QUEUED, count, weight * between, squared * between * between)
            self.verdicts.settle(self.evidence, self.kernel)
            self.evidence.settle(rate, partial(_add_of, cells))
            self.kernel.settle(rate, system, wall)
            self.running.clear()
            self.owed_own -= own
            self.owed_queued -= queued - apart
            queued = apart
        if waiting > 0 and queued:
            rate = queued / waiting
            for key, (count, weight, squared) in self.queued.items():
                _add(cells, key, State.QUEUED, count, weight * rate, squared * rate * rate)
            self.queued.clear()
            self.owed_queued -= queued

    def _pay_asleep(self, seconds: Seconds, cells: Cells) -> None:
        weights = _weights(self.asleep)
        if weights <= 0 or self.owed_sleep <= 0:
            return
        share = self.owed_sleep / weights
        for (key, state, reason), (count, weight, squared) in self.asleep.items():
            slept = weight * share
            _merge(cells, (key, int(state), reason), [count, slept, squared * share * share])
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
        owed = [self.owed_own, self.owed_queued, self.owed_sleep]
        for index, state in enumerate((State.OWN, State.QUEUED, State.WAIT)):
            debt = owed[index]
            if debt <= _NEGLIGIBLE:
                self.owed_since[index] = now
            elif now - self.owed_since[index] >= _OWED_FOR:
                self.owed_since[index] = now
                _add(cells, UNSEEN, state, 1, debt, debt * debt)
                owed[index] = 0.0
                if state is State.WAIT:
                    seconds.wait += debt
        self.owed_own, self.owed_queued, self.owed_sleep = owed


def _weights(entries: dict[Any, list[float]]) -> float:
    return sum(entry[1] for entry in entries.values())


def _count(entries: dict[K, list[float]], key: K, weight: float) -> None:
    """One more sample of `weight`."""
    entry = entries.get(key)
    if entry is None:
        entry = entries[key] = [0, 0.0, 0.0]
    entry[0] += 1
    entry[1] += weight
    entry[2] += weight * weight


def _merge(entries: dict[K, list[float]], key: K, more: list[float]) -> None:
    """Add an entry to that of another key."""
    known = entries.get(key)
    entries[key] = more if known is None else [a + b for a, b in zip(known, more, strict=True)]


def _add(cells: Cells, key: Key, state: State, count: float, seconds: float, squared: float) -> None:
    _merge(cells, (key, int(state), ""), [count, seconds, squared])


def _add_of(
    cells: Cells, key: Key, state: int, library: str, count: float, seconds: float, squared: float
) -> None:
    _merge(cells, (key, int(state), library), [count, seconds, squared])
