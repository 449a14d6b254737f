"""Samples of threads that run: which are exact, and whose time they show."""

from __future__ import annotations

from collections.abc import Callable

from livetop.cpython.outcome import MISS, TORN, Outcome
from livetop.cpython.tree import Place
from livetop.native.verdict import NATIVE, PYTHON, SYSTEM
from livetop.profile.states import State

from .collecting import Collections
from .exact import Still
from .subject import Subject
from .watched import Watched

# Seconds for which the chance that a sample is exact stays what it is.
_CHANCES = 0.01
# At most this part of the samples of a thread is exact that can be read soundly without a stop.
_CALM_PART = 0.5
# The kernel counts CPU time in steps of up to 4 ms; over more than this, none at all means no core.
_STEP = 0.008
_KINDS = {PYTHON: State.PYTHON, NATIVE: State.NATIVE, SYSTEM: State.SYSTEM}


class Running:
    """Samples the running threads of one process. Times are monotonic seconds."""

    def __init__(self, subject: Subject, collections: Collections, now: float) -> None:
        self._subject = subject
        self._collections = collections
        # The chance to be exact of a sample of a busy and of a calm thread, and until when it holds.
        self._chances = (0.0, 0.0)
        self._until = now
        self._threads = 1
        # How many running threads the budget knows of.
        self._told = 0

    def begin(self, now: float, period: float) -> None:
        """A tick begins; from time to time settle with what chance its samples are exact.

        `period`: seconds between two ticks, as they really are.
        """
        threads, self._threads = self._threads, 0
        if now < self._until:
            return
        self._until = now + _CHANCES
        subject = self._subject
        if not subject.exact.allowed(now):
            self._chances = (0.0, 0.0)
            self.close()
            return
        budget = subject.budget
        budget.running += threads - self._told
        self._told = threads
        busy = budget.chance(period, budget.running, False)
        if subject.stacks is None:
            calm = budget.chance(period, budget.running, True)
        else:
            # Whose time it is only exact samples tell: there are more of them than checking would need.
            calm = min(_CALM_PART, busy)
        self._chances = (busy, calm)

    def close(self) -> None:
        """Leave the budget to other processes."""
        self._subject.budget.running -= self._told
        self._told = 0

    def sample(
        self,
        thread: Watched,
        look: Callable[[], Place | Outcome],
        attached: bool,
        moment: float,
        late: float,
    ) -> None:
        """Charge the seconds since this thread's last sample to where it is now.

        `look` tells what the tick's read says, `attached` whether it may run Python code; see `Account` for
        the others.
        """
        subject = self._subject
        holds = attached and subject.gil
        subject.counters.samples += 1
        self._threads += 1
        if subject.frames and self._chances[0] >= 1.0:
            # All are exact, and how others would fare does not matter.
            self._sample_exact(thread, look, holds, moment, late, 1.0, False)
            return
        outcome = look()
        rejected = outcome is TORN or outcome is MISS
        thread.judge(rejected)
        subject.counters.rejected += rejected
        # With C frames all samples that count are exact, or some stacks would have them and some not.
        calm = thread.calm and not subject.frames
        chance = self._chances[calm]
        if chance > 0 and subject.budget.drawn(chance):
            self._sample_exact(thread, lambda: outcome, holds, moment, late, chance, calm)
        elif chance > 0 and not calm:
            # Those accepted are too shallow: one that is drawn to be exact stands for them.
            thread.account.passed(moment, late)
        else:
            if rejected:
                outcome = self._insist(thread, stops=chance > 0)
            queued = self._had_no_core(thread, holds, moment)
            key = subject.key(thread, outcome)
            weight = thread.account.ran(key, moment, late, holds, queued=queued)
            thread.look_closer(key)
            if not chance and subject.stacks is not None and not queued:
                self._estimate(thread, key, outcome, attached, weight)

    def _insist(self, thread: Watched, *, stops: bool) -> Place | Outcome:
        """A sample was rejected: try once more, and stop the thread if that does not help."""
        outcome = thread.read(self._subject.aux, double=True)
        if outcome is TORN and stops:
            still = self._subject.exact.read(thread, self._subject.aux, self._subject.tree.now)
            if still is not None:
                self._subject.counters.exact += 1
                return still.outcome
        return outcome

    def _sample_exact(
        self,
        thread: Watched,
        look: Callable[[], Place | Outcome],
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
        if self._subject.exact.late(thread) is None:
            still = self._subject.exact.read(thread, self._subject.aux, self._subject.tree.now)
        if still is not None and still.asleep:
            # It ran when it was looked at, and what it did then is not known.
            still = None
        collects = holds and still is not None and self._collections.going_on(thread, still)
        if collects and type(look()) is not Place:
            still = None
        if still is None:
            to_come = self._subject.exact.late(thread)
            if not calm:
                # It tells later what it was doing now, or else the next one stands for this one, too.
                if to_come is not None:
                    to_come.weight += account.passed(moment, late) * scale
                    to_come.holds = holds
                return
            outcome = look()
            if outcome is TORN or outcome is MISS:
                outcome = thread.read(self._subject.aux, double=True)
            key = stood = self._subject.key(thread, outcome)
        else:
            key = stood = self._subject.key(thread, still.outcome)
            if (collects or (calm and still.doubtful)) and type(outcome := look()) is Place:
                # Where it was when it was looked at: a stop comes later, and rather in a system call. And
                # looks have counted what is collected already.
                key = self._subject.key(thread, outcome)
        queued = self._had_no_core(thread, holds, moment)
        weight = account.ran(key, moment, late, holds, 1.0 if calm else scale, queued)
        thread.look_closer(key)
        if queued:
            return
        if calm:
            weight *= scale
        if collects:
            account.evidence.untold(key, weight)
        elif still is not None:
            self._note(thread, stood, still, weight)
        elif to_come is not None:
            to_come.evidence += weight

    def _note(self, thread: Watched, key: Place | str, still: Still, weight: float) -> None:
        """Whose time an exact sample was."""
        self._subject.counters.exact += 1
        account, verdict = thread.account, still.verdict
        if verdict is None:
            account.evidence.note(key, State.EXACT, "", weight)
            return
        system = 0.0
        if still.in_call:
            system = account.kernel.in_call(key, weight, still.doubtful)
        elif thread.faulty or account.kernel.doubts:
            system = account.kernel.in_fault(key, weight, still.faults)
        account.evidence.note(key, State.SYSTEM, "", weight, system)
        account.evidence.note(key, _KINDS[verdict.kind], verdict.library, weight, 1.0 - system)

    def _estimate(
        self, thread: Watched, key: Place | str, outcome: Place | Outcome, attached: bool, weight: float
    ) -> None:
        """Without stops: a thread that calls what is not Python, or has let go of it, runs native code."""
        assert self._subject.stacks is not None
        if type(outcome) is not Place:
            return
        native = not attached or self._subject.stacks.judge.calls_native(thread.reader.instruction)
        state = State.ESTIMATED_NATIVE if native else State.ESTIMATED_PYTHON
        thread.account.evidence.note(key, state, "", weight)

    def land(self) -> None:
        """Late stops that have come by now tell what the threads were doing when they were drawn."""
        for late, still in self._subject.exact.take_landed(self._subject.tree.now):
            if still.asleep:
                continue
            thread = late.thread
            key = self._subject.key(thread, still.outcome)
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
