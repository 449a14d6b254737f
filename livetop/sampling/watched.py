"""One thread of the target under watch: its stack, its task files, its account, how well it can be read."""

from __future__ import annotations

from livetop.cpython.outcome import EMPTY, MISS, Outcome
from livetop.cpython.readers import Reader
from livetop.cpython.threads import ThreadState
from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.target.tasks import Task
from livetop.target.vectored import VectoredRead

from .account import Account, Cells, Seconds

# Part of optimistic samples rejected, above which those accepted are biased towards shallow stacks, and
# below which they are sound again.
_BIASED = 0.05
_SOUND = 0.02
_MEMORY = 0.03
# So many optimistic samples must have been tried before they are believed.
_TRIALS = 16

_LAYOUTS = 4
# Page faults a second from which on they may take time worth knowing: a large one takes up to 0.3 ms.
_FAULTY = 30
# Seconds of CPU time below which the process's own counter proves nothing.
_WHOLE_TICKS = 0.05


class Watched:
    """A thread under watch. `key_empty` names the row for when it runs no Python."""

    __slots__ = (
        "account", "awake_at", "base", "calm", "faults", "faulty", "ident", "key_empty", "laid", "last_look",
        "missing", "name", "parked", "reader", "rejects", "run_ns", "sees_syscall", "stack_end",
        "stack_room", "state", "syscall", "task", "tid", "trials", "warm", "wire",
    )  # fmt: skip

    def __init__(self, state: ThreadState, reader: Reader, task: Task, account: Account, name: str) -> None:
        self.state = state
        """The one it runs on now: with subinterpreters it may have several."""
        self.ident = state.ident
        """What `threading` knows it by, where it is at home."""
        self.reader = reader
        self.task = task
        self.account = account
        self.tid = task.tid
        self.name = name
        self.key_empty = f"[thread: {name}]"
        self.wire = 0
        """Its id in messages."""
        self.base = -1
        """Where its regions begin in the tick's buffer; -1 when it is not in there."""
        self.laid: list[int] | None = None
        """The regions it has in the tick's read."""
        self.run_ns = -1
        """CPU time when it was last looked at."""
        self.missing = 0
        """How often the list of threads was read without it."""
        self.warm = False
        """Whether each tick reads it."""
        self.awake_at = account.last
        """When it was last seen running or holding the GIL."""
        self.syscall: bytes | None = b""
        self.parked: tuple[Place | Outcome | None, Place | Outcome | None] = (None, None)
        """Where it was seen blocked last, and that with C frames."""
        self.sees_syscall = True
        """Whether its state must be asked of the kernel even while it holds the GIL."""
        self.stack_end = 0
        """Where its C stack ends; 0 when that must be looked up."""
        self.stack_room = 8 << 10
        """Bytes of C stack to copy when it is not known where the evaluation loop's frame is."""
        self.faults: tuple[int, float] | None = None
        """Page faults and system seconds when they were last looked at."""
        self.last_look: tuple[Place | str, int, float, int] | None = None
        """Where it was at its last sample, with faults, system seconds and nanoseconds of CPU so far."""
        self.faulty = False
        """Whether it has many page faults."""
        self.calm = False
        self.rejects = 2 * _BIASED
        self.trials = 0

    def rename(self, name: str) -> None:
        """Take the name that the program gives it."""
        self.name = name
        self.key_empty = f"[thread: {name}]"

    def judge(self, rejected: bool) -> None:
        """Take note of how an optimistic sample of the running thread went."""
        self.trials += 1
        self.rejects += ((1.0 if rejected else 0.0) - self.rejects) * _MEMORY
        if self.trials == _TRIALS and self.rejects < 2 * _BIASED * (1 - _MEMORY) ** (_TRIALS - 1):
            # None of the first ones was rejected.
            self.rejects = 0.0
        self.calm = self.trials >= _TRIALS and self.rejects < (_BIASED if self.calm else _SOUND)

    def system_seconds(self, elapsed: float) -> float:
        """Seconds of system time since the last look, `elapsed` seconds ago; notes whether pages fault."""
        now = self.task.faults()
        before, self.faults = self.faults, now
        if now is None or before is None:
            return 0.0
        self.faulty = now[0] - before[0] > _FAULTY * elapsed
        return max(0.0, now[1] - before[1])

    def look_closer(self, place: Place | str) -> None:
        """Hold faults and system time since the last sample against where it was then and is now."""
        if not (self.faulty or self.account.kernel.doubts):
            # What lies between looks that are not made may have been spent anywhere.
            self.last_look = None
            return
        now, times = self.task.faults(), self.task.times()
        if now is None or times is None:
            return
        before, self.last_look = self.last_look, (place, *now, times[0])
        if before is not None and before[0] is place:
            self.account.kernel.stayed(
                place, (times[0] - before[3]) / 1e9, now[0] - before[1], now[1] - before[2]
            )

    def key(self, outcome: Place | Outcome) -> Place | str | None:
        """What a sample is charged to; None when there is no stack."""
        if type(outcome) is Place:
            return outcome
        return self.key_empty if outcome is EMPTY else None

    def read(self, aux: VectoredRead, *, double: bool) -> Place | Outcome:
        """Read the thread alone, laying it out anew as often as its stack has moved away.

        `double` for one that runs; for one that is blocked one copy is enough.
        """
        reader = self.reader
        outcome: Place | Outcome = MISS
        for _ in range(_LAYOUTS):
            if reader.read_double(aux) if double else reader.read_single(aux):
                outcome = reader.parse(aux.buffer, 0, double)
                if outcome is not MISS:
                    break
            if not reader.lay_out():
                break
        return outcome


class Remainder:
    """What the process used beyond its threads: those that ended before their last look was due.

    Held against the whole process's CPU time, whose steps are 10 ms; smaller differences are kept. In the
    same way what was used by children beyond those that were watched: see `EndedChildren`.
    """

    __slots__ = ("_cpu", "_owed", "key", "name", "state", "tid", "wire")

    def __init__(self, cpu: float, name: str = "ended threads") -> None:
        self.key = f"[{name}]"
        self.name = name
        self.state = "running"
        self.tid = 0
        self.wire = 0
        self._cpu = cpu
        self._owed = 0.0

    def settle(self, cpu: float, known: float) -> list[tuple[Remainder, Cells, Seconds]]:
        """`cpu`: seconds the process has used so far; `known`: those accounted for since the last time."""
        self._owed += cpu - self._cpu - known
        self._cpu = cpu
        if self._owed < _WHOLE_TICKS:
            return []
        seconds = Seconds()
        seconds.own, self._owed = self._owed, 0.0
        return [(self, {(self.key, State.OWN, ""): [1, seconds.own, seconds.own**2]}, seconds)]


class Stranger:
    """An OS thread without a Python thread state: its CPU time is a row of its own."""

    __slots__ = ("_times", "key", "name", "state", "task", "tid", "wire")

    def __init__(self, task: Task, times: tuple[int, int]) -> None:
        self.task = task
        self.tid = task.tid
        self.name = task.name()
        self.key = f"[thread: {self.name}]"
        self.wire = 0
        self.state = ""
        """running or idle, as it was told last; gone; "" before it was told of."""
        self._times = times

    def settle(self, *, gone: bool = False) -> list[tuple[Stranger, Cells, Seconds]]:
        """What it used since the last time; [] when there is nothing to tell of it."""
        times = self.task.times()
        before, self.state = self.state, "gone" if gone else "running"
        if times is None or times == self._times:
            if not gone:
                self.state = "idle"
            return [(self, {}, Seconds())] if self.state != before and (before or not gone) else []
        own, queued = (max(0, new - old) / 1e9 for new, old in zip(times, self._times, strict=True))
        self._times = times
        seconds = Seconds()
        seconds.own, seconds.queued = own, queued
        cells: Cells = {(self.key, State.OWN, ""): [1, own, own * own]}
        if queued:
            cells[self.key, State.QUEUED, ""] = [1, queued, queued * queued]
        return [(self, cells, seconds)]
