"""What a blocked thread waits for, from the system call the kernel says it is in."""

from __future__ import annotations

import platform

from livetop.profile.states import State

# Calls in which threads park until there is work; every other blocking call is plain waiting.
# Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_PARKED = {
    "x86_64": {
        7: "poll", 23: "select", 34: "pause", 43: "accept", 128: "sigtimedwait", 130: "sigsuspend",
        202: "futex", 232: "epoll_wait", 270: "pselect", 271: "ppoll", 281: "epoll_pwait",
        288: "accept4", 441: "epoll_pwait2", 449: "futex_waitv",
    },
    "aarch64": {
        22: "epoll_pwait", 72: "pselect", 73: "ppoll", 98: "futex", 133: "sigsuspend",
        137: "sigtimedwait", 202: "accept", 242: "accept4", 441: "epoll_pwait2", 449: "futex_waitv",
    },
}  # fmt: skip

_OTHER = {
    "x86_64": {
        0: "read", 1: "write", 17: "pread", 18: "pwrite", 35: "nanosleep", 44: "send", 45: "recv",
        46: "sendmsg", 47: "recvmsg", 42: "connect", 61: "wait4", 72: "fcntl", 73: "flock", 74: "fsync",
        75: "fdatasync", 230: "clock_nanosleep", 247: "waitid", 257: "openat",
    },
    "aarch64": {
        32: "flock", 63: "read", 64: "write", 67: "pread", 68: "pwrite", 82: "fsync", 95: "waitid",
        101: "nanosleep", 115: "clock_nanosleep", 203: "connect", 206: "send", 207: "recv",
        211: "sendmsg", 212: "recvmsg", 260: "wait4",
    },
}  # fmt: skip

# What messages call the states that a thread can be seen in.
STATE_WORDS = {State.OWN: "running", State.GIL: "gil", State.WAIT: "wait", State.IDLE: "idle"}

_machine = platform.machine()
_parked = {str(number).encode(): name for number, name in _PARKED.get(_machine, {}).items()}
_names = {**{str(number).encode(): name for number, name in _OTHER.get(_machine, {}).items()}, **_parked}
_FUTEX = next((number for number, name in _parked.items() if name == "futex"), b"")


def waiting_state(syscall: bytes, gil: int, gil_size: int) -> State:
    """Tell GIL, IDLE and WAIT apart for a thread whose /proc/PID/task/TID/syscall reads `syscall`.

    A thread that waits for the GIL sleeps in futex on an address inside the GIL's own structure, at
    `gil`, `gil_size` bytes long (Python/ceval_gil.c, take_gil).
    """
    number, _, rest = syscall.partition(b" ")
    if number == _FUTEX:
        try:
            address = int(rest.split(b" ", 1)[0], 16)
        except ValueError:
            return State.IDLE
        return State.GIL if gil <= address < gil + gil_size else State.IDLE
    return State.IDLE if number in _parked else State.WAIT


def waiting_name(syscall: bytes, state: State) -> str:
    """A word for what the thread waits for, like `epoll_wait` or `GIL`; "" when it does not wait."""
    if state is State.GIL:
        return "GIL"
    number = syscall.partition(b" ")[0]
    name = _names.get(number)
    if name is None:
        return f"system call {number.decode('ascii', 'replace')}" if number.isdigit() else ""
    return "lock (futex)" if name == "futex" else name
