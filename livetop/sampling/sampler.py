"""One target, tick by tick: which threads are looked at, how, and what each sample is charged to.

A tick is one vectored read: the GIL's words, and the stacks of the threads that are *warm*: they ran a
moment ago, or hold the GIL. The others are *cold*: while the kernel says that their CPU time has not
moved, they are where they were, and `poll` credits their waiting several times a second. A thread that
runs Python holds the GIL, so the tick finds it in `last_holder` even if it was cold.
"""

from __future__ import annotations

import struct

from livetop.cpython.code import CodeReader
from livetop.cpython.runtime import Runtime
from livetop.cpython.stack import MISS, TORN, UNKNOWN, Outcome
from livetop.cpython.tree import Place, StackTree
from livetop.profile.states import State
from livetop.target.errors import AlreadyTraced, PermissionDenied, ThreadGone
from livetop.target.memory import RemoteMemory
from livetop.target.stop import Stopper
from livetop.target.tasks import RUNNING
from livetop.target.vectored import VectoredRead

from .account import UNREAD, Account, Cells, Seconds
from .budget import PauseBudget
from .counters import Counters
from .roster import Roster
from .waiting import waiting_state
from .watched import Stranger, Watched

# Seconds between two looks at cold threads.
_POLL = 0.1
# A warm thread that has not run for so long becomes cold.
_COOLS = 0.5
# A holder of the GIL that used less CPU than this may be blocked with the GIL held: ask the kernel.
_BUSY = 0.9

# last_holder, locked, switch_number
_GIL = struct.Struct("<QiiQ")

# A thread, its cells by (key, state), and its seconds.
Settled = tuple[Watched | Stranger, Cells, Seconds]


class Sampler:
    """Reads one process. All times are monotonic seconds. Raises ProcessGone when it has exited."""

    def __init__(
        self, pid: int, runtime: Runtime, memory: RemoteMemory, budget: PauseBudget, now: float
    ) -> None:
        self.pid = pid
        self.runtime = runtime
        self.memory = memory
        self.budget = budget
        self.counters = Counters()
        self.period = 0.01
        """Seconds between two ticks, as they really are."""
        self._ran = self._running = 1
        self.stops_refused = ""
        """Why there are no stops, if the kernel refuses them."""
        self.tree = StackTree(CodeReader(memory, runtime.layout, runtime.code_type))
        self.roster = Roster(pid, runtime, memory, self.tree)
        self._read = VectoredRead(pid)
        self._aux = VectoredRead(pid)
        self._stopper: Stopper | None = None
        self._dirty = True
        self._polled = now - 2 * _POLL
        self._last_tick = now
        o = runtime.layout
        self._gil_low = o.gil_last_holder
        self._gil_size = o.gil_size

    def poll(self, now: float) -> None:
        """Look at who is there, and at the CPU time of all threads that ticks do not read."""
        self._polled = now
        self.tree.now = now
        self.roster.look(now)
        for thread in self.roster.threads.values():
            if not thread.warm:
                self._look_at_cold(thread, now)

    def _look_at_cold(self, thread: Watched, now: float) -> None:
        """A cold thread whose CPU time has not moved is where it was; another is read from now on."""
        times = thread.task.times()
        account = thread.account
        if times is None:
            return
        if times[0] == account.run_ns and account.last_key is not UNREAD:
            account.slept(account.last_key, account.last_state, now, 0.0)
            self.counters.samples += 1
        else:
            self.roster.heat(thread, now)

    def _assemble(self) -> None:
        """Lay out the tick's read: the GIL of each interpreter, then each warm thread."""
        flat: list[int] = []
        for interpreter in self.roster.interpreters:
            flat += (interpreter.gil + self._gil_low, _GIL.size)
        at = _GIL.size * len(self.roster.interpreters)
        for thread in self.roster.warm:
            reader = thread.reader
            if len(flat) + len(reader.regions) > 2000:
                # More regions than one call takes: this one is read by itself.
                thread.base = -1
                continue
            thread.base = at
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
        if now - self._polled >= _POLL:
            self.poll(now)
        counters, tree = self.counters, self.tree
        tree.now = now
        counters.ticks += 1
        self._ran, self._running = self._running, 0
        elapsed = now - self._last_tick
        self.period += (elapsed - self.period) * 0.05
        self._last_tick = now
        if late:
            counters.unseen += late
        roster = self.roster
        if self._dirty or roster.changed:
            self._assemble()
        read = self._read
        if not read.run():
            self._recover(read, now)
            return
        buffer = read.buffer
        at = 0
        holders = []
        for _ in roster.interpreters:
            holder, locked, *_ = _GIL.unpack_from(buffer, at)
            at += _GIL.size
            if locked == 1 and holder:
                holders.append(holder)
                thread = roster.threads.get(holder)
                if thread is None:
                    self.poll(now)
                elif not thread.warm:
                    # It woke up since the last look: what it did before this tick is not known.
                    roster.heat(thread, now)
                    thread.base = -1
        if holders:
            counters.gil_held += elapsed
        for thread in list(roster.warm):
            self._sample(thread, buffer, thread.state.address in holders, moment, late)

    def _sample(self, thread: Watched, buffer: bytearray, holds: bool, moment: float, late: float) -> None:
        """Charge the seconds since this thread's last sample to where it is now."""
        account = thread.account
        if not holds or thread.sees_syscall:
            syscall = thread.task.syscall()
            if syscall is None:
                return
            if syscall != RUNNING:
                self._sample_blocked(thread, syscall, buffer, holds, moment, late)
                return
        thread.awake_at = moment
        account.last_state = State.OWN
        outcome = thread.reader.parse(buffer, thread.base, True) if thread.base >= 0 else MISS
        if outcome is MISS:
            outcome = thread.read_double(self._aux)
            self._dirty = True
        rejected = outcome is TORN or outcome is MISS
        thread.judge(rejected)
        if rejected:
            self.counters.rejected += 1
        budget = self.budget
        exact = False
        self._running += 1
        if budget.draw(self.period, self._ran, thread.calm):
            still = self._stop_and_read(thread)
            if still is not None:
                outcome, exact = still, True
            elif not thread.calm:
                return
        elif rejected and (thread.calm or budget.share <= 0):
            outcome = thread.read_double(self._aux)
            if outcome is TORN and budget.share > 0 and budget.allowed:
                still = self._stop_and_read(thread)
                if still is not None:
                    outcome, exact = still, True
        elif not thread.calm and budget.share > 0:
            # Those accepted are too shallow: only what is drawn to be exact counts. The weight is kept.
            return
        key = thread.key(outcome)
        if key is None or (self.tree.young and type(key) is Place and not self.tree.confirm(key)):
            self.counters.unread += 1
            key = UNREAD
        self.counters.samples += 1
        account.ran(key, moment, late, exact, holds)

    def _sample_blocked(
        self, thread: Watched, syscall: bytes, buffer: bytearray, holds: bool, moment: float, late: float
    ) -> None:
        """A blocked thread stands still by itself: it is read without being stopped."""
        outcome: Place | Outcome = (
            thread.reader.parse(buffer, thread.base, True) if thread.base >= 0 else MISS
        )
        if outcome is MISS or outcome is TORN:
            # It was still running when the tick's read came by.
            outcome = thread.read_still(self._aux)
            self._dirty = True
        key = thread.key(outcome)
        if key is None:
            self.counters.unread += 1
            key = UNREAD
        self.counters.samples += 1
        gil = thread.state.interpreter.gil
        thread.account.slept(key, waiting_state(syscall, gil, self._gil_size), moment, late)
        if not thread.syscall:
            # The first look: a thread that was parked all along need not be watched closely first.
            thread.syscall = syscall
            thread.awake_at = moment - _COOLS
        elif syscall != thread.syscall or holds:
            thread.syscall = syscall
            thread.awake_at = moment
        elif moment - thread.awake_at > _COOLS:
            times = thread.task.times()
            if times is not None and times[0] == thread.account.run_ns:
                self.roster.cool(thread)

    def _stop_and_read(self, thread: Watched) -> Place | Outcome | None:
        """Stop the thread, copy what is needed, let it run, and only then make sense of it.

        None when it did not stop in time.
        """
        if self._stopper is None:
            self._stopper = Stopper(self.pid)
        stopper = self._stopper
        tree = self.tree
        try:
            if not stopper.stop(thread.tid):
                self.counters.paused(stopper.poll_late(), self.budget)
                return None
        except ThreadGone:
            return None
        except (PermissionDenied, AlreadyTraced) as error:
            # Reading goes on without stops.
            self.stops_refused = str(error)
            self.budget.share = 0.0
            return None
        tree.held = True
        try:
            outcome = thread.read_still(self._aux)
        finally:
            tree.held = False
            pause = stopper.release()
        self.counters.paused(pause + stopper.poll_late(), self.budget)
        self.counters.stops += 1
        if outcome is UNKNOWN:
            outcome = thread.parse_again(self._aux, tree)
        if outcome is MISS or outcome is TORN:
            return None
        self.counters.exact += 1
        return outcome

    def _recover(self, read: VectoredRead, now: float) -> None:
        """An address of the tick's read is no longer mapped: find out whose."""
        got = read.read_prefix()
        self.poll(now)
        for thread in self.roster.warm:
            if thread.base < 0 or thread.base + thread.reader.size > got:
                thread.reader.lay_out()
        self._dirty = True

    # ------------------------------------------------------------------ settling

    def settle(self, now: float, *, gone: bool = False) -> list[Settled]:
        """Settle the accounts of all threads. Code that was replaced meanwhile is not named.

        `gone`: the process has exited, so that nothing can be compared with its memory any more.
        """
        self.tree.now = now
        threads = self.roster.everyone()
        places = {key for thread in threads for key in self._keys(thread.account) if type(key) is Place}
        replaced = set() if gone else self.tree.verify(places)
        unnamed: set[Place | str] = set()
        if replaced:
            unnamed = {place for place in places if any(code in replaced for code, _ in place.frames())}
        settled: list[Settled] = []
        for thread in threads:
            account = thread.account
            if unnamed:
                account.rename(unnamed)
            times = thread.task.times() or (account.run_ns, account.queued_ns)
            if not (thread.warm or account.asleep or account.last_key is UNREAD):
                # No poll since the last settlement: it has slept on, as far as it has not run.
                account.slept(account.last_key, account.last_state, now, 0.0)
            cells: Cells = {}
            seconds = account.settle(now, times, cells)
            thread.sees_syscall = account.own < _BUSY
            if seconds.own and not thread.warm:
                # It ran between two polls: the next one could not tell any more.
                self.roster.heat(thread, now)
            settled.append((thread, cells, seconds))
        for stranger in self.roster.strangers.values():
            settled += stranger.settle()
        self.roster.forget_gone()
        return settled

    @staticmethod
    def _keys(account: Account) -> list[Place | str]:
        return [*account.running, *(key for key, _ in account.asleep), account.last_key]

    @property
    def exit_status(self) -> int | None:
        """The target's wait status, if a stop has met its end."""
        return self._stopper.exit_status if self._stopper is not None else None

    def close(self) -> None:
        """Let go of everything."""
        if self._stopper is not None:
            self._stopper.close()
        self.roster.close()
