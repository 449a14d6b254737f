"""What can go wrong with a target; `str(error)` is the one line the user reads."""

from __future__ import annotations


class TargetError(Exception):
    """Something is wrong with the target. `code` is the exit code of the command line."""

    code = 1


class NoSuchProcess(TargetError):
    """There is no process with this PID, or no process of this name."""

    code = 3


class Ambiguous(TargetError):
    """Several processes have this name; the text lists them."""

    code = 2


class NotReadable(TargetError):
    """The process is there, but it is no Python that can be read: zombie, kernel thread, other program."""

    code = 3


class PermissionDenied(TargetError):
    """The kernel does not let us read the process; the text names the blocker and the fix."""

    code = 4


class AlreadyTraced(TargetError):
    """Another tracer (a debugger, strace) holds the process, and there can be only one."""

    code = 4


class ProcessGone(TargetError):
    """The process exited while it was being read; for a watcher that is an end like any other."""

    code = 0


class ProcessReplaced(TargetError):
    """The process called exec: same PID, other program. Everything known about its memory is void."""


class ThreadGone(TargetError):
    """One thread ended; the process may well go on."""


class MemoryFault(TargetError):
    """An address that is not mapped (any more), or a read that asks for more than `MAX_READ`."""

    def __init__(self, address: int, size: int) -> None:
        super().__init__(f"cannot read {size} bytes at {address:#x} in the target: nothing is mapped there")
        self.address = address
        self.size = size


class SourceUnavailable(TargetError):
    """A source file that cannot be shown; the text says why."""
