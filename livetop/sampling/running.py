"""Samples of threads that run: which are exact, and whose time they show."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from livetop.cpython.outcome import MISS, TORN, Outcome
from livetop.cpython.tree import Place
from livetop.profile.states import State

from .collecting import Collections
from .exact import Still
from .subject import Subject
from .verdicts import Note
from .watched import Watched

# Seconds for which the chance that a sample is exact stays what it is.
_CHANCES = 0.01
# At most this part of the samples of a thread is exact that can be read soundly without a stop.
_CALM_PART = 0.5
# The kernel counts CPU time in steps of up to 4 ms; over more than this, none at all means no core.
_STEP = 0.008
# Python stacks whose C frames are kept.
_MET = 4_000


class _Met(NamedTuple):
    """A stack with C frames, and whose time it was there."""

    place: Place
    note: Note


class Running:
    """Samples the running threads of one process. Times are monotonic seconds."""

    def __init__(self, subject: Subject, collections: Collections, now: float) -> None:
        self._subject = subject
        self._collections = collections
        # The chance to be exact of a sample of a busy and of a calm thread, and until when it holds.
        self._chances = (0.0, 0.0)
        self._until = now
        self._threads = 1
        self._met: dict[Place, _Met] = {}
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
        rejected = not _sound(outcome)
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
        and of any thread for whose time it is.

        Where the thread was is what the tick's read says, if that is sound: a stop comes later, and rather
        in a system call.
        """
        account, subject = thread.account, self._subject
        outcome = look()
        sound = _sound(outcome)
        if not sound:
            # Should it be stopped in a call that it was not in, this is nearer to where it was.
            outcome = thread.read(subject.aux, double=True)
        met = self._met.get(outcome) if subject.frames and type(outcome) is Place else None
        seen = subject.key(thread, met.place if met else outcome)
        still = None
        if subject.exact.late(thread) is None:
            still = subject.exact.read(thread, subject.aux, subject.tree.now, calls=not sound)
        if still is not None and (still.asleep or (holds and self._collections.going_on(thread, still))):
            # What it did before is not known.
            still = None
        if still is not None and still.in_call and not (_sound(outcome) or calm):
            # Nor here: in that call it would have stood still when it was looked at.
            still = None
        to_come = subject.exact.late(thread)
        if still is None and not (sound or calm):
            # It tells later what it was doing now, or else the next one stands for this one, too.
            if to_come is not None:
                to_come.weight += account.passed(moment, late) / chance
                to_come.holds = holds
            return
        key = seen
        if still is not None:
            stood = subject.key(thread, still.outcome)
            strayed = sound or (_sound(outcome) and still.in_call)
            if still.read is outcome or not strayed:
                key = stood
        queued = self._had_no_core(thread, holds, moment)
        weight = account.ran(key, moment, late, holds, 1.0 if calm else 1.0 / chance, queued)
        thread.look_closer(key)
        if queued:
            return
        if calm:
            weight /= chance
        account.verdicts.ask(key, weight)
        if still is not None:
            note = self._note(thread, stood, still, weight)
            if subject.frames:
                self._meet(still, note)
                if key is not stood and met is not None:
                    account.verdicts.tell(key, met.note._replace(weight=weight))
        elif to_come is not None:
            to_come.evidence += weight

    def _note(self, thread: Watched, key: Place | str, still: Still, weight: float) -> Note:
        """Whose time an exact sample was."""
        self._subject.counters.exact += 1
        account, verdict = thread.account, still.verdict
        if verdict is None:
            note = Note(weight, "", "", False, False, None, False)
        else:
            watched = thread.faulty or account.kernel.doubts
            note = Note(weight, *verdict, still.in_call, still.doubtful, still.faults, watched)
        account.verdicts.tell(key, note)
        return note

    def _meet(self, still: Still, note: Note) -> None:
        """Keep which C frames a Python stack was met with last: they stand for those of other samples."""
        if type(still.read) is Place and type(still.outcome) is Place:
            if len(self._met) >= _MET:
                self._met.clear()
            self._met[still.read] = _Met(still.outcome, note)

    def forget_places(self) -> None:
        """The stack trees begin anew."""
        self._met.clear()

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
                thread.account.verdicts.ask(key, late.weight)
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


def _sound(outcome: Place | Outcome) -> bool:
    """Whether a read without a stop says where the thread was."""
    return outcome is not TORN and outcome is not MISS
