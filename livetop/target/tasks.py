"""What the kernel says of each thread of a process: CPU time, the system call it is in, its name.

Files under /proc/PID/task/TID are kept open and read again with pread, which costs 2 to 4 microseconds;
a closed or vanished thread reads as gone.
"""

from __future__ import annotations

import errno
import os
import resource
from dataclasses import dataclass

from .errors import PermissionDenied, ProcessGone, TargetError
from .text import escape

RUNNING = b"running"

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

# What covers these files.
_SIZE = 256
_STAT_SIZE = 1024

_pread = os.pread


def raise_file_limit() -> None:
    """Let this process keep as many files open as it may: three for each thread of the target."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 16), hard))


def list_tids(pid: int) -> list[int]:
    """Return the ids of a process's threads. Raises ProcessGone."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        raise ProcessGone(f"process {pid} has exited") from None


def innermost_tids(pid: int, tids: list[int]) -> dict[int, int]:
    """Map thread ids as the process's own PID namespace has them to ours (identity outside containers).

    CPython's `native_thread_id` is the former, everything under /proc the latter.
    """
    try:
        if os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid"):
            return {tid: tid for tid in tids}
    except OSError:
        return {tid: tid for tid in tids}
    mapped = {}
    for tid in tids:
        try:
            with open(f"/proc/{pid}/task/{tid}/status", "rb") as file:
                status = file.read()
        except OSError:
            continue
        at = status.find(b"\nNSpid:")
        inner = status[at + 7 : status.find(b"\n", at + 1)].split() if at >= 0 else []
        mapped[int(inner[-1]) if inner else tid] = tid
    return mapped


class Task:
    """One thread, by the files the kernel keeps about it."""

    __slots__ = ("_schedstat", "_stat", "_syscall", "pid", "tid")

    def __init__(self, pid: int, tid: int) -> None:
        self.pid = pid
        self.tid = tid
        self._schedstat = -1
        self._stat = -1
        self._syscall = -1

    def _open(self, name: str) -> int:
        try:
            return os.open(f"/proc/{self.pid}/task/{self.tid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise TargetError(
                    "too many open files: three are needed for each busy thread (see `ulimit -n`)"
                ) from None
            return -1

    def times(self) -> tuple[int, int] | None:
        """Nanoseconds on a core and nanoseconds runnable but not on one; None when the thread is gone.

        The first moves in steps of up to 4 ms while the thread runs (kernel/sched: the scheduler tick).
        """
        fd = self._schedstat
        if fd < 0:
            fd = self._schedstat = self._open("schedstat")
            if fd < 0:
                return None
        try:
            run, delay, _ = _pread(fd, _SIZE, 0).split()
        except (OSError, ValueError):
            return None
        return int(run), int(delay)

    def turns(self) -> int:
        """How often it was given a core so far; -1 when it is gone."""
        if self._schedstat < 0 and self.times() is None:
            return -1
        try:
            return int(_pread(self._schedstat, _SIZE, 0).split()[2])
        except (OSError, ValueError, IndexError):
            return -1

    def syscall(self) -> bytes | None:
        """`b"running"`, or "number arguments... sp pc" of the call it is blocked in; None when gone.

        A thread that is runnable but waits for a core reads as running. The kernel shows this file only
        to those who may trace the process. A thread stopped by a signal or a tracer reads "-1 sp pc".
        """
        fd = self._syscall
        if fd < 0:
            fd = self._syscall = self._open("syscall")
            if fd < 0:
                return None
        try:
            return _pread(fd, _SIZE, 0).rstrip()
        except PermissionError:
            raise PermissionDenied(
                f"the kernel does not show what threads of process {self.pid} wait for: run livetop as root"
            ) from None
        except OSError:
            return None

    def faults(self) -> tuple[int, float] | None:
        """Page faults so far, and seconds of system time (in steps of 10 ms); None when it is gone."""
        fd = self._stat
        if fd < 0:
            fd = self._stat = self._open("stat")
            if fd < 0:
                return None
        try:
            text = _pread(fd, _STAT_SIZE, 0)
            # Behind the name, which may hold anything: state, then minflt 8th, majflt 10th, stime 13th.
            fields = text[text.rindex(b")") + 2 :].split(None, 13)
            return int(fields[7]) + int(fields[9]), int(fields[12]) / _TICKS
        except (OSError, ValueError, IndexError):
            return None

    def name(self) -> str:
        """The kernel's name of the thread, escaped; "" when it is gone."""
        try:
            with open(f"/proc/{self.pid}/task/{self.tid}/comm", "rb") as file:
                return escape(file.read().rstrip(b"\n"))
        except OSError:
            return ""

    def state(self) -> str:
        """The one-letter state of /proc/PID/stat (R, S, D, T, t, Z ...); "" when it is gone."""
        try:
            with open(f"/proc/{self.pid}/task/{self.tid}/stat", "rb") as file:
                text = file.read()
        except OSError:
            return ""
        return text[text.rfind(b")") + 2 : text.rfind(b")") + 3].decode("ascii", "replace")

    def close_syscall(self) -> None:
        """Give back the file of a thread that is looked at seldom."""
        if self._syscall >= 0:
            os.close(self._syscall)
            self._syscall = -1

    def close(self) -> None:
        """Give back all files."""
        self.close_syscall()
        for name in ("_schedstat", "_stat"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)


@dataclass(frozen=True, slots=True)
class Usage:
    """The whole process: seconds of CPU since it began, resident bytes, number of threads.

    `waited`: seconds of CPU of children that it has waited for, and of those that they waited for.
    """

    cpu: float
    rss: int
    threads: int
    waited: float


def usage(pid: int) -> Usage | None:
    """Read /proc/PID/stat; None when the process is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 22 or fields[0] in (b"Z", b"X"):
        return None
    own, waited = (int(fields[at]) + int(fields[at + 1]) for at in (11, 13))
    return Usage(own / _TICKS, int(fields[21]) * _PAGE, int(fields[17]), waited / _TICKS)
