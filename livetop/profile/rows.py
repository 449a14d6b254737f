"""What the model answers with: a query, and the table of rows that comes back.

Times are seconds, shares are 0..1, and a figure that is not known is None, never a guess.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

Key = tuple[str | int, ...]
"""A row's identity, the same in every table of one profile: ("line", process, function, line),
("function", process, function), ("library", library), ("thread", thread), ("process", process) or
("task", function), in model ids. `process` of a line or function is 0 where the rows of all processes are
one, `function` of a task is 0 where there is no task."""

By = Literal["line", "function", "library", "thread", "process", "task"]
Mode = Literal["cpu", "wall", "gil"]


class Query(Struct, frozen=True):
    """Which table is wanted. Hashable; equal queries share one running sum.

    `window`: the last so many seconds; None is everything since the reset. `threads`: model ids, None is
    all. `idle`: wall mode counts the time threads are parked too, and other modes also list lines that
    only ever wait. `process`: a model id, None is all; `per_process`: a line that several processes run is a
    row for each of them.
    """

    by: By = "line"
    window: float | None = 5.0
    mode: Mode = "cpu"
    threads: frozenset[int] | None = None
    idle: bool = False
    process: int | None = None
    per_process: bool = False


class Row(Struct, frozen=True):
    """One line, function, library, thread, process or task.

    `task` is the one that all of a line's own time was spent in, None for several or none. A task's total is
    its own and that of those it awaits.

    `own` and `total` are seconds of the query's mode (cpu: CPU time; wall: own + queued + gil + wait,
    without idle unless asked for; gil: holding the GIL). `python`, `native`, `system` split the row's own
    CPU time and are None without evidence of it (`system` also with `estimated`); `gil`, `wait` (which
    includes `idle`) and `idle` are wall seconds spent on the row itself. `own_low`, `own_high`: 95 %
    interval of `own_share`. `samples` counts the row's own samples in this mode; `exact` those with the
    thread stood still. `process` is a PID, None where several share the row.
    """

    key: Key
    file: str
    line: int | None
    function: str
    module: str
    process: int | None
    task: str | None
    own: float
    total: float
    own_share: float
    total_share: float
    own_low: float | None = None
    own_high: float | None = None
    python: float | None = None
    native: float | None = None
    system: float | None = None
    gil: float = 0.0
    wait: float = 0.0
    idle: float = 0.0
    native_share: float | None = None
    native_low: float | None = None
    native_high: float | None = None
    libraries: dict[str, float] = {}
    samples: int = 0
    exact: int = 0
    kind: str = "python"
    """python, native or special ([unseen], [unread], [other], [gc]); "library", "thread", "process" or "task"
    in those tables."""
    file_id: int = 0
    function_id: int = 0
    tid: int | None = None
    """The OS thread's id, in thread tables."""
    waits: dict[str, float] = {}
    """What gil and wait (idle included) were for: seconds by reason."""
    estimated: bool = False
    """The split is an estimate from the opcode alone: no exact sample could be had (`system` is None then,
    and native includes it)."""
    processes: dict[int, float] = {}
    """PID -> seconds of the total, where several processes were read."""
    off_core: float = 0.0
    """The part of `own` that was not spent on a core, in seconds: queued, gil and wait, of wall time only."""

    @property
    def native_margin(self) -> float | None:
        """How far `native_share` may be off, to the worse side of its interval."""
        if self.native_share is None or self.native_low is None or self.native_high is None:
            return None
        return max(self.native_share - self.native_low, self.native_high - self.native_share)

    @property
    def system_share(self) -> float | None:
        """The kernel's share of the row's own CPU time."""
        if self.system is None or self.python is None or self.native is None:
            return None
        cpu = self.python + self.native + self.system
        return self.system / cpu if cpu else 0.0


class Table(Struct, frozen=True):
    """Rows by own time, largest first.

    `seconds`: what the shares are of (the selected threads' time in this mode). `duration`: seconds of
    the clock that were looked at. `native_known`: some row has a python / native / system split;
    `estimated`: some row's is an estimate.
    """

    query: Query
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    duration: float = 0.0
    native_known: bool = False
    estimated: bool = False
    processes: frozenset[int] = frozenset()
    """PIDs of the processes that were read."""

    def find(self, key: Key) -> Row | None:
        """Returns the row with this identity, or None."""
        return next((row for row in self.rows if row.key == key), None)
