"""A brief stop of one running thread: SEIZE, INTERRUPT, look, DETACH.

Nothing stays traced between stops, as a seized thread freezes at every signal until its tracer looks. An
INTERRUPT cannot be withdrawn: a thread that does not stop in time is *late*, and released as soon as it does
stop. All calls on one Stopper must come from the same OS thread (ptrace knows its tracer by thread). When the
tracer dies, by SIGKILL even, the kernel lets its seized threads go by itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Final

from .child_signal import ChildSignal
from .errors import AlreadyTraced, MemoryFault, ProcessGone, TargetError, ThreadGone
from .memory import RemoteMemory
from .obstacles import process_name
from .permission import denied, is_hidden
from .procfs import read_status
from .registers import Architecture, Registers, decode, restarted, this_architecture, told_by_code

# From linux/ptrace.h; python-ptrace lacks those of SEIZE.
_DETACH: Final = 17
_GETREGSET: Final = 0x4204
_SETREGSET: Final = 0x4205
_SEIZE: Final = 0x4206
_INTERRUPT: Final = 0x4207
_EVENT_STOP: Final = 128
_NT_PRSTATUS: Final = 1
_WALL: Final = 0x40000000

_WAIT: Final = _WALL | os.WNOHANG

# A thread on another core stops within these looks; one that waits for our core needs us to sleep. Looking
# without sched_yield, as that hands a whole slice to whoever else wants this core while the target stands
# still already: on a busy machine it made the mean stop 1.6-2.2 ms instead of 0.14-0.5.
_EAGER_LOOKS: Final = 60
_NAP: Final = 0.00002
# Seconds that a DETACH takes at most until the thread can run.
_LETTING_GO: Final = 0.00001


class Stopper:
    """Stops threads of one process, one at a time: `stop`, read what is needed, `release`.

    `exit_status` is the process's wait status if its end was seen here instead of by whoever else waits for
    it: when the process is our own child, it is there and nowhere else.

    Raises TargetError on a machine where a call that a stop interrupts cannot be told to start again.
    """

    def __init__(self, pid: int) -> None:
        # Imported late: it takes some 25 ms (it runs ldconfig), which a look without stops need not pay.
        from ptrace.binding.func import ptrace
        from ptrace.error import PtraceError

        self.pid = pid
        self.exit_status: int | None = None
        self._ptrace: Callable[..., int] = ptrace
        self._error: type[Any] = PtraceError
        self._architecture: Architecture = this_architecture()
        if not self._architecture.restarts:
            raise TargetError(
                f"on {self._architecture.machine} a stop could make a system call fail with EINTR:"
                " figures come from reads without stops"
            )
        self._memory = RemoteMemory(pid)
        size = self._architecture.words.size
        self._raw = ctypes.create_string_buffer(size)
        self._vector = (ctypes.c_uint64 * 2)(ctypes.addressof(self._raw), size)
        self._vector_at = ctypes.addressof(self._vector)
        # The thread that is being stopped or stands still; `_status` is None until it does.
        self._tid = 0
        self._status: int | None = None
        self._registers: Registers | None = None
        # When the thread was last seen running: it cannot have stood still before.
        self._running_at = 0.0
        self._let_go_at = 0.0
        self.stopped_at = self.latency = 0.0
        """When the last stop was seen, and how many seconds it took to come from when the thread was told."""
        # {tid: when last seen running} of threads that did not stop in time.
        self._late: dict[int, float] = {}
        self._late_seconds = 0.0
        self.on_late: Callable[[int, Registers], None] | None = None
        """Called with a late thread's id and registers while it stands still: what it was doing since it was
        told to stop. May run in a signal handler; must be quick, and raise nothing but TargetError."""
        self._run_delay = _own_run_delay()
        # While threads are late it lets go of them: what uses the same registers keeps it away meanwhile, and
        # what it has let go must not be noted as late again.
        self._signal = ChildSignal(self._release_late)

    def stop(self, tid: int, timeout: float = 0.002) -> bool:
        """Make a thread stand still; False when it does not within `timeout` seconds.

        Then it is released as soon as it stops: see `poll_late`. Do not stop a blocked thread; a thread that
        job control has stopped stays so. Raises ThreadGone, ProcessGone, AlreadyTraced, PermissionDenied.
        """
        if self._tid:
            raise TargetError(f"thread {self._tid} is still stopped")
        if self._late:
            self._release_late()
            if tid in self._late:
                return False
        # Noted before it happens: if a signal's exception gets in between, close() finds it.
        self._tid, self._status, self._registers = tid, None, None
        try:
            return self._stop(tid, timeout)
        except TargetError:
            self._tid = 0
            raise

    def registers(self) -> Registers:
        """Return the registers of the thread that stands still. Raises ThreadGone when it was killed."""
        if self._status is None:
            raise TargetError("no thread is stopped")
        if self._registers is None:
            with self._signal:
                self._registers = self._read_registers(self._tid)
        return self._registers

    def release(self) -> float:
        """Let the stopped thread run on and return the seconds it stood still, at most.

        They are counted from when it was last seen running to when it was let go. 0.0 when nothing is
        stopped. A thread that was killed meanwhile is no error.
        """
        tid, status = self._tid, self._status
        if status is None:
            return 0.0
        with self._signal:
            self._let_go(tid, status, self._registers)
        self._tid, self._status = 0, None
        return self._let_go_at - self._running_at

    def poll_late(self) -> float:
        """Release what has stopped by now of the threads that did not stop in time.

        While there are any, SIGCHLD does it by itself if the Stopper lives in the main thread; elsewhere call
        this as often as you can. Returns the seconds that late threads stood still, at most, summed since the
        last call.
        """
        self._release_late()
        seconds, self._late_seconds = self._late_seconds, 0.0
        return seconds

    def _release_late(self) -> None:
        if not self._late:
            self._signal.unwatch()
            return
        with self._signal:
            for tid, running_at in list(self._late.items()):
                now = monotonic()
                try:
                    status = self._wait(tid)
                except TargetError:
                    self._late.pop(tid, None)
                    continue
                if status is None:
                    # It runs: what we waited for a core until now did not keep it waiting.
                    self._late[tid], self._run_delay = now, _own_run_delay()
                    continue
                del self._late[tid]
                self._let_go(tid, status, self._seize_the_moment(tid))
                # The kernel tells us at once: it stood still while we worked, and waited for a core.
                after = self._let_go_at
                delay, self._run_delay = self._run_delay, _own_run_delay()
                self._late_seconds += min(after - running_at, after - now + self._run_delay - delay)
        if not self._late:
            self._signal.unwatch()

    def _seize_the_moment(self, tid: int) -> Registers | None:
        """The registers of a late thread, for whom it may concern; None when it is gone."""
        if self.on_late is None:
            return None
        try:
            registers = self._read_registers(tid)
            self.on_late(tid, registers)
        except TargetError:
            return None
        return registers

    @property
    def late(self) -> int:
        """How many threads are still to stop and to be released."""
        return len(self._late)

    def is_late(self, tid: int) -> bool:
        """Whether this thread is still to stop."""
        return tid in self._late

    def close(self, timeout: float = 0.05) -> None:
        """Release everything, waiting up to `timeout` seconds for late threads.

        What is later still the kernel lets go when this process ends.
        """
        self.release()
        if self._tid:
            # An exception came between SEIZE and the stop.
            self._late[self._tid] = self._running_at
            self._tid = 0
        deadline = monotonic() + timeout
        self._release_late()
        while self._late and monotonic() < deadline:
            sleep(0.0005)
            self._release_late()
        self._signal.unwatch()

    def _stop(self, tid: int, timeout: float) -> bool:
        try:
            self._ptrace(_SEIZE, tid)
        except self._error as error:
            raise self._refused(tid, error.errno) from None
        self._running_at = now = monotonic()
        deadline = now + timeout
        try:
            self._ptrace(_INTERRUPT, tid)
        except self._error:
            # It is dying, and ours to be waited for.
            self._be_late(tid)
            raise self._gone(tid) from None
        looks = 0
        told = monotonic()
        while True:
            status = self._wait(tid)
            if status is not None:
                self._status = status
                self.stopped_at = monotonic()
                self.latency = self.stopped_at - told
                return True
            self._running_at = now
            looks += 1
            if looks > _EAGER_LOOKS:
                sleep(_NAP)
            now = monotonic()
            if now >= deadline:
                self._be_late(tid)
                return False

    def _be_late(self, tid: int) -> None:
        """Hand the thread over to poll_late()."""
        self._run_delay = _own_run_delay()
        self._late[tid] = self._running_at
        self._tid = 0
        self._signal.watch()
        # It may have stopped before the watch began.
        self._release_late()

    def _wait(self, tid: int) -> int | None:
        """Return the wait status of a thread that has stopped, None before.

        Raises ThreadGone, ProcessGone.
        """
        try:
            found, status = os.waitpid(tid, _WAIT)
        except ChildProcessError:
            raise self._gone(tid) from None
        if not found:
            return None
        if os.WIFSTOPPED(status):
            return status
        if tid == self.pid:
            self.exit_status = status
        raise self._gone(tid)

    def _let_go(self, tid: int, status: int, registers: Registers | None) -> None:
        """Detach from a stopped thread and leave it as if we had not been there."""
        # PTRACE_EVENT_STOP is our interrupt, or a stop by job control, which the kernel puts back into force.
        # Without an event it is a signal on its way to the thread.
        pass_on = 0 if status >> 16 else os.WSTOPSIG(status)
        try:
            fixed = restarted(self._architecture, (registers or self._read_registers(tid)).values)
            if fixed is not None:
                ctypes.memmove(self._raw, fixed, len(fixed))
                self._ptrace(_SETREGSET, tid, _NT_PRSTATUS, self._vector_at)
            self._let_go_at = monotonic()
            self._ptrace(_DETACH, tid, 0, pass_on)
            # Where it takes the core that we are on, this call returns much later than it runs.
            self._let_go_at = min(monotonic(), self._let_go_at + _LETTING_GO)
        except (self._error, TargetError):
            # Killed while it stood still: it stays ours, a zombie, until its end has been waited for.
            self._late[tid] = monotonic()
            self._signal.watch()

    def _read_registers(self, tid: int) -> Registers:
        try:
            self._ptrace(_GETREGSET, tid, _NT_PRSTATUS, self._vector_at)
        except self._error:
            raise self._gone(tid) from None
        registers = decode(self._architecture, self._raw.raw)
        if not self._architecture.call_instruction:
            return registers
        size = len(self._architecture.call_instruction)
        try:
            around = self._memory.read(registers.pc - size, 2 * size)
        except MemoryFault:
            return registers
        return told_by_code(self._architecture, registers, around)

    def _gone(self, tid: int) -> TargetError:
        if tid == self.pid or read_status(self.pid).get("State", "Z")[:1] in "ZX":
            return ProcessGone(f"process {self.pid} has exited")
        return ThreadGone(f"thread {tid} of process {self.pid} has ended")

    def _refused(self, tid: int, number: int | None) -> TargetError:
        """Turn the errno of a failed SEIZE into the error that says why."""
        status = read_status(f"{self.pid}/task/{tid}")
        if number == errno.EPERM and not status and is_hidden(tid):
            return denied(self.pid, "stop")
        if number == errno.ESRCH or status.get("State", "Z")[:1] in "ZX":
            return self._gone(tid)
        tracer = int(status.get("TracerPid", "0"))
        if tracer:
            return AlreadyTraced(
                f"process {self.pid} is already traced by {process_name(tracer)}: end that first,"
                " or use --nonblocking to read without stops"
            )
        if number == errno.EPERM:
            return denied(self.pid, "stop")
        return TargetError(f"cannot stop a thread of process {self.pid}: {os.strerror(number or 0)}")


def _own_run_delay() -> float:
    """Seconds that this thread has been runnable without a core so far, as the kernel counts them."""
    try:
        with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:
            return int(file.read(64).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
