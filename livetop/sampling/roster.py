"""Who is there: the thread states of a target, matched with the kernel's threads, warm or cold."""

from __future__ import annotations

from livetop.cpython.regions import Shape
from livetop.cpython.runtime import Runtime
from livetop.cpython.stack import StackReader
from livetop.cpython.thread_names import ThreadNames
from livetop.cpython.threads import Interpreter, ThreadState, read_interpreters, read_threads
from livetop.cpython.tree import StackTree
from livetop.target.memory import Memory
from livetop.target.tasks import Task, innermost_tids, list_tids

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
        """By address of the thread state."""
        self.by_state: dict[int, Watched] = {}
        """The same, and by the states that a thread has in other interpreters, too."""
        self.warm: list[Watched] = []
        """Those that each tick reads."""
        self.strangers: dict[int, Stranger] = {}
        """OS threads without a Python thread state, by id."""
        self.interpreters: list[Interpreter] = []
        self.gone: list[Watched] = []
        self.born: list[Watched] = []
        self.renamed: list[Watched] = []
        self.changed = True
        self._pid = pid
        self._runtime = runtime
        self._memory = memory
        self._tree = tree
        self._shape = Shape(runtime.layout)
        self._names = ThreadNames(memory, runtime.layout)
        self._tids: dict[int, int] = {}
        self._states: dict[int, ThreadState] = {}
        self._tasks_at: float | None = None

    def look(self, now: float) -> None:
        """Read the lists of interpreters and thread states, and from time to time the kernel's threads."""
        interpreters = read_interpreters(self._memory, self._runtime)
        if interpreters != self.interpreters:
            self.interpreters = interpreters
            self.changed = True
        states: dict[int, ThreadState] = {}
        # Oldest first: of several states on one OS thread the first is watched.
        for interpreter in reversed(interpreters):
            found, whole = read_threads(self._memory, self._runtime, interpreter, self._states)
            for state in reversed(found):
                states[state.address] = state
            if not whole:
                # The list changed meanwhile: what was not reached is still there, as far as is known.
                for state in self._states.values():
                    if state.interpreter == interpreter:
                        states.setdefault(state.address, state)
        due = self._tasks_at is None or now - self._tasks_at >= _TASKS
        if due or any(state.tid not in self._tids for state in states.values()):
            self._tasks_at = now
            self._match(states)
        self._states = states
        self._follow(states, now)
        if due or self.born:
            self._name(None if due else {thread.state.ident for thread in self.born})

    def _match(self, states: dict[int, ThreadState]) -> None:
        """Match thread states with the kernel's threads; what is left over runs no Python."""
        tids = list_tids(self._pid)
        self._tids = innermost_tids(self._pid, tids)
        known = {self._tids.get(state.tid) for state in states.values()}
        strangers = set(tids) - known
        for tid in self.strangers.keys() - strangers:
            self.strangers.pop(tid).task.close()
        for tid in strangers - self.strangers.keys():
            task = Task(self._pid, tid)
            times = task.times()
            if times is not None:
                self.strangers[tid] = Stranger(task, times)

    def _name(self, idents: set[int] | None) -> None:
        """Take over the names that the program has given its threads (those with `idents`, or all)."""
        for interpreter in self.interpreters:
            names = self._names.read(interpreter, idents)
            for thread in self.threads.values():
                name = names.get(thread.state.ident)
                if name and name != thread.name and thread.state.interpreter == interpreter:
                    thread.rename(name)
                    self.renamed.append(thread)

    def _follow(self, states: dict[int, ThreadState], now: float) -> None:
        """Take up new thread states and let go of those that ended, or that another OS thread took over."""
        for address, thread in list(self.threads.items()):
            if states.get(address) is thread.state:
                thread.missing = 0
                continue
            thread.missing += 1
            # One look at a list that is just being changed does not prove that a thread has ended.
            if address in states or thread.missing >= _MISSED or thread.tid not in self._tids.values():
                del self.threads[address]
                self.gone.append(thread)
                self.cool(thread)
        self.by_state = dict(self.threads)
        watched = {thread.tid: thread for thread in self.threads.values()}
        for address, state in states.items():
            tid = self._tids.get(state.tid)
            if address in self.threads or tid is None:
                continue
            # A subinterpreter's state on a thread that is watched must not count its time twice.
            owner = watched.get(tid) or self._take_up(state, tid, now)
            if owner is not None:
                watched[tid] = self.by_state[address] = owner

    def _take_up(self, state: ThreadState, tid: int, now: float) -> Watched | None:
        task = Task(self._pid, tid)
        times = task.times()
        if times is None:
            return None
        reader = StackReader(self._memory, self._shape, self._tree, state.address)
        thread = Watched(state, reader, task, Account(now, times), task.name())
        self.threads[state.address] = thread
        self.born.append(thread)
        self.heat(thread, now)
        return thread

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
        self.changed = True

    def forget_places(self, now: float) -> None:
        """Nothing that was seen may be kept: the stack tree begins anew."""
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
        self.gone.clear()

    def close(self) -> None:
        """Give back all files."""
        for thread in self.everyone():
            thread.task.close()
        for stranger in self.strangers.values():
            stranger.task.close()
