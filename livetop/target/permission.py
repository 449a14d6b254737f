"""Why the kernel will not let us read or stop a process, and the command that changes it."""

from __future__ import annotations

import errno
import os

from .errors import PermissionDenied
from .memory import probe
from .obstacles import CAP_SYS_PTRACE, CHECKS, Obstacle, Situation, capabilities, privileged
from .procfs import read_file, read_stat, read_status
from .surroundings import check_proc
from .text import escape

YAMA = "/proc/sys/kernel/yama/ptrace_scope"


def diagnose(pid: int) -> list[Obstacle]:
    """Return what stands in the way of reading and stopping a process, the decisive obstacle first.

    Empty when nothing known does. Raises NoSuchProcess, and TargetError where /proc is not ours.
    """
    check_proc()
    if not is_hidden(pid):
        read_stat(pid)
    situation = _look(pid)
    found = [obstacle for check in CHECKS if (obstacle := check(situation)) is not None]
    # The kernel has the last word: what it lets us read nothing stands in the way of.
    allowed = probe(pid) == errno.EFAULT
    return sorted(
        (obstacle for obstacle in found if obstacle.stops_only or not allowed),
        key=lambda obstacle: obstacle.stops_only,
    )


def is_hidden(pid: int) -> bool:
    """Whether the process is there although /proc does not show it to us (hidepid)."""
    # To kill(2), numbers below 1 mean groups of processes. With hidepid=1 there are folders, but no files.
    path = f"/proc/{pid}/stat"
    if pid < 1 or os.path.exists(path):
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return not os.path.exists(path)


def denied(pid: int, action: str = "read") -> PermissionDenied:
    """Return the error for a process that the kernel refused us, with the fix in its text."""
    obstacles = diagnose(pid)
    if obstacles:
        first = obstacles[0]
        return PermissionDenied(f"cannot {action} process {pid}: {first.why}. {first.fix}")
    return PermissionDenied(
        f"cannot {action} process {pid}: the kernel refused, probably a security module"
        f" ({security_modules()}). {privileged(pid)}"
    )


def security_modules() -> str:
    """Return the names of the kernel's active security modules."""
    try:
        text = read_file("/sys/kernel/security/lsm").decode("ascii", "replace").strip()
    except OSError:
        text = ""
    return escape(text, 200) or "SELinux, AppArmor, Landlock, ..."


def read_yama(path: str = YAMA) -> int | None:
    """Return Yama's ptrace_scope; None when the kernel has no Yama."""
    try:
        return int(read_file(path, 16))
    except (OSError, ValueError):
        return None


def _look(pid: int) -> Situation:
    try:
        # The folder itself always belongs to the user; its files do not when the process is not dumpable.
        owner = os.stat(f"/proc/{pid}/stat").st_uid
    except OSError:
        owner = None
    return Situation(
        pid,
        read_status(pid),
        read_status("self"),
        read_yama(),
        owner,
        _descends_from_us(pid),
        _same_user_namespace(pid),
        probe(os.getpid()) != errno.EFAULT,
    )


def _descends_from_us(pid: int) -> bool:
    ours = os.getpid()
    for _ in range(1000):
        if pid == ours:
            return True
        try:
            pid = int(read_status(pid)["PPid"])
        except (KeyError, ValueError):
            return False
        if pid <= 0:
            return False
    return False


def _same_user_namespace(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
    except OSError:
        # Readable with the very right that is in question: who seems to have it has it elsewhere.
        return not capabilities(read_status("self"), "CapEff") & CAP_SYS_PTRACE
