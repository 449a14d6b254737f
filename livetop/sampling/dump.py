"""One stack of every thread, each at one instant."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from livetop.cpython.code import CodeReader
from livetop.cpython.regions import Shape
from livetop.cpython.runtime import Runtime
from livetop.cpython.stack import EMPTY, MISS, TORN, UNKNOWN, Outcome, StackReader
from livetop.cpython.thread_names import ThreadNames
from livetop.cpython.threads import ThreadState, read_interpreters, read_threads
from livetop.cpython.tree import Place, StackTree
from livetop.profile.states import State
from livetop.target.errors import AlreadyTraced, PermissionDenied, ThreadGone
from livetop.target.memory import RemoteMemory
from livetop.target.stop import Stopper
from livetop.target.tasks import RUNNING, Task, innermost_tids, list_tids
from livetop.target.vectored import VectoredRead

from .account import Account
from .attach import attach
from .waiting import waiting_name, waiting_state
from .watched import Watched

# A thread that cannot be stopped (it is deep in the kernel, or stops are off) is looked at so often.
_ATTEMPTS = 400
# Seconds to wait for a stop (the thread runs on meanwhile), before the next attempt after one that did not
# come, and at the end for those that come late.
_STOP = 0.1
_NAP = 0.001
_LATE = 1.0

_WORDS = {State.OWN: "running", State.GIL: "gil", State.WAIT: "wait", State.IDLE: "idle"}


def dump_process(pid: int, exact: bool = True) -> dict[str, Any]:
    """The object that `dump --json` prints; innermost frame first.

    With `exact`, running threads are stopped for the instant it takes to copy their stack. A thread whose
    stack could not be read has `frames` null. Raises TargetError.
    """
    process, memory, runtime = attach(pid, nonblocking=not exact)
    return _Dumper(process.pid, memory, runtime, exact).dump()


class _Dumper:
    def __init__(self, pid: int, memory: RemoteMemory, runtime: Runtime, exact: bool) -> None:
        self._pid = pid
        self._memory = memory
        self._runtime = runtime
        self._exact = exact
        self._shape = Shape(runtime.layout)
        self._tree = StackTree(CodeReader(memory, runtime.layout, runtime.code_type))
        self._read = VectoredRead(pid)
        self._names: dict[int, str] = {}
        self._stopper: Stopper | None = None

    def dump(self) -> dict[str, Any]:
        try:
            return self._dump()
        finally:
            if self._stopper is not None:
                self._stopper.close(_LATE)

    def _dump(self) -> dict[str, Any]:
        threads = []
        names = ThreadNames(self._memory, self._runtime.layout)
        tids = innermost_tids(self._pid, list_tids(self._pid))
        seen: set[int] = set()
        for interpreter in reversed(read_interpreters(self._memory, self._runtime)):
            self._names = names.read(interpreter)
            for state in reversed(read_threads(self._memory, self._runtime, interpreter, {})):
                tid = tids.get(state.tid)
                if tid is not None and tid not in seen:
                    seen.add(tid)
                    found = self._thread(state, tid)
                    if found is not None:
                        threads.append(found)
        return {"pid": self._pid, "python": self._runtime.identity.version, "threads": threads}

    def _thread(self, state: ThreadState, tid: int) -> dict[str, Any] | None:
        task = Task(self._pid, tid)
        try:
            return self._one(state, task)
        except ThreadGone:
            return None
        finally:
            task.close()

    def _one(self, state: ThreadState, task: Task) -> dict[str, Any] | None:
        now = self._tree.now = monotonic()
        reader = StackReader(self._memory, self._shape, self._tree, state.address)
        name = self._names.get(state.ident) or task.name()
        watched = Watched(state, reader, task, Account(now, (0, 0)), name)
        outcome: Place | Outcome = MISS
        syscall: bytes | None = RUNNING
        for _ in range(_ATTEMPTS):
            syscall = task.syscall()
            if syscall is None:
                return None
            outcome = self._look(watched, syscall)
            # It must be blocked in the same call before and after, or have stood still.
            settled = syscall == RUNNING or task.syscall() == syscall
            if (
                settled
                and outcome not in (MISS, TORN)
                and (type(outcome) is not Place or self._tree.confirm(outcome))
            ):
                break
        holds = self._holds_gil(state)
        waits = State.OWN
        if syscall is not None and syscall != RUNNING:
            waits = waiting_state(syscall, state.interpreter.gil, self._runtime.layout.gil_size)
        frames: list[dict[str, Any]] | None = None
        if type(outcome) is Place:
            frames = [
                {"file": code.file, "line": line, "function": code.name, "kind": "python"}
                for code, line in outcome.frames()
            ]
        elif outcome is EMPTY:
            frames = []
        return {
            "tid": task.tid,
            "name": name,
            "state": _WORDS[waits],
            "holds_gil": holds,
            "waiting_on": waiting_name(syscall, waits) or None
            if waits is not State.OWN and syscall
            else None,
            "frames": frames,
        }

    def _look(self, watched: Watched, syscall: bytes) -> Place | Outcome:
        if syscall != RUNNING:
            return watched.read_still(self._read)
        if not self._exact:
            return watched.read_double(self._read)
        if self._stopper is None:
            self._stopper = Stopper(self._pid)
        stopper = self._stopper
        try:
            if not stopper.stop(watched.tid, _STOP):
                # It is deep in the kernel, or waits for a core: look again a little later.
                sleep(_NAP)
                return TORN
            self._tree.held = True
            try:
                outcome = watched.read_still(self._read)
            finally:
                self._tree.held = False
                stopper.release()
        except (PermissionDenied, AlreadyTraced):
            self._exact = False
            return TORN
        return watched.parse_again(self._read, self._tree) if outcome is UNKNOWN else outcome

    def _holds_gil(self, state: ThreadState) -> bool:
        o = self._runtime.layout
        gil = state.interpreter.gil
        holder = int.from_bytes(self._memory.read(gil + o.gil_last_holder, 8), "little")
        locked = int.from_bytes(self._memory.read(gil + o.gil_locked, 4), "little", signed=True)
        return locked == 1 and holder == state.address
