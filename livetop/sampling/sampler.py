"""One target, tick by tick: which threads are looked at, how, and what each sample is charged to.

A tick is one vectored read: the GIL's words, and the stacks of the threads that are *warm*: they ran a
moment ago, or hold the GIL. The others are *cold*: while the kernel says that their CPU time has not
moved, they are where they were, and `poll` credits their waiting several times a second. A thread that
runs Python holds the GIL, so the tick finds it by the GIL's last holder even if it was cold.
"""

from __future__ import annotations

import struct

from livetop.cpython.code import CodeReader
from livetop.cpython.runtime import Runtime
from livetop.cpython.stack import MISS, TORN, Outcome
from livetop.cpython.tree import Place, StackTree
from livetop.native.verdict import NATIVE, PYTHON, SYSTEM
from livetop.profile.states import State
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process
from livetop.target.tasks import RUNNING
from livetop.target.vectored import VectoredRead

from .account import UNREAD
from .budget import PauseBudget
from .c_stacks import CStacks
from .counters import Counters
from .exact import ExactReader, Still
from .reasons import Reasons
from .roster import Roster
from .settling import Settled, Settler
from .waiting import waiting_state
from .watched import Watched

# Seconds between two looks at cold threads.
_POLL = 0.1
# A warm thread that has not run for so long becomes cold; of very many, each that has not run since the
# last tick: to read them all would cost more than their short runs are worth.
_COOLS = 0.5
_MANY = 24
# Seconds for which the chance that a sample is exact stays what it is.
_CHANCES = 0.01
# The kernel counts CPU time in steps of up to 4 ms; over more than this, none at all means no core.
_STEP = 0.008
_KINDS = {PYTHON: State.PYTHON, NATIVE: State.NATIVE, SYSTEM: State.SYSTEM}
# Regions of one read, in words (address, size), with room for the largest stack of all.
_WORDS = 2000


class Sampler:
    """Reads one process. All times are monotonic seconds. Raises ProcessGone when it has exited."""

    def __init__(
        self,
        process: Process,
        runtime: Runtime,
        memory: RemoteMemory,
        budget: PauseBudget,
        now: float,
        native: str = "none",
    ) -> None:
        pid = self.pid = process.pid
        self.memory = memory
        self.budget = budget
        self.counters = Counters()
        self.tree = StackTree(CodeReader(memory, runtime.layout, runtime.code_type))
        self.roster = Roster(pid, runtime, memory, self.tree)
        self.stacks = (
            None
            if native == "none"
            else CStacks(process, memory, runtime, self.counters, frames=native == "frames")
        )
        self.exact = ExactReader(pid, self.stacks)
        # With C frames all samples that count are exact, or some stacks would have them and some not.
        self._all_exact = native == "frames"
        self._reasons = Reasons(pid)
        self._read = VectoredRead(pid)
        self._aux = VectoredRead(pid)
        self._dirty = True
        self._polled = now - 2 * _POLL
        self._last_tick = now
        self._period = 0.01
        """Seconds between two ticks, as they really are."""
        self._running = 1
        # The chance to be exact of a sample of a busy and of a calm thread, and until when it holds.
        self._chances = (0.0, 0.0)
        self._chances_until = now
        self._settler = Settler(pid, self.roster, self.tree)
        o = runtime.layout
        self._gil_low = o.gil_last_holder
        self._gil = struct.Struct(f"<Q{o.gil_locked - o.gil_last_holder - 8}xi")
        self._gil_size = o.gil_size

    # ------------------------------------------------------------------ who is looked at

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
            account.sleeps_on(now)
            self.counters.samples += 1
        else:
            self.roster.heat(thread, now)

    def _assemble(self) -> None:
        """Lay out the tick's read: the GIL of each interpreter, then each warm thread."""
        flat: list[int] = []
        for interpreter in self.roster.interpreters:
            flat += (interpreter.gil + self._gil_low, self._gil.size)
        at = self._gil.size * len(self.roster.interpreters)
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
        if now - self._polled >= _POLL:
            self.poll(now)
        self.tree.now = now
        counters, roster = self.counters, self.roster
        counters.ticks += 1
        counters.unseen += late
        if now >= self._chances_until:
            self._weigh_chances(now)
        self._running = 0
        elapsed = now - self._last_tick
        self._period += (elapsed - self._period) * 0.05
        self._last_tick = now
        if self._dirty or roster.changed:
            self._assemble()
        read = self._read
        if not read.run() and not self._recover(read, now):
            return
        holders = self._holders(read.buffer, now)
        if holders:
            counters.gil_held += elapsed
        for thread in list(roster.warm):
            self._sample(thread, read.buffer, thread in holders, moment, late)
        self.exact.poll_late()
        self._land()
        counters.paused(*self.exact.take_pause(), self.budget)

    def _weigh_chances(self, now: float) -> None:
        """Settle, for the next few ticks, with what chance samples are exact."""
        self._chances_until = now + _CHANCES
        if not self.exact.allowed(now):
            self._chances = (0.0, 0.0)
            return
        # Whose time it is only exact samples tell, so there may be more of them than checking needs.
        checks = self.stacks is None
        busy, calm = (self.budget.chance(self._period, self._running, few) for few in (False, checks))
        self._chances = (busy, calm)

    def _recover(self, read: VectoredRead, now: float) -> bool:
        """An address of the tick's read is no longer mapped: what it kept from being read is read alone.

        False when not even the GILs could be read.
        """
        got = read.read_prefix()
        if got < self._gil.size * len(self.roster.interpreters):
            self.poll(now)
            return False
        for thread in self.roster.warm:
            if thread.base + thread.reader.size > got:
                thread.base = -1
                thread.reader.lay_out()
        self._dirty = True
        return True

    def _holders(self, buffer: bytearray, now: float) -> list[Watched]:
        """The threads that hold a GIL; one that was cold is read from now on."""
        holders = []
        at = 0
        for _ in self.roster.interpreters:
            holder, locked = self._gil.unpack_from(buffer, at)
            at += self._gil.size
            if locked != 1 or not holder:
                continue
            thread = self.roster.by_state.get(holder)
            if thread is None:
                # A thread that has just begun.
                self.poll(now)
                thread = self.roster.by_state.get(holder)
            if thread is not None:
                self.roster.heat(thread, now)
                holders.append(thread)
        return holders

    def _sample(self, thread: Watched, buffer: bytearray, holds: bool, moment: float, late: float) -> None:
        """Charge the seconds since this thread's last sample to where it is now."""
        if not holds or thread.sees_syscall:
            syscall = thread.task.syscall()
            if syscall is None:
                return
            if syscall != RUNNING:
                self._sample_blocked(thread, syscall, buffer, holds, moment, late)
                return
        thread.awake_at = moment
        outcome = self._parse(thread, buffer, double=True)
        rejected = outcome is TORN or outcome is MISS
        thread.judge(rejected)
        self.counters.rejected += rejected
        self._running += 1
        calm = thread.calm and not self._all_exact
        chance = self._chances[calm]
        if chance > 0 and self.budget.drawn(chance):
            self._sample_exact(thread, outcome, holds, moment, late, chance, calm)
        elif chance > 0 and not calm:
            # Those accepted are too shallow: one that is drawn to be exact stands for them.
            thread.account.passed(moment, late)
        else:
            if rejected:
                outcome = self._insist(thread, stops=chance > 0)
            queued = self._had_no_core(thread, holds, moment)
            key = self._key(thread, outcome)
            weight = thread.account.ran(key, moment, late, holds, queued=queued)
            if thread.faulty:
                thread.look_at_faults(key)
            if not chance and self.stacks is not None and not queued:
                self._estimate(thread, key, outcome, holds, weight)

    def _insist(self, thread: Watched, *, stops: bool) -> Place | Outcome:
        """A sample was rejected: try once more, and stop the thread if that does not help."""
        outcome = thread.read(self._aux, double=True)
        if outcome is TORN and stops:
            still = self.exact.read(thread, self._aux, self.tree.now)
            if still is not None:
                self.counters.exact += 1
                return still.outcome
        return outcome

    def _sample_exact(
        self,
        thread: Watched,
        outcome: Place | Outcome,
        holds: bool,
        moment: float,
        late: float,
        chance: float,
        calm: bool,
    ) -> None:
        """A sample that was drawn to be exact. It stands for others: so many of a busy thread for its time,
        and of any thread for whose time it is."""
        account = thread.account
        scale = 1.0 / chance
        still = None
        if self.exact.late(thread) is None:
            still = self.exact.read(thread, self._aux, self.tree.now)
        if still is None:
            to_come = self.exact.late(thread)
            if not calm:
                # It tells later what it was doing now, or else the next one stands for this one, too.
                if to_come is not None:
                    to_come.weight += account.passed(moment, late) * scale
                    to_come.holds = holds
                return
            if outcome is TORN or outcome is MISS:
                outcome = thread.read(self._aux, double=True)
        queued = self._had_no_core(thread, holds, moment)
        key = stood = self._key(thread, outcome if still is None else still.outcome)
        if calm and still is not None and type(outcome) is Place:
            # Where it was when it was looked at: a stop comes later, and rather in a system call.
            key = self._key(thread, outcome)
        weight = account.ran(key, moment, late, holds, 1.0 if calm else scale, queued)
        if thread.faulty:
            thread.look_at_faults(key)
        if queued:
            return
        if calm:
            weight *= scale
        if still is not None:
            self._note(thread, stood, still, weight)
        elif to_come is not None:
            to_come.evidence += weight

    def _note(self, thread: Watched, key: Place | str, still: Still, weight: float) -> None:
        """Whose time an exact sample was."""
        self.counters.exact += 1
        account, verdict = thread.account, still.verdict
        if verdict is None:
            account.evidence.note(key, State.EXACT, "", weight)
            return
        system = 0.0
        if still.in_call:
            system = account.kernel.in_call(weight, still.doubtful)
        elif thread.faulty:
            system = account.kernel.in_fault(key, weight, still.faults)
        account.evidence.note(key, State.SYSTEM, "", weight, system)
        account.evidence.note(key, _KINDS[verdict.kind], verdict.library, weight, 1.0 - system)

    def _estimate(
        self, thread: Watched, key: Place | str, outcome: Place | Outcome, holds: bool, weight: float
    ) -> None:
        """Without stops: a thread that calls what is not Python, or has no GIL, runs native code."""
        assert self.stacks is not None
        if type(outcome) is not Place:
            return
        native = not holds or self.stacks.judge.calls_native(thread.reader.instruction)
        state = State.ESTIMATED_NATIVE if native else State.ESTIMATED_PYTHON
        thread.account.evidence.note(key, state, "", weight)

    def _land(self) -> None:
        """Late stops that have come by now tell what the threads were doing when they were drawn."""
        for late, still in self.exact.take_landed(self.tree.now):
            thread = late.thread
            key = self._key(thread, still.outcome)
            if late.weight:
                thread.account.runs(key, late.weight, late.holds)
            self._note(thread, key, still, late.weight + late.evidence)

    def _had_no_core(self, thread: Watched, holds: bool, moment: float) -> bool:
        """Whether the kernel gave the thread no CPU time since its last sample, as far as can be told."""
        if holds or not thread.sees_syscall:
            return False
        times = thread.task.times()
        if times is None:
            return False
        before, thread.run_ns = thread.run_ns, times[0]
        return before == times[0] and moment - thread.account.last > _STEP

    def _sample_blocked(
        self, thread: Watched, syscall: bytes, buffer: bytearray, holds: bool, moment: float, late: float
    ) -> None:
        """A blocked thread stands still by itself: it is read without being stopped."""
        account = thread.account
        outcome = self._parse(thread, buffer, double=True)
        if syscall == thread.syscall and outcome is thread.parked[0]:
            outcome = thread.parked[1] or outcome
        else:
            # The tick's read may have come by before it blocked, and it may have woken up by now.
            there = outcome = thread.read(self._aux, double=False)
            self._dirty = True
            if self.stacks is not None and self.stacks.frames:
                outcome = self.stacks.blocked(thread, syscall, self._aux.buffer, outcome, self.tree.now)
            if thread.task.syscall() != syscall:
                # The next sample stands for this one, too.
                return
            thread.parked = there, outcome
        first = not thread.syscall
        state = waiting_state(syscall, thread.state.interpreter.gil, self._gil_size)
        reason = self._reasons.of(thread.tid, syscall, state, self.tree.now)
        account.slept(self._key(thread, outcome), state, moment, late, holds, reason)
        if first:
            # A thread that was parked all along need not be watched closely first.
            thread.awake_at = moment - _COOLS
        elif syscall != thread.syscall or holds:
            thread.awake_at = moment
        thread.syscall = syscall
        self._cool(thread, state, moment)

    def _cool(self, thread: Watched, state: State, moment: float) -> None:
        """Stop reading a thread that sleeps on."""
        crowded = len(self.roster.warm) > _MANY and state is not State.GIL
        if moment - thread.awake_at <= _COOLS and not crowded:
            return
        times = thread.task.times()
        if times is None:
            return
        before, thread.run_ns = thread.run_ns, times[0]
        if times[0] == (before if crowded else thread.account.run_ns):
            self.roster.cool(thread)

    def _parse(self, thread: Watched, buffer: bytearray, *, double: bool) -> Place | Outcome:
        """What the tick's read says of a thread; if it says nothing, the thread is read alone."""
        reader = thread.reader
        outcome: Place | Outcome = MISS
        if thread.base >= 0 and reader.regions is thread.laid:
            outcome = reader.parse(buffer, thread.base, double)
        if outcome is MISS:
            outcome = thread.read(self._aux, double=double)
            # It lies elsewhere now, or a look at it alone has found it to.
            self._dirty |= reader.regions is not thread.laid
        return outcome

    def _key(self, thread: Watched, outcome: Place | Outcome) -> Place | str:
        """What a sample is charged to."""
        self.counters.samples += 1
        key = thread.key(outcome)
        if key is None or (self.tree.young and type(key) is Place and not self.tree.confirm(key)):
            self.counters.unread += 1
            return UNREAD
        return key

    # ------------------------------------------------------------------ settling

    def settle(self, now: float, *, gone: bool = False) -> list[Settled]:
        """Settle the accounts of all threads: see `Settler.settle`."""
        return self._settler.settle(now, gone=gone)

    @property
    def full(self) -> bool:
        """Whether `forget_places` is due: a tree has outgrown its limit."""
        return self.tree.full or (self.stacks is not None and self.stacks.merger.size > self.tree.limit)

    def forget_places(self, now: float) -> None:
        """Begin the stack trees anew."""
        self.tree.reset()
        if self.stacks is not None:
            self.stacks.merger.reset()
        self.roster.forget_places(now)

    def close(self) -> None:
        """Let go of everything."""
        self.exact.close()
        self.roster.close()
