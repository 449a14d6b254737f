"""Who is there: the thread states of a target, matched with the kernel's threads, warm or cold."""

from __future__ import annotations

from livetop.cpython.limit import SAMPLED
from livetop.cpython.native_ids import NativeIds
from livetop.cpython.nesting import Nesting
from livetop.cpython.outcome import EMPTY
from livetop.cpython.readers import Reader, make_reader, make_shape
from livetop.cpython.runtime import Runtime
from livetop.cpython.thread_names import ThreadNames
from livetop.cpython.threads import MAX_THREADS, Interpreter, ThreadState, read_interpreters, read_threads
from livetop.cpython.tree import StackTree
from livetop.target.memory import Memory
from livetop.target.tasks import RUNNING, Task, innermost_tids, list_tids
from livetop.target.vectored import VectoredRead

from .account import Account
from .watched import Stranger, Watched

# Seconds between two looks at /proc/PID/task and at the names that the program gives its threads.
_TASKS = 1.0
# Lists of threads without a thread that was there, after which it has ended.
_MISSED = 2


class Roster:
    """The threads of one process. All times are monotonic seconds.

    `changed` is set when the interpreters or the warm threads are no longer what they were.
    """

    def __init__(self, pid: int, runtime: Runtime, memory: Memory, tree: StackTree) -> None:
        self.threads: dict[int, Watched] = {}
        """By id of the OS thread."""
        self.by_state: dict[int, Watched] = {}
        """By address of the thread state that each runs on now."""
        self.warm: list[Watched] = []
        """Those that each tick reads."""
        self.strangers: dict[int, Stranger] = {}
        """OS threads without a Python thread state, by id."""
        self.left: list[Stranger] = []
        """Those of them that have ended."""
        self.interpreters: list[Interpreter] = []
        self.gone: list[Watched] = []
        self.born: list[Watched] = []
        self.renamed: list[Watched] = []
        self.changed = True
        self._pid = pid
        self._runtime = runtime
        self._memory = memory
        self._tree = tree
        self._shape = make_shape(runtime.layout)
        self._names = ThreadNames(memory, runtime.layout)
        self._ids = NativeIds(memory, lambda: innermost_tids(pid, list_tids(pid)))
        self._nesting = Nesting(memory, runtime.layout)
        # Ids that the process knows its threads by -> ours.
        self._tids: dict[int, int] = {}
        self._alive: set[int] = set()
        # The main thread, as the process itself knows it.
        self._main = pid
        self._states: dict[int, ThreadState] = {}
        # Of threads that have several states: what reads each of them.
        self._readers: dict[int, Reader] = {}
        self._read: VectoredRead | None = None
        self._tasks_at: float | None = None

    def look(self, now: float) -> None:
        """Read the lists of interpreters and thread states, and from time to time the kernel's threads."""
        interpreters = read_interpreters(self._memory, self._runtime)
        if interpreters != self.interpreters:
            self.interpreters = interpreters
            self.changed = True
        states: dict[int, ThreadState] = {}
        # Oldest first: callers come before what runs for them in another interpreter.
        for interpreter in reversed(interpreters):
            known = self._states
            most = MAX_THREADS - len(states)
            found, whole = read_threads(self._memory, self._runtime, interpreter, known, self._ids, most)
            for state in reversed(found):
                states[state.address] = state
            if not whole:
                # The list changed meanwhile: what was not reached is still there, as far as is known.
                for state in known.values():
                    if state.interpreter == interpreter:
                        states.setdefault(state.address, state)
        due = self._tasks_at is None or now - self._tasks_at >= _TASKS
        if due or any(state.tid not in self._tids for state in states.values()):
            self._tasks_at = now
            self._match(states)
        self._states = states
        self._follow(states, now)
        if due or self.born:
            self._name(None if due else {thread.ident for thread in self.born})

    def _match(self, states: dict[int, ThreadState]) -> None:
        """Match thread states with the kernel's threads; what is left over runs no Python."""
        tids = list_tids(self._pid)
        self._tids = innermost_tids(self._pid, tids)
        self._alive = set(tids)
        self._main = next((inner for inner, tid in self._tids.items() if tid == self._pid), self._pid)
        known = {self._tids.get(state.tid) for state in states.values()}
        strangers = self._alive - known
        for tid in self.strangers.keys() - strangers:
            stranger = self.strangers.pop(tid)
            if tid in self._alive:
                # It runs Python now.
                stranger.task.close()
            else:
                self.left.append(stranger)
        for tid in strangers - self.strangers.keys():
            task = Task(self._pid, tid)
            times = task.times()
            if times is None:
                task.close()
            else:
                self.strangers[tid] = Stranger(task, times)

    def _name(self, idents: set[int] | None) -> None:
        """Take over the names that the program has given its threads (those with `idents`, or all)."""
        names: dict[int, str] = {}
        # What the oldest interpreter calls a thread counts: in others it is a guest.
        for interpreter in self.interpreters:
            names.update(self._names.read(interpreter, idents))
        for thread in self.threads.values():
            name = names.get(thread.ident)
            if name and name != thread.name:
                thread.rename(name)
                self.renamed.append(thread)

    def _follow(self, states: dict[int, ThreadState], now: float) -> None:
        """Take up new threads, let go of those that ended, and find out on which state each runs."""
        groups = self._nesting.group(states.values(), self._main, self._is_running)
        found = {self._tids[inner]: group for inner, group in groups.items() if inner in self._tids}
        for tid, thread in list(self.threads.items()):
            group = found.get(tid)
            if group is not None and (thread.state in group or thread.task.times() is not None):
                thread.missing = 0
                self._run_on(thread, group)
                continue
            thread.missing += 1
            # One look at a list that is just being changed does not prove that a thread has ended.
            if group is not None or thread.missing >= _MISSED or tid not in self._alive:
                del self.threads[tid]
                self.gone.append(thread)
                self.cool(thread)
        for tid, group in found.items():
            if tid not in self.threads:
                self._take_up(group, tid, now)
        self.by_state = {thread.state.address: thread for thread in self.threads.values()}
        if self._readers:
            shared = {state.address for group in found.values() if len(group) > 1 for state in group}
            self._readers = {at: reader for at, reader in self._readers.items() if at in shared}

    def _is_running(self, inner: int) -> bool:
        thread = self.threads.get(self._tids.get(inner, 0))
        return thread is not None and thread.task.syscall() == RUNNING

    def _take_up(self, group: list[ThreadState], tid: int, now: float) -> None:
        task = Task(self._pid, tid)
        times = task.times()
        if times is None:
            task.close()
            return
        thread = Watched(group[0], self._new_reader(group[0]), task, Account(now, times), task.name())
        self.threads[tid] = thread
        self.born.append(thread)
        self.heat(thread, now)
        self._run_on(thread, group)

    def _run_on(self, thread: Watched, group: list[ThreadState]) -> None:
        """Have a thread read where it runs now: of its states, callers first."""
        thread.ident = group[0].ident
        state = group[0] if len(group) == 1 else self._nesting.running(group, self._has_frames)
        if state is thread.state:
            return
        if state.address != thread.state.address:
            if len(group) > 1:
                self._readers[thread.state.address] = thread.reader
            thread.reader = self._reader(state) if len(group) > 1 else self._new_reader(state)
            thread.base = -1
            self.changed = True
        thread.state = state

    def _reader(self, state: ThreadState) -> Reader:
        reader = self._readers.get(state.address)
        if reader is None:
            reader = self._readers[state.address] = self._new_reader(state)
        return reader

    def _new_reader(self, state: ThreadState) -> Reader:
        return make_reader(self._memory, self._shape, self._tree, state.address, SAMPLED)

    def _has_frames(self, state: ThreadState) -> bool:
        """Whether a state of a thread that has several runs any Python code."""
        if self._read is None:
            self._read = VectoredRead(self._pid)
        reader = self._reader(state)
        return reader.read_single(self._read) and reader.parse(self._read.buffer, 0, False) is not EMPTY

    def heat(self, thread: Watched, now: float) -> None:
        """Have each tick read this thread from now on."""
        thread.awake_at = now
        if not thread.warm:
            thread.warm = True
            thread.base = -1
            self.warm.append(thread)
            self.changed = True

    def cool(self, thread: Watched) -> None:
        """Look at this thread's CPU time only, until it moves."""
        if thread.warm:
            thread.warm = False
            self.warm.remove(thread)
            self.changed = True
        thread.task.close_syscall()

    def leave(self) -> None:
        """All threads have ended: the process has exited, or become another program."""
        self.gone += self.threads.values()
        self.threads.clear()
        self.by_state.clear()
        self.warm.clear()
        self._readers.clear()
        self.changed = True

    def forget_places(self, now: float) -> None:
        """Nothing that was seen may be kept: the stack tree begins anew."""
        for reader in self._readers.values():
            reader.forget()
        for thread in self.threads.values():
            thread.reader.forget()
            thread.account.forget()
            thread.parked = (None, None)
            self.heat(thread, now)

    def everyone(self) -> list[Watched]:
        """All threads with a Python thread state, those that have ended since `forget_gone` too."""
        return [*self.threads.values(), *self.gone]

    def forget_gone(self) -> None:
        """Let go of the threads that have ended."""
        for thread in self.gone:
            thread.task.close()
        for stranger in self.left:
            stranger.task.close()
        self.gone.clear()
        self.left.clear()

    def close(self) -> None:
        """Give back all files."""
        for thread in self.everyone():
            thread.task.close()
        for stranger in (*self.strangers.values(), *self.left):
            stranger.task.close()
