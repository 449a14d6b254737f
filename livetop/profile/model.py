"""The model of what a process did: definitions in, per-second cells in, tables out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from livetop.profile.info import (
    Details,
    LineHeat,
    ProcessInfo,
    SamplingTotals,
    ThreadInfo,
    ThreadUse,
    TimelinePoint,
    Totals,
)
from livetop.profile.rows import Key, Query, Table

CellTuple = tuple[int, int, int, int, int, float, float]
"""(node, thread, state, library, count, weight in seconds, squared in seconds²), in model ids."""

UseTuple = tuple[int, str, float, float, float, float, float, int, bool]
"""(thread, state, own, queued, gil, wait, idle, samples, holds_gil): seconds, in model ids."""


class Profile:
    """One or more processes' time. All ids are the model's own, positive, and never used twice."""

    processes: dict[int, ProcessInfo]
    threads: dict[int, ThreadInfo]
    sampling: SamplingTotals
    sources: dict[int, str]

    def __init__(self, node_cap: int = 10_000) -> None:
        raise NotImplementedError

    def define_process(
        self, pid: int, argv: list[str], python: str, build: str, host: str, started: float
    ) -> int:
        """Returns the id of this process (a new one each time: a pid may be used again)."""
        raise NotImplementedError

    def define_file(self, name: str, module: str) -> int:
        """Returns the id of a source file; the same pair gives the same id."""
        raise NotImplementedError

    def define_function(self, name: str, file: int, first_line: int, kind: str = "python") -> int:
        """Returns the id of a function; the same arguments give the same id."""
        raise NotImplementedError

    def define_node(self, parent: int, function: int, line: int) -> int:
        """Returns the id of a place in the call tree; parent 0, function 0, line PROCESS ID is a root."""
        raise NotImplementedError

    def define_thread(self, process: int, tid: int, name: str) -> int:
        """Returns the id of a live thread; called again with the same process and tid it renames."""
        raise NotImplementedError

    def define_library(self, name: str) -> int:
        """Returns the id of a library."""
        raise NotImplementedError

    def file_name(self, file: int) -> str:
        """Returns the name the target knows a file by, "" when unknown."""
        raise NotImplementedError

    def add(
        self,
        t0: float,
        t1: float,
        cells: Iterable[CellTuple],
        threads: Iterable[UseTuple],
        sampling: Mapping[str, float],
    ) -> None:
        """Adds what happened between t0 and t1 (engine clock)."""
        raise NotImplementedError

    def set_source(self, file: int, text: str) -> None:
        """Keeps the text of a file for the source pane, snapshots and diffs (oldest go when too many)."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forgets all time so far; definitions, threads and the timeline stay."""
        raise NotImplementedError

    def rows(self, query: Query) -> Table:
        """Returns the table of a query."""
        raise NotImplementedError

    def row_details(self, key: Key, query: Query) -> Details:
        """Returns callers and callees of a line or function."""
        raise NotImplementedError

    def heat(self, target: int | Key, query: Query) -> dict[int, LineHeat]:
        """Returns line -> heat of a whole file (a file id) or of one function (the key of its row)."""
        raise NotImplementedError

    def timeline(self, seconds: int = 60) -> list[TimelinePoint]:
        """Returns one point a second, oldest first, at most 600."""
        raise NotImplementedError

    def totals(self, query: Query) -> Totals:
        """Returns the header's figures."""
        raise NotImplementedError

    def thread_use(self, window: float | None) -> dict[int, ThreadUse]:
        """Returns what each thread did in a window (None: since the reset)."""
        raise NotImplementedError

    @property
    def duration(self) -> float:
        """Seconds since the reset."""
        raise NotImplementedError
