"""One stack of every thread, each at one instant."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from livetop.cpython.code import CodeReader
from livetop.cpython.native_ids import NativeIds
from livetop.cpython.nesting import Nesting, holder_of
from livetop.cpython.no_python import NoPython, no_state
from livetop.cpython.outcome import EMPTY, Outcome
from livetop.cpython.readers import Reader, make_reader, make_shape
from livetop.cpython.runtime import Runtime
from livetop.cpython.thread_names import ThreadNames
from livetop.cpython.threads import MAX_THREADS, ThreadState, read_interpreters, read_threads
from livetop.cpython.tree import Place, StackTree
from livetop.profile.states import State
from livetop.target.errors import ThreadGone
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process
from livetop.target.tasks import RUNNING, Task, innermost_tids, list_tids
from livetop.target.vectored import VectoredRead

from .account import Account
from .attach import attach
from .c_stacks import CStacks
from .collecting import collection, collector_below, set_off_here
from .counters import Counters
from .dumped_frames import dumped_frames
from .exact import ExactReader
from .reasons import Reasons
from .task_dump import Seen, dump_tasks
from .waiting import STATE_WORDS
from .waits import Waits
from .watched import Watched

# Looks at one thread until its stack is had, and how many of them may stop it: no more, as each stop costs
# the target time.
_LOOKS = 200
_STOPS = 20
# Seconds to wait for a stop (the thread runs on meanwhile), before the next look after one that did not
# come, at the end for those that come late, and for all threads together.
_STOP = 0.1
_NAP = 0.001
_LATE = 1.0
_ALL = 10.0


def dump_process(pid: int, exact: bool = True, native: bool = False, tasks: bool = False) -> dict[str, Any]:
    """The object that `dump --json` prints; innermost frame first.

    With `exact`, running threads are stopped for the instant it takes to copy their stack. With `native`
    there are C frames, too: of running threads only if `exact`; and the threads that run no Python, of which
    else only the number is told. A thread whose stack could not be read has `frames` null. With `tasks` there
    are asyncio's tasks, too. Raises TargetError.
    """
    process, memory, runtime = attach(pid, nonblocking=not exact)
    return _Dumper(process, memory, runtime, exact, native, tasks).dump()


class _Dumper:
    def __init__(
        self,
        process: Process,
        memory: RemoteMemory,
        runtime: Runtime,
        exact: bool,
        native: bool,
        tasks: bool,
    ) -> None:
        pid = self._pid = process.pid
        self._process = process
        self._seen: list[Seen] | None = [] if tasks else None
        self._memory = memory
        self._runtime = runtime
        self._exact = exact
        self._shape = make_shape(runtime.layout)
        self._tree = StackTree(CodeReader(memory, runtime.layout, runtime.code_type))
        self._nesting = Nesting(memory, runtime.layout)
        self._read = VectoredRead(pid)
        self._names: dict[int, str] = {}
        # Each thread is asked for once, and somebody waits for the answer.
        self._waits = Waits(Reasons(pid), memory, runtime)
        self._stacks = CStacks(process, memory, runtime, Counters(), frames=True) if native else None
        self._stops = ExactReader(pid, self._stacks)
        self._deadline = monotonic() + _ALL

    def dump(self) -> dict[str, Any]:
        try:
            return self._dump()
        finally:
            self._stops.close(_LATE)

    def _dump(self) -> dict[str, Any]:
        tids = innermost_tids(self._pid, list_tids(self._pid))
        main = next((inner for inner, tid in tids.items() if tid == self._pid), self._pid)
        threads = []
        states = self._states()

        def runs(inner: int) -> bool:
            task = Task(self._pid, tids.get(inner, 0))
            try:
                return task.syscall() == RUNNING
            finally:
                task.close()

        groups = self._nesting.group(states, main, runs)
        others = [inner for inner in tids if inner not in groups]
        if self._stacks is not None:
            # They have C frames at least.
            groups |= {inner: [no_state(inner)] for inner in others}
            others = []
        for inner, group in groups.items():
            if inner in tids:
                found = self._thread(group, tids[inner])
                if found is not None:
                    threads.append(found)
        found = {"pid": self._pid, "python": self._runtime.identity.version, "threads": threads}
        if others:
            found["without_python"] = len(others)
        if self._runtime.identity.warning:
            found["warning"] = self._runtime.identity.warning
        return found if self._seen is None else found | {"tasks": self._tasks(states, self._seen)}

    def _tasks(self, states: list[ThreadState], seen: list[Seen]) -> list[dict[str, Any]]:
        interpreters = list(dict.fromkeys(state.interpreter for state in states))
        addresses = [state.address for state in states]
        codes = self._tree.codes
        return dump_tasks(self._process, self._memory, self._runtime, codes, interpreters, addresses, seen)

    def _states(self) -> list[ThreadState]:
        """All thread states, the oldest interpreter's first, and the names that it calls its threads by."""
        states: list[ThreadState] = []
        names = ThreadNames(self._memory, self._runtime.layout)
        ids = NativeIds(self._memory, lambda: innermost_tids(self._pid, list_tids(self._pid)))
        for interpreter in reversed(read_interpreters(self._memory, self._runtime)):
            self._names = names.read(interpreter) | self._names
            most = MAX_THREADS - len(states)
            found, _ = read_threads(self._memory, self._runtime, interpreter, {}, ids, most)
            states += reversed(found)
        return states

    def _thread(self, group: list[ThreadState], tid: int) -> dict[str, Any] | None:
        task = Task(self._pid, tid)
        try:
            return self._nested(group, task)
        except ThreadGone:
            return None
        finally:
            task.close()

    def _nested(self, group: list[ThreadState], task: Task) -> dict[str, Any] | None:
        """One thread, with the frames of all its states: those it runs on now first, then its callers'."""
        state = group[0] if len(group) == 1 else self._nesting.running(group, self._has_frames)
        found = self._one(state, task)
        if found is not None:
            found["name"] = self._names.get(group[0].ident) or found["name"]
            for caller in reversed(group):
                if caller is not state and found["frames"] is not None:
                    # It waits for what it called, and does not move.
                    found["frames"] += dumped_frames(self._parked(caller)) or []
        return found

    def _parked(self, state: ThreadState) -> Place | Outcome:
        """The stack of a thread state that does not run now."""
        reader = self._reader(state)
        if not reader.read_single(self._read):
            return EMPTY
        return reader.parse(self._read.buffer, 0, False)

    def _has_frames(self, state: ThreadState) -> bool:
        return self._parked(state) is not EMPTY

    def _reader(self, state: ThreadState) -> Reader:
        if not state.address:
            return NoPython(self._memory)
        return make_reader(self._memory, self._shape, self._tree, state.address)

    def _one(self, state: ThreadState, task: Task) -> dict[str, Any] | None:
        now = self._tree.now = monotonic()
        name = task.name()
        watched = Watched(state, self._reader(state), task, Account(now, (0, 0)), name)
        outcome: Place | Outcome | None = None
        syscall: bytes | None = RUNNING
        before: bytes | None = None
        stops = _STOPS if self._exact else 0
        for _ in range(_LOOKS):
            syscall = task.syscall()
            if syscall is None:
                return None
            stops -= syscall == RUNNING
            before = collection(self._memory, state.interpreter)
            outcome = self._look(watched, syscall, stop=stops >= 0)
            # It must be blocked in the same call before and after, or have stood still.
            settled = syscall == RUNNING or task.syscall() == syscall
            if settled and self._sound(outcome):
                break
            if monotonic() > self._deadline:
                outcome = None
                break
            # It is deep in the kernel, or waits for a core: look again a little later.
            sleep(_NAP)
        else:
            outcome = None
        holds = self._holds_gil(state)
        waits = State.OWN
        reason = ""
        if syscall is not None and syscall != RUNNING:
            waits, reason = self._waits.of(state, task.tid, syscall, monotonic())
        found = {
            "tid": task.tid,
            "name": name,
            "state": STATE_WORDS[waits],
            # One after the other they may both be true: it was given the GIL meanwhile.
            "holds_gil": holds and waits is not State.GIL,
            "waiting_on": reason or None,
            "frames": dumped_frames(
                self._collector(state, watched.reader, outcome, before),
                watched.reader.instructions(self._read.buffer, 0) if type(outcome) is Place else (),
            ),
        }
        if self._seen is not None:
            on_stack = type(outcome) is Place
            frames = outcome.frames() if type(outcome) is Place else []
            self._seen.append(Seen(found, watched.reader.frames() if on_stack else [], frames))
        return found

    def _collector(
        self, state: ThreadState, reader: Reader, outcome: Place | Outcome | None, before: bytes | None
    ) -> Place | Outcome | None:
        """The same, or the collector below it, if the collection of `before` is this thread's work."""
        interpreter = state.interpreter
        if type(outcome) is not Place or before is None or collection(self._memory, interpreter) != before:
            return outcome
        # Without a GIL several may be attached: only the frame tells which of them it was.
        known = interpreter.collector or not self._runtime.layout.free_threaded
        mine = known and self._nesting.attached(state)
        if mine and set_off_here(self._memory, interpreter, reader, outcome):
            return collector_below(outcome)
        return outcome

    def _sound(self, outcome: Place | Outcome | None) -> bool:
        """Whether this is what the thread's stack was."""
        if type(outcome) is Place:
            return self._tree.confirm(outcome)
        return outcome is EMPTY

    def _look(self, watched: Watched, syscall: bytes, *, stop: bool) -> Place | Outcome | None:
        if syscall != RUNNING:
            outcome = watched.read(self._read, double=False)
            if self._stacks is not None:
                return self._stacks.blocked(watched, syscall, self._read.buffer, outcome, monotonic())
            return outcome
        now = monotonic()
        if stop and self._stops.allowed(now):
            still = self._stops.read(watched, self._read, now, _STOP)
            return still.outcome if still is not None else None
        return watched.read(self._read, double=True)

    def _holds_gil(self, state: ThreadState) -> bool:
        if not state.address:
            return False
        return holder_of(self._memory, self._runtime.layout, state.interpreter.gil) == state.address
