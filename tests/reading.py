"""Single samples of a live target, with and without stopping it, by the parts the engine is made of."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from livetop.cpython.code import CodeReader
from livetop.cpython.native_ids import NativeIds
from livetop.cpython.outcome import TORN, Outcome
from livetop.cpython.readers import make_reader, make_shape
from livetop.cpython.threads import read_interpreters, read_threads
from livetop.cpython.tree import Place, StackTree
from livetop.sampling.account import Account
from livetop.sampling.attach import attach
from livetop.sampling.exact import ExactReader
from livetop.sampling.watched import Watched
from livetop.target.tasks import Task, list_tids
from livetop.target.vectored import VectoredRead

Stack = list[tuple[str, str, int]]
"""(file, function, line), innermost first."""


class OneThread:
    """Samples one thread of a process, the main one by default."""

    def __init__(self, pid: int, tid: int = 0) -> None:
        self.process, memory, self.runtime = attach(pid, nonblocking=False)
        runtime = self.runtime
        self.tree = StackTree(CodeReader(memory, runtime.layout, runtime.code_type))
        self.read = VectoredRead(pid)
        self.stops = ExactReader(pid)
        self.paused = 0.0
        ids = NativeIds(memory, lambda: list_tids(pid))
        for interpreter in read_interpreters(memory, runtime):
            for state in read_threads(memory, runtime, interpreter, {}, ids)[0]:
                if state.tid == (tid or pid):
                    reader = make_reader(memory, make_shape(runtime.layout), self.tree, state.address)
                    account = Account(monotonic(), (0, 0))
                    self.watched = Watched(state, reader, Task(pid, state.tid), account, "")

    def optimistic(self) -> Place | Outcome:
        """Two copies that must agree; the thread runs on."""
        self.tree.now = monotonic()
        outcome = self.watched.read(self.read, double=True)
        if type(outcome) is Place and not self.tree.confirm(outcome):
            return TORN
        return outcome

    def exact(self) -> Place | Outcome | None:
        """The thread is stopped for it; None when it did not stop in time."""
        now = self.tree.now = monotonic()
        still = self.stops.read(self.watched, self.read, now, 1.0)
        self.paused += self.stops.take_pause()[0]
        if still is None:
            return None
        outcome = still.outcome
        if type(outcome) is Place and not self.tree.confirm(outcome):
            return TORN
        return outcome

    def close(self) -> None:
        self.stops.close()
        self.watched.task.close()


def stack(place: Place) -> Stack:
    return [(code.file, code.name, line) for code, line in place.frames()]


class Possible:
    """Tells stacks of tests/programs/calls.py that can exist from those that cannot, by what it said."""

    def __init__(self, facts: dict) -> None:
        self.file = facts["file"]
        self.lines = {name: frozenset(lines) for name, lines in facts["lines"].items()}
        self.calls = {int(line): frozenset(names) for line, names in facts["calls"].items()}

    def why_not(self, frames: Iterable[tuple[str, str, int]]) -> str:
        """Why a stack (innermost first) cannot exist; "" when it can."""
        frames = [*frames]
        if not frames or frames[-1][1] != "<module>":
            return "it does not begin in the module"
        inner = None
        for file, name, line in frames:
            if file != self.file:
                return f"{file} is not the program"
            if line not in self.lines.get(name, ()):
                return f"{name} has no line {line}"
            if inner is not None and inner not in self.calls.get(line, ()):
                return f"{name}:{line} does not call {inner}"
            inner = name
        return ""
