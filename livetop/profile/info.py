"""The small records beside the rows: processes, threads, what sampling cost, header figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class ProcessInfo:
    """A process that was read, or a child of it. `pid` is the system's, `id` the model's.

    `started` is Unix time, `parent` a PID (0 for the process that was asked for). `state`: watched, gone,
    starting, unreadable or other (no Python); `reason` says why in the last two, and what there is to
    beware of in the first.
    """

    id: int
    pid: int
    argv: list[str]
    python: str
    build: str
    host: str
    started: float
    parent: int = 0
    state: str = "watched"
    reason: str = ""
    was_read: bool = False
    """It has been watched, whatever became of it since."""

    @property
    def is_read(self) -> bool:
        """Whether it is, or was, sampled."""
        return self.was_read or self.state == "watched"


@dataclass(slots=True)
class ThreadUse:
    """Seconds of one thread's wall time: own + queued + gil + wait; `idle` is a part of wait."""

    own: float = 0.0
    queued: float = 0.0
    gil: float = 0.0
    wait: float = 0.0
    idle: float = 0.0
    samples: int = 0

    def merge(self, other: ThreadUse) -> None:
        """Adds another stretch of the same thread."""
        self.own += other.own
        self.queued += other.queued
        self.gil += other.gil
        self.wait += other.wait
        self.idle += other.idle
        self.samples += other.samples

    @property
    def wall(self) -> float:
        return self.own + self.queued + self.gil + self.wait


@dataclass(slots=True)
class ThreadInfo:
    """An OS thread. `process` is the model's id. `state`: running, gil, wait, idle, gone or "" (unknown).

    `python`: whether it runs Python; of others only CPU time is known.
    """

    id: int
    process: int
    tid: int
    name: str
    state: str = ""
    holds_gil: bool = False
    use: ThreadUse = field(default_factory=ThreadUse)
    """Since the reset; `Profile.thread_use` has that of a window."""
    python: bool = True

    @property
    def is_listed(self) -> bool:
        """Whether it is a row: those that run no Python only once they have used CPU time."""
        return self.python or self.use.own > 0


class TaskFrame(NamedTuple):
    """A coroutine that a task is in: `file` is the model's id."""

    function: str
    file: int
    line: int


class TaskState(NamedTuple):
    """An asyncio task (or a greenlet: `kind`) as it was a moment ago; `process` is the model's id.

    `state`: running, ready, waiting or parked; `frames` innermost first, `left_out` of them at the outer end;
    `share` of the samples of running threads lately, 0..1; None and `tid` 0 when they are not known.
    """

    id: int
    process: int
    name: str
    kind: str
    state: str
    waits_for: str
    frames: tuple[TaskFrame, ...]
    left_out: int
    awaited_by: tuple[str, ...]
    share: float | None
    tid: int


class TaskList(NamedTuple):
    """The tasks that there are: `total` of them, at least, unless `whole`; `note` says why there are none."""

    tasks: tuple[TaskState, ...]
    total: int
    whole: bool
    note: str


@dataclass(slots=True)
class SamplingTotals:
    """How sampling fared since the reset: counts, seconds; `rate` (Hz), `rss` (bytes) as they are now.

    `wanted`: the rate asked for; for `lowered` seconds it was lowered to keep to `max_cpu` (of a core).
    """

    duration: float = 0.0
    ticks: int = 0
    samples: int = 0
    exact: int = 0
    rejected: int = 0
    unread: int = 0
    late: int = 0
    stops: int = 0
    unseen: float = 0.0
    pause: float = 0.0
    pause_max: float = 0.0
    cpu: float = 0.0
    target_cpu: float = 0.0
    gil_held: float = 0.0
    rate: float = 0.0
    rss: int = 0
    threads: int = 0
    calm: bool = True
    unwound: int = 0
    unwind_failed: int = 0
    processes: int = 1
    unwatched: int = 0
    missed: int = 0
    children: int = 0
    children_cpu: float = 0.0
    wanted: float = 0.0
    max_cpu: float = 0.0
    lowered: float = 0.0

    @property
    def achieved(self) -> float:
        """Ticks a second, in Hz."""
        return self.ticks / self.duration if self.duration > 0 else 0.0

    @property
    def stacks(self) -> int:
        """C stacks that were read, whole or not."""
        return self.unwound + self.unwind_failed

    def add(self, seconds: float, update: Mapping[str, float]) -> None:
        """Adds a stretch of `seconds`: the fields of the wire's Sampling, by name; unknown ones are left."""
        self.duration += seconds
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + int(sane(update.get(name, 0))))
        for name in _SECONDS:
            setattr(self, name, getattr(self, name) + sane(update.get(name, 0.0)))
        self.pause_max = max(self.pause_max, sane(update.get("pause_max", 0.0)))
        self.rate = sane(update.get("rate", self.rate))
        self.wanted = sane(update.get("wanted", self.wanted))
        self.max_cpu = sane(update.get("max_cpu", self.max_cpu))
        self.rss = int(sane(update.get("rss", self.rss), 1e18))
        self.threads = int(sane(update.get("threads", self.threads)))
        self.processes = int(sane(update.get("processes", self.processes)))
        self.unwatched = int(sane(update.get("unwatched", self.unwatched)))
        self.children = int(sane(update.get("children", 0)))
        self.children_cpu = sane(update.get("children_cpu", 0.0))
        self.calm = bool(update.get("calm", self.calm))


_COUNTS = (
    "ticks", "samples", "exact", "rejected", "unread", "late", "stops", "unwound", "unwind_failed", "missed",
)  # fmt: skip
_SECONDS = ("unseen", "pause", "cpu", "target_cpu", "gil_held", "lowered")


def sane(value: float, largest: float = 1e9) -> float:
    """Returns a figure that can be added up: 0 for one that is negative, absurd or not a number."""
    return value if 0 <= value <= largest else 0.0


def sane_time(value: float) -> float:
    return value if -1e12 <= value <= 1e12 else 0.0


class TimelinePoint(NamedTuple):
    """One second of the sparklines. `time`: engine clock at its end; the others are fractions of a core
    (cpu, wait may exceed 1), `native` a share of own time or None, `rss` bytes."""

    time: float
    cpu: float
    gil: float
    native: float | None
    wait: float
    rss: int


class Totals(NamedTuple):
    """Header figures of a query's window: cpu and gil_held (None without a GIL, or of several) per second
    of the clock; `wait` (for the GIL too) as a share of the threads' time without what they idled;
    `native`, `system`: shares of own time or None, `margin` how far they may be off; threads that
    were idle throughout, of all alive. `estimated`: no exact sample stands behind `native`, which
    includes the kernel's part then."""

    cpu: float
    gil_held: float | None
    wait: float
    native: float | None
    idle_threads: int
    threads: int
    duration: float
    system: float | None = None
    estimated: bool = False
    margin: float = 0.0
    foreign_threads: int = 0
    """Threads that run no Python."""


class Details(NamedTuple):
    """Who calls a row and what it calls: (label, share of the row's total), largest first."""

    callers: list[tuple[str, float]]
    callees: list[tuple[str, float]]


class LineHeat(NamedTuple):
    """A source line's shares of the query's time; `native`, `system` are parts of its own CPU time.

    `waiting`: the part of `own` that was not spent on a core (0..1).
    """

    own: float
    total: float
    native: float | None
    system: float = 0.0
    waiting: float = 0.0
