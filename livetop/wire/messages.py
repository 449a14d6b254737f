"""Every message of the protocol, and nothing else.

All times are the engine's monotonic clock, in seconds; `Hello` carries the anchor that turns them
into wall-clock time. Ids are positive, given by the engine, and never used twice in one session;
0 means none. Text from the target has been escaped by the engine (no control characters, no lone
surrogates), but whoever draws it still treats it as plain text, never as markup.
"""

from __future__ import annotations

from msgspec import Struct

PROTOCOL = 1


# ---------------------------------------------------------------- engine to interface


class Process(Struct, frozen=True, array_like=True):
    """A process that is read, or a child of it. `started` is Unix time; `python` is like "3.12.1".

    Sent again, with the same id, when something of it changes. `parent` is a PID, 0 for the process that was
    asked for. `state`: watched, gone (it has ended), starting, unreadable (a Python that is not read) or
    other (it runs no Python); `reason` says why in the last two, and what there is to beware of in the first.
    """

    id: int
    pid: int
    argv: list[str]
    python: str
    build: str
    host: str
    started: float
    exe: str = ""
    parent: int = 0
    state: str = "watched"
    reason: str = ""


class Hello(Struct, frozen=True, tag="hello"):
    """The first message: who speaks, what it can do, and what its clock means."""

    version: str
    protocol: int
    capabilities: list[str]
    monotonic: float
    wall: float
    processes: list[Process]


class File(Struct, frozen=True, array_like=True):
    """A source file: `name` as the target names it, `module` short and relative (app/parse.py)."""

    id: int
    name: str
    module: str


class Function(Struct, frozen=True, array_like=True):
    """A code object's identity. `kind`: python, native, or special ([unseen], [gc])."""

    id: int
    name: str
    file: int
    first_line: int
    kind: str = "python"


class Node(Struct, frozen=True, array_like=True):
    """A place in the call tree: a line of a function, called from `parent`.

    `parent` 0: a root. The roots are processes (`function` 0, `line` is the process id).
    """

    id: int
    parent: int
    function: int
    line: int


class Thread(Struct, frozen=True, array_like=True):
    """An OS thread. Sent again, with the same id, when its name changes."""

    id: int
    process: int
    tid: int
    name: str
    python: bool = True
    """Whether it runs Python: it has a thread state."""


class Defs(Struct, frozen=True, tag="defs"):
    """New things that later messages refer to. `reset`: forget all earlier files, functions, nodes."""

    reset: bool = False
    processes: list[Process] = []
    files: list[File] = []
    functions: list[Function] = []
    nodes: list[Node] = []
    threads: list[Thread] = []
    libraries: list[tuple[int, str]] = []


class Cell(Struct, frozen=True, array_like=True):
    """What one (node, thread, state, library) gained; `weight` seconds, `squared` seconds².

    `library` is what the seconds went to: of native time the library whose code ran, of waiting (gil, wait,
    idle) the reason, both by name in `Defs.libraries`; 0 where it is not known.
    """

    node: int
    thread: int
    state: int
    library: int
    count: int
    weight: float
    squared: float


class ThreadUse(Struct, frozen=True, array_like=True):
    """What one thread did between t0 and t1, in seconds, as the kernel accounts for it.

    own + queued + gil + wait = t1 - t0 while the thread lived; idle is a part of wait. `state` is
    the last one seen: running, gil, wait, idle, or gone.
    """

    thread: int
    state: str
    own: float
    queued: float
    gil: float
    wait: float
    idle: float
    samples: int
    holds_gil: bool = False


class Sampling(Struct, frozen=True):
    """How the engine fared between t0 and t1: counts and seconds of this stretch, gauges as they are."""

    ticks: int = 0
    samples: int = 0
    exact: int = 0
    rejected: int = 0
    unread: int = 0
    late: int = 0
    unseen: float = 0.0
    pause: float = 0.0
    pause_max: float = 0.0
    stops: int = 0
    cpu: float = 0.0
    target_cpu: float = 0.0
    gil_held: float = 0.0
    rate: float = 0.0
    """Gauge: the rate aimed at now, in Hz (the governor may have lowered it)."""
    rss: int = 0
    """Gauge: the target's resident memory, in bytes."""
    threads: int = 0
    """Gauge: OS threads of the target."""
    calm: bool = True
    """Gauge: False while optimistic samples of a busy thread are set aside as biased."""
    unwound: int = 0
    """C stacks of exact samples that were read as far as the verdict needs: down to the eval frame."""
    unwind_failed: int = 0
    """C stacks that ended before it: their verdict rests on less."""
    processes: int = 1
    """Gauge: processes that are watched."""
    unwatched: int = 0
    """Gauge: children that live and are not watched."""
    missed: int = 0
    """Children that ended before they could be read."""
    children: int = 0
    """Gauge, without `subprocesses`: descendants that live, as long as the target itself is nearly idle."""
    children_cpu: float = 0.0
    """Gauge: the cores that those use."""
    wanted: float = 0.0
    """Gauge: the rate asked for, in Hz."""
    max_cpu: float = 0.0
    """Gauge: what the engine may use, of a core: where that is too little the rate is lowered."""
    lowered: float = 0.0
    """Seconds in which the rate was lowered."""


class Delta(Struct, frozen=True, tag="delta"):
    """What changed between t0 and t1. Stretches follow each other without a gap."""

    sequence: int
    t0: float
    t1: float
    cells: list[Cell]
    threads: list[ThreadUse]
    sampling: Sampling


class Event(Struct, frozen=True, tag="event"):
    """Something that happened: `kind` is born, gone, exec, exit, child, degraded, throttled or note."""

    time: float
    kind: str
    text: str
    thread: int = 0


class Source(Struct, frozen=True, tag="source"):
    """The text of a file, or why it cannot be had (`text` is None then)."""

    file: int
    text: str | None
    error: str = ""


class Task(Struct, frozen=True, array_like=True):
    """One asyncio task, or one greenlet (`kind`). `id`: no other that is there at the same time has it.

    `state`: running, ready, waiting or parked; `waits_for`: "" unless it waits. `frames`: (function, id of
    its file, line) of the coroutines that it is in, innermost first; `frames_left_out` of them at the outer
    end. `awaited_by`: names of some that wait for it. `share` is its part of the samples of running threads
    lately, 0..1, None when it is not known; `tid` the thread that runs it, 0 when that is not known.
    """

    id: int
    process: int
    name: str
    kind: str
    state: str
    waits_for: str
    frames: list[tuple[str, int, int]]
    frames_left_out: int
    awaited_by: list[str]
    share: float | None
    tid: int


class Tasks(Struct, frozen=True, tag="tasks"):
    """The tasks of all processes, about once a second while they are asked for.

    `total`: how many there are, at least, unless `whole`; `note`: why there are none, or "".
    """

    tasks: list[Task]
    total: int
    whole: bool
    note: str = ""


class Dump(Struct, frozen=True, tag="dump"):
    """One stack of every thread, as the JSON object that `dump --json` prints."""

    data: bytes


class Bye(Struct, frozen=True, tag="bye"):
    """The last message. `code` is the exit code of the design; `text` one line for the user."""

    code: int
    text: str


# ---------------------------------------------------------------- interface to engine


class Configure(Struct, frozen=True, tag="configure"):
    """What to do. The first one names the target; later ones change the rest on the fly.

    Exactly one of `pid`, `name`, `run` is set in the first. `action` is sample or dump.
    `max_pause` and `max_cpu` are fractions (0.01 is 1 %); rate in Hz.
    """

    action: str = "sample"
    pid: int = 0
    name: str = ""
    run: list[str] = []
    run_output: str = ""
    rate: float = 100.0
    max_pause: float = 0.01
    max_cpu: float = 0.05
    nonblocking: bool = False
    native: str = "split"
    """none, split (python, native and system of each line) or frames (C frames in the call tree, too)."""
    subprocesses: bool = False
    """Whether the target's descendants are watched, too."""
    by_task: bool = False
    """Whether stacks begin with the asyncio task that runs them. Only the first one says so."""
    list_tasks: bool = False
    """Whether `Tasks` are sent."""


class Credit(Struct, frozen=True, tag="credit"):
    """The interface can take `deltas` more, from now; also the sign that it is alive."""

    deltas: int


class NeedSource(Struct, frozen=True, tag="need_source"):
    """Asks for the text of a file."""

    file: int


class Stop(Struct, frozen=True, tag="stop"):
    """Asks the engine to detach, send what it has left, say Bye and end."""


FromEngine = Hello | Defs | Delta | Event | Source | Tasks | Dump | Bye
ToEngine = Configure | Credit | NeedSource | Stop
