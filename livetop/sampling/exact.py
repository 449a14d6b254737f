"""An exact sample: a running thread stands still for the instant of a copy."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from livetop.cpython.outcome import MISS, TORN, Outcome
from livetop.cpython.tree import Place
from livetop.native.copied import Copied
from livetop.native.verdict import Verdict
from livetop.target.errors import ProcessGone, TargetError, ThreadGone
from livetop.target.registers import Registers, was_asleep
from livetop.target.stop import Stopper
from livetop.target.syscalls import SLEEPS
from livetop.target.vectored import VectoredRead

from .c_stacks import CStacks
from .late import Late
from .watched import Watched

# After a refusal (somebody else traces the process) stops are tried again so much later.
_AGAIN = 10.0
# Seconds to wait for a stop. What takes longer is in the kernel, or waits for a core; it is copied when it
# does stop, and until then there is other work.
_TIMEOUT = 0.0005
# A stop in a system call that came as early as one outside the kernel does is doubtful: see kernel_time.py.
_EARLY = 1.5
_LEARNS = 0.05


class Still(NamedTuple):
    """What a thread was when it stood still.

    `verdict` says whose time it was (None when C stacks are not read), or would have been outside the system
    call that it was in. `doubtful`: it may have got into that call after it was told to stop. `faults`: how
    many pages a second were faulting, None if that is not known. `asleep`: it blocked before the stop came.
    `read`: the Python frames of `outcome`, which may have C frames, too. `collection`: what its interpreter's
    `collection_words` were.
    """

    outcome: Place | Outcome
    verdict: Verdict | None
    in_call: bool
    doubtful: bool
    faults: float | None
    asleep: bool
    read: Place | Outcome
    collection: bytes = b""


class ExactReader:
    """Stops threads of one process, one at a time. Times are monotonic seconds.

    While a thread stands still nothing is done but copying; what the copy means is found out after it runs.
    """

    def __init__(self, pid: int, stacks: CStacks | None = None) -> None:
        self._pid = pid
        self._stacks = stacks
        self._stopper: Stopper | None = None
        self._refused_until = 0.0
        self._pause = 0.0
        self.refusal = ""
        """Why the kernel refused the last stop, or ""."""
        self._stops = 0
        self._late: dict[int, Late] = {}
        self._landed: list[Late] = []
        self._spare: VectoredRead | None = None
        # Seconds that it usually takes until a thread outside the kernel stops.
        self._usual = 0.0

    def allowed(self, now: float) -> bool:
        """Whether stops are not being refused at the moment."""
        return now >= self._refused_until

    def late(self, thread: Watched) -> Late | None:
        """The stop of this thread that is still to come."""
        return self._late.get(thread.tid)

    @property
    def expecting(self) -> bool:
        """Whether some thread was told to stop and has not yet: it must not be kept waiting when it does."""
        return bool(self._late)

    def read(
        self,
        thread: Watched,
        aux: VectoredRead,
        now: float,
        timeout: float = _TIMEOUT,
        *,
        calls: bool = False,
    ) -> Still | None:
        """Stop the thread, copy its stacks into `aux`, let it run, and return what it was.

        `calls`: whether it is in a system call matters, though C stacks are not read.

        None when it did not stop in time (see `late`), has ended, or may not be stopped. Raises ProcessGone.
        """
        if thread.tid in self._late:
            # Its stop is still to come, and tells what was gathered for it.
            return None
        stacks, task = self._stacks, thread.task
        if stacks is not None and not thread.stack_end:
            stacks.find(thread, thread.reader.mark)
        # Both are asked for only where they may matter: each costs some microseconds.
        before = task.faults() if thread.faulty else None
        turns = task.turns() if thread.faulty or thread.sees_syscall else -1
        began = monotonic()
        stopper = self._stop(thread, turns, now, timeout)
        if stopper is None:
            return None
        faults: float | None = 0.0
        copied, registers, on_core = -1, None, True
        try:
            if stacks is not None or calls:
                registers = stopper.registers()
            copied = self._copy(thread, aux, registers)
            # One that had to be given a core first has done nothing since we looked.
            on_core = turns < 0 or task.turns() == turns
            if before is not None and not on_core:
                faults = None
            elif before is not None and (after := task.faults()) is not None:
                faults = (after[0] - before[0]) / max(1e-6, stopper.stopped_at - began)
        except ThreadGone:
            return None
        finally:
            paused = stopper.release()
            self._pause += paused + stopper.poll_late()
        self._stops += 1
        self.refusal = ""
        if copied < 0:
            thread.reader.lay_out()
            return None
        doubtful = False
        if registers is not None and stacks is not None:
            if not copied and stacks.find(thread, registers.sp):
                # On another stack than before: its end is known from now on.
                return None
            if registers.system_call < 0:
                self._usual += (stopper.latency - self._usual) * _LEARNS
            else:
                doubtful = stopper.latency <= _EARLY * self._usual
        collection = bytes(aux.buffer[thread.reader.single_size + copied : aux.size])
        still = self._understand(thread, aux, copied, registers, now, doubtful=doubtful, on_core=on_core)
        return still and still._replace(faults=faults, collection=collection)

    def _stop(self, thread: Watched, turns: int, now: float, timeout: float) -> Stopper | None:
        try:
            stopper = self._stopper
            if stopper is None:
                stopper = self._stopper = Stopper(self._pid)
                stopper.on_late = self._land
            # Ready before it is needed: a stop may come late the very moment it is called so.
            late = self._late[thread.tid] = Late(thread, turns, self._spare or VectoredRead(self._pid))
            self._spare = None
            if not stopper.stop(thread.tid, timeout):
                self._pause += stopper.poll_late()
                return None
            self._late.pop(thread.tid)
            self._spare = late.read
        except (ThreadGone, ProcessGone) as error:
            self._late.pop(thread.tid, None)
            if isinstance(error, ProcessGone):
                raise
            return None
        except TargetError as error:
            self._late.pop(thread.tid, None)
            self.refusal = str(error)
            self._refused_until = now + _AGAIN
            return None
        return stopper

    def _understand(
        self,
        thread: Watched,
        read: VectoredRead,
        copied: int,
        registers: Registers | None,
        now: float,
        *,
        doubtful: bool = False,
        on_core: bool = True,
    ) -> Still | None:
        """What a copy means; None when the Python stack is not all there."""
        reader = thread.reader
        size = reader.single_size
        outcome = reader.parse(read.buffer, 0, False)
        if outcome is MISS:
            # A caller lies where none was before: know it the next time.
            reader.lay_out()
        if outcome is MISS or outcome is TORN:
            return None
        verdict, in_call, asleep, python = None, False, False, outcome
        if registers is not None:
            in_call = registers.system_call >= 0
        if registers is not None and self._stacks is not None:
            # Woken up just now, it has still to be given a core: it took no time in the kernel either.
            asleep = was_asleep(registers) or (not on_core and registers.system_call in SLEEPS)
            stack = Copied(read.buffer, size, registers.sp, copied)
            outcome, verdict = self._stacks.understand(
                thread, registers, stack, outcome, now, sure=in_call and not doubtful
            )
        return Still(outcome, verdict, in_call, doubtful, 0.0, asleep, python)

    def _copy(self, thread: Watched, aux: VectoredRead, registers: Registers | None) -> int:
        """Fetch one copy that reaches the innermost frame; its place may have to be looked up once.

        Returns the bytes of C stack that lie behind it, -1 when there is no copy. What says whether it
        collects garbage comes last.
        """
        reader, words = thread.reader, thread.state.interpreter.collection_words
        size = 0
        if registers is not None and self._stacks is not None:
            size = self._stacks.size(thread, registers.sp)
        behind = (registers.sp, size, *words) if registers is not None and size else words
        if reader.read_single(aux, *behind) and reader.covers(aux.buffer, 0):
            return size
        if not reader.lay_out(follow=False):
            return -1
        if reader.read_single(aux, *behind):
            return size
        # The stack is not what it was taken for: its end is looked up afresh.
        thread.stack_end = 0
        return 0 if size and reader.read_single(aux, *words) else -1

    # ------------------------------------------------------------------ stops that come late

    def _land(self, tid: int, registers: Registers) -> None:
        """A late thread stands still: what it was doing when it was told to is what it does now."""
        late = self._late.pop(tid, None)
        if late is None:
            return
        size = 0
        if self._stacks is not None:
            size = self._stacks.size(late.thread, registers.sp)
        late.copy(registers, size)
        self._landed.append(late)
        self._stops += 1

    def take_landed(self, now: float) -> list[tuple[Late, Still]]:
        """The late stops that have come since this was asked last."""
        if not self._landed:
            return []
        landed, self._landed = self._landed, []
        found = []
        for late in landed:
            if late.sound and late.registers is not None:
                registers = late.registers if self._stacks is not None else None
                still = self._understand(
                    late.thread, late.read, late.size, registers, now, on_core=late.on_core
                )
                if still is not None:
                    # Outside the kernel it was late for want of a core.
                    found.append((late, still._replace(faults=None if late.thread.faulty else 0.0)))
        return found

    def poll_late(self) -> None:
        """Release what has stopped by now of the threads that did not stop in time."""
        if self._stopper is not None and self._late:
            self._pause += self._stopper.poll_late()
            # A copy made in one step: a stop may land, in a signal handler, while the rest is looked at.
            for tid in [tid for tid in list(self._late) if not self._stopper.is_late(tid)]:
                # It ended instead.
                self._late.pop(tid, None)

    def take_pause(self) -> tuple[float, int]:
        """Seconds that threads stood still, and stops, since this was asked last."""
        taken = self._pause, self._stops
        self._pause, self._stops = 0.0, 0
        return taken

    @property
    def exit_status(self) -> int | None:
        """The target's wait status, if a stop has met its end."""
        return self._stopper.exit_status if self._stopper is not None else None

    def close(self, patience: float = 0.05) -> None:
        """Let go of everything."""
        if self._stopper is not None:
            self._stopper.close(patience)
