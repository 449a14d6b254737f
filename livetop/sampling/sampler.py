"""One target, tick by tick: which threads are looked at, how, and what each sample is charged to.

A tick is one vectored read: who may run Python code (`holding.py`), and the stacks of the threads that are
*warm*: they ran a moment ago, or may run now. The others are *cold*: while the kernel says that their CPU
time has not moved, they are where they were, and `poll` credits their waiting several times a second. A
thread that runs Python is attached, with the GIL's if there is one, so the tick finds it even if it was cold.
"""

from __future__ import annotations

from functools import partial

from livetop.cpython.outcome import MISS, Outcome
from livetop.cpython.runtime import Runtime
from livetop.cpython.tree import Place
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process
from livetop.target.tasks import RUNNING
from livetop.target.vectored import VectoredRead

from .account import UNREAD
from .blocked import Blocked
from .budget import PauseBudget
from .collecting import Collections
from .counters import Counters
from .errands import Errands
from .holding import words_of
from .roster import Roster
from .running import Running
from .settling import Settled, Settler
from .subject import Subject
from .tasks import TaskWatch
from .watched import Watched

# Seconds between two looks at cold threads.
_POLL = 0.1
# Regions of one read, in words (address, size), with room for the largest stack of all.
_WORDS = 2000


class Sampler:
    """Reads one process. All times are monotonic seconds. Raises ProcessGone when it has exited.

    `counters` and `errands` may be shared with the samplers of other processes, as `budget` may.
    """

    def __init__(
        self,
        process: Process,
        runtime: Runtime,
        memory: RemoteMemory,
        budget: PauseBudget,
        now: float,
        native: str = "none",
        counters: Counters | None = None,
        errands: Errands | None = None,
    ) -> None:
        self.process, self._memory, self._runtime = process, memory, runtime
        errands = errands or Errands()
        self.subject = subject = Subject(
            process, runtime, memory, budget, native, counters or Counters(), errands
        )
        pid = self.pid = process.pid
        self.budget = budget
        self.counters, self.tree, self.exact = subject.counters, subject.tree, subject.exact
        self.roster = Roster(pid, runtime, memory, self.tree)
        self._collections = Collections(subject, memory, runtime.layout)
        self._running = Running(subject, self._collections, now)
        self._blocked = Blocked(subject, self.roster, memory, runtime)
        self._words = words_of(self.roster, runtime.layout, self._poll_if_paid)
        self._read = VectoredRead(pid)
        self._dirty = True
        self._poll_every = _POLL
        self._polling = errands.errand("polling")
        self._polled = now - 2 * _POLL
        self._last_tick = now
        self._period = 0.01
        """Seconds between two ticks, as they really are."""
        self._settler = Settler(pid, self.roster, self.tree)

    def watch_tasks(self) -> TaskWatch:
        """Look after asyncio's tasks, too, from now on."""
        subject = self.subject
        if subject.tasks is None:
            codes = self.tree.codes
            subject.tasks = TaskWatch(
                self.process, self._memory, self._runtime, codes, self.roster, subject.errands
            )
        return subject.tasks

    # ------------------------------------------------------------------ who is looked at

    @property
    def idle(self) -> bool:
        """Whether ticks read no thread: all are cold."""
        return not self.roster.warm

    def poll_less(self, factor: float) -> None:
        """Poll so many times as seldom as usual: there are other processes to look at."""
        self._poll_every = _POLL * factor

    def poll(self, now: float) -> None:
        """Look at who is there, and at the CPU time of all threads that ticks do not read."""
        with self._polling:
            self._polled = now
            self.tree.now = now
            self.roster.look(now)
            for thread in self.roster.threads.values():
                if not thread.warm:
                    self._look_at_cold(thread, now)

    def _poll_if_paid(self, now: float) -> None:
        if self._polling.allows(now):
            self.poll(now)

    def _look_at_cold(self, thread: Watched, now: float) -> None:
        """A cold thread whose CPU time has not moved is where it was; another is read from now on."""
        times = thread.task.times()
        account = thread.account
        if times is None:
            return
        if times[0] == account.run_ns and account.last_key is not UNREAD:
            account.sleeps_on(now)
            self.counters.samples += 1
        else:
            self.roster.heat(thread, now)

    def _assemble(self) -> None:
        """Lay out the tick's read: who may run, then each warm thread."""
        flat = self._words.regions()
        at = self._words.size
        for thread in self.roster.warm:
            reader = thread.reader
            if len(flat) + len(reader.regions) > _WORDS:
                # More regions than one call takes: this one is read by itself.
                thread.base = -1
                continue
            thread.base = at
            thread.laid = reader.regions
            flat += reader.regions
            at += reader.size
        self._read.lay_out(flat, at)
        self._dirty = self.roster.changed = False

    # ------------------------------------------------------------------ the tick

    def tick(self, now: float, moment: float, late: float) -> None:
        """Sample.

        `moment` is the time that the samples stand for (`Schedule.moment`), `late` the seconds before `now`
        in which a tick was due and did not come.
        """
        if now - self._polled >= self._poll_every:
            self._poll_if_paid(now)
        self.tree.now = now
        counters, roster = self.counters, self.roster
        self._running.begin(now, self._period)
        elapsed = now - self._last_tick
        self._period += (elapsed - self._period) * 0.05
        self._last_tick = now
        if self._dirty or roster.changed:
            self._assemble()
        read = self._read
        if not read.run() and not self._recover(read, now):
            return
        attached = self._words.attached(read.buffer, now)
        self.subject.gil = self._words.held
        if attached and self._words.held:
            counters.gil_held += elapsed
        warm = list(roster.warm)
        if self._words.collecting:
            warm = self._sample_collectors(warm, read.buffer, moment, late)
        for thread in warm:
            self._sample(thread, read.buffer, thread in attached, moment, late)
        self.exact.poll_late()
        self._running.land()
        counters.paused(*self.exact.take_pause(), self.budget)

    def _recover(self, read: VectoredRead, now: float) -> bool:
        """An address of the tick's read is no longer mapped: what it kept from being read is read alone.

        False when not even who may run could be read.
        """
        got = read.read_prefix()
        if got < self._words.size:
            self.poll(now)
            return False
        for thread in self.roster.warm:
            if thread.base + thread.reader.size > got:
                thread.base = -1
                thread.reader.lay_out()
        self._dirty = True
        return True

    def _sample(self, thread: Watched, buffer: bytearray, attached: bool, moment: float, late: float) -> None:
        """Charge the seconds since this thread's last sample to where it is now."""
        if not attached or thread.sees_syscall:
            syscall = thread.task.syscall()
            if syscall is None:
                return
            if syscall != RUNNING:
                there = self._parse(thread, buffer, double=True)
                self._dirty |= self._blocked.sample(thread, syscall, there, attached, moment, late)
                return
        thread.awake_at = moment
        look = partial(self._parse, thread, buffer, double=True)
        self._running.sample(thread, look, attached, moment, late)

    def _sample_collectors(
        self, warm: list[Watched], buffer: bytearray, moment: float, late: float
    ) -> list[Watched]:
        """Charge the time of threads that collect garbage; returns the others, which run Python code."""
        for thread in self._words.collecting:
            if thread.sees_syscall and thread.task.syscall() != RUNNING:
                continue
            there = self._parse(thread, buffer, double=True)
            if self._collections.sample(thread, there, True, moment, late):
                thread.awake_at = moment
                warm.remove(thread)
        return warm

    def _parse(self, thread: Watched, buffer: bytearray, *, double: bool) -> Place | Outcome:
        """What the tick's read says of a thread; if it says nothing, the thread is read alone."""
        reader = thread.reader
        outcome: Place | Outcome = MISS
        if thread.base >= 0 and reader.regions is thread.laid:
            outcome = reader.parse(buffer, thread.base, double)
        if outcome is MISS:
            outcome = thread.read(self.subject.aux, double=double)
            # It lies elsewhere now, or a look at it alone has found it to.
            self._dirty |= reader.regions is not thread.laid
        return outcome

    # ------------------------------------------------------------------ settling

    def settle(self, now: float, *, gone: bool = False) -> list[Settled]:
        """Settle the accounts of all threads: see `Settler.settle`."""
        return self._settler.settle(now, gone=gone)

    @property
    def waited(self) -> float:
        """See `Settler.waited`."""
        return self._settler.waited

    def forget_places(self, now: float) -> None:
        """Begin the stack trees anew."""
        self.subject.forget_places()
        self._collections.forget()
        self._running.forget_places()
        self.roster.forget_places(now)

    def close(self) -> None:
        """Let go of everything."""
        self._running.close()
        self.exact.close()
        self.roster.close()
