"""Where livetop itself runs: in a container perhaps, with a /proc that may not be its own."""

from __future__ import annotations

import os
from typing import Final

from .errors import TargetError

# The machine's first PID namespace (PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h).
_FIRST: Final = "pid:[4026531836]"


def in_container() -> bool:
    """Whether we are in a PID namespace that has not all processes; False when it cannot be told."""
    try:
        return os.readlink("/proc/self/ns/pid") != _FIRST
    except OSError:
        return False


def check_proc(path: str = "/proc") -> None:
    """Raise TargetError when /proc has other PIDs than we: nothing in it is what its name says."""
    ours = os.getpid()
    try:
        theirs = os.readlink(f"{path}/self")
    except OSError:
        theirs = ""
    if theirs != str(ours):
        called = (
            f"calls this process {theirs}, not {ours}" if theirs.isdecimal() else "does not know this process"
        )
        raise TargetError(
            f"/proc is that of another PID namespace: it {called}. Mount one for this namespace"
            " (unshare --mount-proc; nsenter with --mount), or run livetop outside"
        )


def elsewhere() -> str:
    """What to add to "there is no such process": where else it may be; "" outside containers."""
    if not in_container():
        return ""
    return (
        ", which are this container's only: to see others run it on the host, or start this container with"
        " --pid=host or --pid=container:NAME (Kubernetes: shareProcessNamespace)"
    )
