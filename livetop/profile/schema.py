"""Schema 1 of snapshots: the shape, the types and the bounds of the document; see `snapshot.py`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from livetop.profile.cells import STATES
from livetop.profile.text import printable

SCHEMA = 1
MAX_NODES = 200_000
MAX_CELLS = 2_000_000
MAX_BLOCKS = 1_000

Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Squared = Annotated[float, Meta(ge=0, le=1e15)]
Time = Annotated[float, Meta(ge=-1e12, le=1e12)]
Text = Annotated[str, Meta(max_length=100_000)]
StateNumber = Annotated[int, Meta(ge=0, lt=STATES)]

SavedCell = tuple[Id, Id, StateNumber, Id, Count, Seconds, Squared]


class Head(Struct, frozen=True):
    """What every schema has."""

    schema: Annotated[int, Meta(ge=1, le=2**31)]
    livetop: Text

    def printable_version(self) -> str:
        return printable(self.livetop)[:40]


class SavedProcess(Struct, frozen=True):
    id: Id
    pid: Id
    argv: list[Text]
    python: Text
    build: Text
    host: Text
    started: Time
    parent: Id = 0
    state: Text = "watched"
    reason: Text = ""
    was_read: bool | None = None


class SavedUse(Struct, frozen=True):
    own: Seconds = 0.0
    queued: Seconds = 0.0
    gil: Seconds = 0.0
    wait: Seconds = 0.0
    idle: Seconds = 0.0
    samples: Count = 0
    thread: Id = 0


class SavedThread(Struct, frozen=True):
    id: Id
    process: Id
    tid: Id
    name: Text
    state: Text
    use: SavedUse
    python: bool = True


class SavedBlock(Struct, frozen=True):
    t0: Time
    t1: Time
    gil_held: Seconds
    cells: list[SavedCell]
    uses: list[SavedUse]


class SavedSampling(Struct, frozen=True):
    duration: Seconds = 0.0
    ticks: Count = 0
    samples: Count = 0
    exact: Count = 0
    rejected: Count = 0
    unread: Count = 0
    late: Count = 0
    stops: Count = 0
    unseen: Seconds = 0.0
    pause: Seconds = 0.0
    pause_max: Seconds = 0.0
    cpu: Seconds = 0.0
    target_cpu: Seconds = 0.0
    gil_held: Seconds = 0.0
    rate: Seconds = 0.0
    rss: Count = 0
    threads: Count = 0
    calm: bool = True
    unwound: Count = 0
    unwind_failed: Count = 0
    processes: Count = 1
    unwatched: Count = 0
    missed: Count = 0
    children: Count = 0
    children_cpu: Seconds = 0.0
    wanted: Seconds = 0.0
    max_cpu: Seconds = 0.0
    lowered: Seconds = 0.0


class Document(Struct, frozen=True):
    """Schema 1; see `snapshot.py` for its description."""

    livetop: Text
    schema: int
    saved: Time
    processes: list[SavedProcess]
    sampling: SavedSampling
    files: list[tuple[Id, Text, Text]]
    functions: list[tuple[Id, Text, Id, Id, Text]]
    nodes: list[tuple[Id, Id, Id, Id]]
    threads: list[SavedThread]
    libraries: list[tuple[Id, Text]]
    blocks: Annotated[list[SavedBlock], Meta(max_length=MAX_BLOCKS)]
    sources: dict[Id, str] = field(default_factory=dict)
