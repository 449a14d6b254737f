"""Samples of threads that are blocked: they stand still by themselves, and wait for something."""

from __future__ import annotations

from livetop.cpython.outcome import Outcome
from livetop.cpython.runtime import Runtime
from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.target.memory import Memory

from .reasons import Reasons
from .roster import Roster
from .subject import Subject
from .waits import Waits
from .watched import Watched

# A warm thread that has not run for so long becomes cold; of very many, each that has not run since the
# last tick: to read them all would cost more than their short runs are worth.
_COOLS = 0.5
_MANY = 24


class Blocked:
    """Samples the blocked threads of one process. Times are monotonic seconds."""

    def __init__(self, subject: Subject, roster: Roster, memory: Memory, runtime: Runtime) -> None:
        self._subject = subject
        self._roster = roster
        self._waits = Waits(Reasons(subject.pid, subject.errands.errand("reasons")), memory, runtime)

    def sample(
        self,
        thread: Watched,
        syscall: bytes,
        outcome: Place | Outcome,
        attached: bool,
        moment: float,
        late: float,
    ) -> bool:
        """Charge the seconds since this thread's last sample to where it waits in `syscall`.

        `outcome` is what the tick's read says, `attached` whether it kept Python from others meanwhile, or
        its GIL. True when the thread had to be read again.
        """
        subject, account = self._subject, thread.account
        moved = syscall != thread.syscall or outcome is not thread.parked[0]
        if moved:
            # The tick's read may have come by before it blocked, and it may have woken up by now.
            there = outcome = thread.read(subject.aux, double=False)
            if subject.stacks is not None and subject.stacks.frames:
                outcome = subject.stacks.blocked(
                    thread, syscall, subject.aux.buffer, outcome, subject.tree.now
                )
            if thread.task.syscall() != syscall:
                # The next sample stands for this one, too.
                return True
            thread.parked = there, outcome
        else:
            outcome = thread.parked[1] or outcome
        first = not thread.syscall
        state, reason = self._waits.of(thread.state, thread.tid, syscall, subject.tree.now)
        subject.counters.samples += 1
        holds = attached and subject.gil
        account.slept(subject.key(thread, outcome, running=False), state, moment, late, holds, reason)
        if first:
            # A thread that was parked all along need not be watched closely first.
            thread.awake_at = moment - _COOLS
        elif syscall != thread.syscall or attached:
            thread.awake_at = moment
        thread.syscall = syscall
        self._cool(thread, state, moment)
        return moved

    def _cool(self, thread: Watched, state: State, moment: float) -> None:
        """Stop reading a thread that sleeps on."""
        crowded = len(self._roster.warm) > _MANY and state is not State.GIL
        if moment - thread.awake_at <= _COOLS and not crowded:
            return
        times = thread.task.times()
        if times is None:
            return
        before, thread.run_ns = thread.run_ns, times[0]
        if times[0] == (before if crowded else thread.account.run_ns):
            self._roster.cool(thread)
