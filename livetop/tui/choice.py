"""What the user has chosen to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from livetop.profile.info import ThreadInfo
from livetop.profile.rows import By, Mode, Query

MODES: tuple[Mode, ...] = get_args(Mode)
REFRESH_RATES = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(slots=True)
class Choice:
    """One screen's choices; the keys change them and the next refresh shows them."""

    view: str = "lines"
    sort: str = "own_share"
    inverted: bool = False
    filter: str = ""
    thread: int | None = None
    """The model's id of the only thread to show; None is all."""
    last_thread: int | None = None
    process: int | None = None
    """The model's id of the only process to show; None is all."""
    per_process: bool = False
    """A row for each process that runs a line; otherwise one for all."""
    foreign: bool = False
    """Threads that run no Python are listed among threads, used or not."""
    recent: bool = True
    """Shares of the window; otherwise of everything since the reset."""
    window: float = 5.0
    mode: Mode = "cpu"
    idle: bool = False
    frozen: bool = False
    follow: bool = True
    trend: bool = True
    refresh: float = 4.0

    def query(self, by: By) -> Query:
        """The query whose shares are shown."""
        return self._query(by, self.window if self.recent else None)

    def since_reset(self, by: By) -> Query:
        """The same of everything since the reset: the OWN and TOTAL columns."""
        return self._query(by, None)

    def whole(self, live: bool) -> Query:
        """The process as a whole, for the header: all threads, lately (at all, when nothing more comes)."""
        return Query(window=self.window if live else None, mode=self.mode, idle=self.idle)

    def _query(self, by: By, window: float | None) -> Query:
        threads = None if self.thread is None else frozenset((self.thread,))
        return Query(
            by=by,
            window=window,
            mode=self.mode,
            threads=threads,
            idle=self.idle,
            process=self.process if by != "process" else None,
            per_process=self.per_process,
        )

    def next_mode(self, *, gil: bool = True) -> None:
        """`gil`: whether there is a GIL, so that time holding it can be shown."""
        modes = [mode for mode in MODES if gil or mode != "gil"]
        self.mode = modes[(modes.index(self.mode) + 1) % len(modes)] if self.mode in modes else modes[0]

    def toggle_gil(self) -> None:
        self.mode = "cpu" if self.mode == "gil" else "gil"

    def toggle_idle(self) -> None:
        """Idle time is a part of wall time only, so asking for it asks for wall mode too."""
        self.idle = not (self.idle and self.mode == "wall")
        if self.idle:
            self.mode = "wall"

    def step_thread(self, threads: Sequence[int], step: int) -> None:
        """Goes round: all, the first thread, ..., the last one, all."""
        stops: list[int | None] = [None, *threads]
        at = stops.index(self.thread) if self.thread in stops else 0
        self.thread = stops[(at + step) % len(stops)]
        if self.thread is not None:
            self.last_thread = self.thread

    def toggle_thread(self, threads: Sequence[int]) -> None:
        """All threads, or the one looked at last (the first, before there was one)."""
        if self.thread is not None:
            self.thread = None
        elif threads:
            self.thread = self.last_thread if self.last_thread in threads else threads[0]
            self.last_thread = self.thread

    def choose_process(self, process: int | None) -> None:
        """Shows one process only, or all of them."""
        self.process = process
        self.thread = self.last_thread = None

    def step_refresh(self, step: int) -> None:
        rates = REFRESH_RATES
        nearest = min(range(len(rates)), key=lambda index: abs(rates[index] - self.refresh))
        self.refresh = rates[max(0, min(len(rates) - 1, nearest + step))]

    @property
    def window_label(self) -> str:
        return f"{self.window:g} s" if self.recent else "since reset"

    @property
    def mode_label(self) -> str:
        return f"{self.mode}+idle" if self.idle and self.mode == "wall" else self.mode


def selectable(
    threads: Mapping[int, ThreadInfo], chosen: int | None, process: int | None = None
) -> list[int]:
    """Ids of the threads to step through, by OS thread id: the live ones and the one chosen.

    `process`: of this one only.
    """
    alive = [
        thread
        for thread in threads.values()
        if (thread.state != "gone" or thread.id == chosen)
        and (thread.is_listed or thread.id == chosen)
        and process in (None, thread.process)
    ]
    return [thread.id for thread in sorted(alive, key=lambda thread: (thread.process, thread.tid))]


def find_thread(threads: Mapping[int, ThreadInfo], wanted: str) -> int | None:
    """The thread that has this OS thread id, or else this text in its name; None when there is none."""
    for thread in threads.values():
        if str(thread.tid) == wanted:
            return thread.id
    for thread in threads.values():
        if wanted.casefold() in thread.name.casefold():
            return thread.id
    return None
