"""A small worker process in a real model, the same at every run, and a session over it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from textual.widget import Widget

from livetop.profile.info import TaskFrame, TaskList, TaskState
from livetop.profile.model import Profile
from livetop.profile.states import State
from livetop.session.protocol import Happening
from livetop.session.source_lines import SourceLines
from livetop.tui.app import LivetopApp
from livetop.tui.settings import Settings

PARSE = '''"""Turns orders into tokens."""

import re
from collections.abc import Iterator


class Tokenizer:
    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def tokenize(self, text: str) -> Iterator[str]:
        """Every token of a text, in order."""
        position = 0
        size = len(text)
        while position < size:
            match = self._pattern.match(text, position)
            if match is None:
                raise ValueError(f"no token at {position}")
            kind = match.lastgroup
            yield f"{kind}:{match.group()}"
            position = match.end()

    def reparse(self, text: str) -> list[str]:
        return [token for token in self.tokenize(text)]


def clean(text: str) -> str:
\treturn text.strip()  # a tab stands in front of this line
'''

SYSTEM = "[system]"

FILES = {
    "/srv/app/parse.py": "app/parse.py",
    "/srv/app/index.py": "app/index.py",
    "/srv/app/io.py": "app/io.py",
    "/srv/app/worker.py": "app/worker.py",
    "/usr/lib/python3/sqlalchemy/orm/session.py": "sqlalchemy/orm/session.py",
    "/srv/app/表示.py": "app/表示.py",
}

# (caller's function or "", function, its first line, file, line, seconds of a second, its split: parts of
# those that were native by library, and system; what it waits for: seconds of a second by reason)
PLACES: tuple[tuple[str, str, int, str, int, float, dict[str, float], dict[str, float]], ...] = (
    ("", "handle", 190, "/srv/app/worker.py", 203, 0.066, {}, {}),
    ("handle", "tokenize", 11, "/srv/app/parse.py", 16, 0.410, {"python builtins: _sre": 0.71, "libc": 0.25},
     {"GIL": 0.08}),
    ("handle", "tokenize", 11, "/srv/app/parse.py", 15, 0.012, {}, {}),
    ("handle", "tokenize", 11, "/srv/app/parse.py", 19, 0.013, {"libc": 0.4}, {}),
    ("reparse", "tokenize", 11, "/srv/app/parse.py", 20, 0.021, {}, {}),
    ("handle", "reparse", 23, "/srv/app/parse.py", 24, 0.004, {}, {}),
    ("handle", "build_index", 60, "/srv/app/index.py", 77, 0.194, {"libc": 0.03},
     {"GIL": 0.21, "lock": 0.02}),
    ("build_index", "Index.add", 31, "/srv/app/index.py", 40, 0.081, {"numpy/_multiarray_umath": 0.6}, {}),
    ("build_index", "Index.<listcomp>", 44, "/srv/app/index.py", 44, 0.033, {}, {}),
    ("handle", "load_body", 20, "/srv/app/io.py", 41, 0.126, {"libc": 0.2, "libz": 0.22, SYSTEM: 0.5},
     {"read of /srv/data/orders.json": 0.17, "GIL": 0.05}),
    ("handle", "Session.execute", 2240, "/usr/lib/python3/sqlalchemy/orm/session.py", 2365, 0.080,
     {"libssl": 0.35, SYSTEM: 0.12}, {"recv on 10.0.0.5:5432": 0.10}),
    ("handle", "描画する", 7, "/srv/app/表示.py", 12, 0.052, {"libfreetype": 0.9}, {}),
    ("描画する", "[bold]markup[/bold]", 30, "/srv/app/表示.py", 33, 0.019, {}, {}),
)  # fmt: skip


def sample_profile(seconds: int = 160, *, split: str = "exact") -> Profile:
    """A profile of so many seconds; every call gives the same.

    `split`: what is known of native time: exact, estimated or none.
    """
    chance = random.Random(4242)
    profile = Profile()
    process = profile.define_process(
        4242, ["/usr/bin/python3", "worker.py", "--queue", "hi"], "3.12.4", "x86-64", "db1", 1.7e9
    )
    files = {name: profile.define_file(name, module) for name, module in FILES.items()}
    profile.set_source(files["/srv/app/parse.py"], PARSE)
    names = ["MainThread", "worker-1", "worker-2", *(f"pool-{number}" for number in range(6))]
    threads = [profile.define_thread(process, 4242 + index, name) for index, name in enumerate(names)]
    root = profile.define_node(0, 0, process)
    places: list[tuple[int, float, dict[str, float], dict[str, float]]] = []
    last_node: dict[str, int] = {"": root}
    for caller, name, first, file, line, own, parts, waits in PLACES:
        function = profile.define_function(name, files[file], first)
        node = profile.define_node(last_node.get(caller, root), function, line)
        places.append((node, own, parts, waits))
        last_node[name] = node
    unseen = profile.define_node(root, profile.define_function("[unseen]", 0, 0, "special"), 0)
    for second in range(seconds):
        cells, busy = [], 0.0
        load = 0.9 + 0.35 * math.sin(second / 4) + 0.15 * math.sin(second / 1.7)
        for index, (node, own, parts, waits) in enumerate(places):
            thread = threads[index % 3]
            share = own * load * chance.uniform(0.8, 1.2)
            busy += share
            cells.append((node, thread, State.OWN, 0, int(share * 100) + 1, share, share * 0.01))
            for reason, wait in waits.items():
                state = State.GIL if reason == "GIL" else State.WAIT
                library = profile.define_library(reason)
                cells.append((node, thread, state, library, int(wait * 100), wait, wait * 0.01))
            cells += evidence(profile, chance, node, thread, share, parts, split)
        cells.append((unseen, threads[0], State.OWN, 0, 1, 0.004, 0.00002))
        uses = [
            (thread, "running" if index < 3 else "idle", busy / 3 if index < 3 else 0.0, 0.0, 0.0,
             1 - busy / 3 if index < 3 else 1.0, 0.0 if index < 3 else 1.0, 100, index == 0)
            for index, thread in enumerate(threads)
        ]  # fmt: skip
        profile.add(second, second + 1.0, cells, uses, {
            "ticks": 100, "samples": 300, "exact": 12, "rejected": 4, "unread": 1, "late": 1, "stops": 12,
            "unseen": 0.001, "pause": 0.0004, "pause_max": 0.00005, "cpu": 0.016, "target_cpu": busy,
            "unwound": 11, "unwind_failed": second % 3 // 2, "gil_held": 0.62, "rate": 100.0,
            "rss": (300 + second % 60 * 3) * 2**20, "threads": len(threads),
        })  # fmt: skip
    return profile


# name, state, share, what it waits for, (function, file, line) innermost first, who awaits it
TASKS: tuple[tuple[str, str, float, str, tuple[tuple[str, str, int], ...], tuple[str, ...]], ...] = (
    ("reindex", "running", 0.412, "", (("build_index", "/srv/app/index.py", 77),), ("main",)),
    ("worker-1", "ready", 0.081, "", (("tokenize", "/srv/app/parse.py", 15),
                                      ("handle", "/srv/app/worker.py", 203)), ()),
    ("worker-2", "waiting", 0.02, "Queue.get", (("Queue.get", "/usr/lib/python3/asyncio/queues.py", 158),
                                               ("handle", "/srv/app/worker.py", 203)), ()),
    ("main", "waiting", 0.0, "gather of 2", (("main", "/srv/app/worker.py", 240),), ()),
    ("Task-17", "waiting", 0.0, "sleep(30)", (("sleep", "/usr/lib/python3/asyncio/tasks.py", 665),
                                              ("handle", "/srv/app/worker.py", 203)), ("main",)),
    ("表示 [bold]refresh[/bold]", "waiting", 0.0, "Lock.acquire", (("描画する", "/srv/app/表示.py", 12),),
     ("worker-1", "worker-2")),
    ("no place", "waiting", 0.0, "Future", (), ()),
)  # fmt: skip


def sample_tasks(profile: Profile, copies: int = 1) -> TaskList:
    """The tasks of the sample; of several `copies` all but the first have a number behind their name."""
    process = next(iter(profile.processes))
    modules = FILES | {
        "/usr/lib/python3/asyncio/queues.py": "asyncio/queues.py",
        "/usr/lib/python3/asyncio/tasks.py": "asyncio/tasks.py",
    }
    states = []
    for copy in range(copies):
        for name, state, share, waits, frames, by in TASKS:
            found = tuple(
                TaskFrame(function, profile.define_file(file, modules[file]), line)
                for function, file, line in frames
            )
            called = f"{name} {copy}" if copy else name
            states.append(
                TaskState(
                    len(states) + 1, process, called, "task", state, waits, found, 0, by, share / copies, 4242
                )
            )
    return TaskList(tuple(states), len(states), True, "")


def evidence(
    profile: Profile, chance: random.Random, node: int, thread: int, seconds: float, parts: dict[str, float],
    split: str,
) -> list[Any]:  # fmt: skip
    """Cells that say what the seconds of a place were, about one sample in five of those it had."""
    if split == "none":
        return []
    guessed = split == "estimated"
    python, native = (
        (State.ESTIMATED_PYTHON, State.ESTIMATED_NATIVE) if guessed else (State.PYTHON, State.NATIVE)
    )
    cells = []
    for name, part in [*parts.items(), ("", 1.0 - sum(parts.values()))]:
        state = python if not name else State.SYSTEM if name == SYSTEM and not guessed else native
        weight = seconds * part * (1.0 if guessed else 0.2) * chance.uniform(0.7, 1.3)
        library = profile.define_library(name) if state == State.NATIVE else 0
        if weight:
            cells.append((node, thread, state, library, int(weight * 100) + 1, weight, weight * 0.01))
    return cells


class SampleSession:
    """A session that says what a test wants it to. Implements `livetop.session.protocol.Session`."""

    def __init__(
        self, profile: Profile | None = None, *, ended: str | None = None, live: bool = True
    ) -> None:
        self.profile = sample_profile() if profile is None else profile
        self._lines = SourceLines(self.profile)
        self.ended, self.live, self.greeted = ended, live and ended is None, True
        self.events: Sequence[Happening] = ()
        self.origin = self.output = ""
        self.credits = 0
        self.wanted: list[int] = []
        self.reason = "no such file in the target's root"
        self.applied: list[object | None] = []

    def read(self) -> object | None:
        return None

    def apply(self, message: object | None) -> None:
        self.applied.append(message)
        if callable(message):
            message(self)

    def credit(self, deltas: int = 1) -> None:
        self.credits += deltas

    def source(self, file: int) -> list[str] | None:
        return self._lines.get(file)

    def source_error(self, file: int) -> str:
        return "" if file in self.profile.sources else self.reason

    def request_source(self, file: int) -> None:
        if file not in self.wanted:
            self.wanted.append(file)

    def configure(self, **changes: object) -> None:
        self.changes = changes

    def stop(self) -> None:
        self.live = False

    def close(self) -> None:
        self.live = False


class HeldClock:
    """A clock that a test moves."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def drawn(widget: Widget) -> str:
    """The text that a widget shows."""
    return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


def sample_app(session: SampleSession | None = None, **settings: Any) -> LivetopApp:
    """An app whose clock stands still, over the sample."""
    held: dict[str, Any] = {"clock": HeldClock(), "cpu_clock": HeldClock(0.0), "refresh": 4.0}
    return LivetopApp(session or SampleSession(), Settings(**(held | settings)))
