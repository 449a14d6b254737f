"""System calls that a thread can block in: their numbers, what a person calls them, where the object is.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import platform
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What has to be looked at to tell what a call waits for."""

    WORD = 0
    """Nothing: the word says it all."""
    FILE = 1
    """A file descriptor in an argument."""
    EPOLL = 2
    """The descriptors that an epoll descriptor watches."""
    POLL = 3
    """An array of struct pollfd: its address and length are the first two arguments."""
    SELECT = 4
    """Three bit maps: their length in bits and their addresses are the first four arguments."""
    CONNECT = 5
    """A descriptor, the address of a struct sockaddr and its size."""
    SENDTO = 6
    """A descriptor; the address of a struct sockaddr and its size are the fifth and sixth argument."""
    PATH = 7
    """The address of a path."""
    FUTEX = 8
    """A lock's address, the operation, and the value it had."""
    FCNTL = 9
    """A descriptor and what is to be done with it: waiting for a lock is one of the things."""


class Call(NamedTuple):
    """A system call. `link` goes between word and object; `at` is the argument that leads to the object."""

    name: str
    word: str
    kind: Kind = Kind.WORD
    link: str = ""
    at: int = 0
    parked: bool = False
    """Threads wait here for work to come."""


_FILE, _PATH, _EPOLL, _POLL, _SELECT = Kind.FILE, Kind.PATH, Kind.EPOLL, Kind.POLL, Kind.SELECT

# x86_64, aarch64 (None where it has no such call), the call.
_ROWS: tuple[tuple[int | None, int | None, Call], ...] = (
    (0, 63, Call("read", "read", _FILE, "of")),
    (17, 67, Call("pread64", "read", _FILE, "of")),
    (19, 65, Call("readv", "read", _FILE, "of")),
    (295, 69, Call("preadv", "read", _FILE, "of")),
    (327, 286, Call("preadv2", "read", _FILE, "of")),
    (1, 64, Call("write", "write", _FILE, "to")),
    (18, 68, Call("pwrite64", "write", _FILE, "to")),
    (20, 66, Call("writev", "write", _FILE, "to")),
    (296, 70, Call("pwritev", "write", _FILE, "to")),
    (328, 287, Call("pwritev2", "write", _FILE, "to")),
    (45, 207, Call("recvfrom", "recv", _FILE, "on")),
    (47, 212, Call("recvmsg", "recv", _FILE, "on")),
    (299, 243, Call("recvmmsg", "recv", _FILE, "on")),
    (44, 206, Call("sendto", "send", Kind.SENDTO, "to")),
    (46, 211, Call("sendmsg", "send", _FILE, "to")),
    (307, 269, Call("sendmmsg", "send", _FILE, "to")),
    (40, 71, Call("sendfile", "send", _FILE, "to")),
    (43, 202, Call("accept", "accept", _FILE, "on", parked=True)),
    (288, 242, Call("accept4", "accept", _FILE, "on", parked=True)),
    (42, 203, Call("connect", "connect", Kind.CONNECT, "to")),
    (7, None, Call("poll", "poll", _POLL, "on", parked=True)),
    (271, 73, Call("ppoll", "poll", _POLL, "on", parked=True)),
    (23, None, Call("select", "select", _SELECT, "on", parked=True)),
    (270, 72, Call("pselect6", "select", _SELECT, "on", parked=True)),
    (232, None, Call("epoll_wait", "epoll_wait", _EPOLL, "on", parked=True)),
    (281, 22, Call("epoll_pwait", "epoll_wait", _EPOLL, "on", parked=True)),
    (441, 441, Call("epoll_pwait2", "epoll_wait", _EPOLL, "on", parked=True)),
    (202, 98, Call("futex", "lock", Kind.FUTEX, parked=True)),
    (449, 449, Call("futex_waitv", "lock", parked=True)),
    (35, 101, Call("nanosleep", "sleep")),
    (230, 115, Call("clock_nanosleep", "sleep")),
    # What a sleep, poll or lock with a timeout becomes when the process was stopped meanwhile.
    (219, 128, Call("restart_syscall", "timed wait")),
    (34, None, Call("pause", "signal", parked=True)),
    (128, 137, Call("rt_sigtimedwait", "signal", parked=True)),
    (130, 133, Call("rt_sigsuspend", "signal", parked=True)),
    (61, 260, Call("wait4", "child process")),
    (247, 95, Call("waitid", "child process")),
    # They wait until the child has started its program.
    (58, None, Call("vfork", "start of a child process")),
    (56, 220, Call("clone", "start of a child process")),
    (435, 435, Call("clone3", "start of a child process")),
    (73, 32, Call("flock", "file lock", _FILE, "on")),
    (72, 25, Call("fcntl", "fcntl", Kind.FCNTL, "on")),
    (74, 82, Call("fsync", "fsync", _FILE, "of")),
    (75, 83, Call("fdatasync", "fsync", _FILE, "of")),
    (277, 84, Call("sync_file_range", "fsync", _FILE, "of")),
    (26, 227, Call("msync", "msync")),
    (162, 81, Call("sync", "sync")),
    (306, 267, Call("syncfs", "sync")),
    (2, None, Call("open", "open", _PATH, "of")),
    (85, None, Call("creat", "open", _PATH, "of")),
    (257, 56, Call("openat", "open", _PATH, "of", at=1)),
    (437, 437, Call("openat2", "open", _PATH, "of", at=1)),
    (3, 57, Call("close", "close")),
    (4, None, Call("stat", "stat", _PATH, "of")),
    (6, None, Call("lstat", "stat", _PATH, "of")),
    (262, 79, Call("newfstatat", "stat", _PATH, "of", at=1)),
    (332, 291, Call("statx", "stat", _PATH, "of", at=1)),
    (5, 80, Call("fstat", "stat", _FILE, "of")),
    (21, None, Call("access", "stat", _PATH, "of")),
    (269, 48, Call("faccessat", "stat", _PATH, "of", at=1)),
    (87, None, Call("unlink", "removal", _PATH, "of")),
    (263, 35, Call("unlinkat", "removal", _PATH, "of", at=1)),
    (82, None, Call("rename", "rename", _PATH, "of")),
    (264, 38, Call("renameat", "rename", _PATH, "of", at=1)),
    (316, 276, Call("renameat2", "rename", _PATH, "of", at=1)),
    (78, None, Call("getdents", "listing", _FILE, "of")),
    (217, 61, Call("getdents64", "listing", _FILE, "of")),
    (77, 46, Call("ftruncate", "truncation", _FILE, "of")),
    (285, 47, Call("fallocate", "allocation", _FILE, "of")),
    (326, 285, Call("copy_file_range", "copy", _FILE, "of")),
    (275, 76, Call("splice", "splice", _FILE, "of")),
    (16, 29, Call("ioctl", "ioctl", _FILE, "on")),
    (426, 426, Call("io_uring_enter", "io_uring")),
    (208, 4, Call("io_getevents", "asynchronous I/O")),
    (333, 292, Call("io_pgetevents", "asynchronous I/O")),
    (65, 193, Call("semop", "semaphore")),
    (220, 192, Call("semtimedop", "semaphore")),
    (69, 189, Call("msgsnd", "message queue")),
    (70, 188, Call("msgrcv", "message queue")),
    (242, 182, Call("mq_timedsend", "message queue")),
    (243, 183, Call("mq_timedreceive", "message queue")),
    (318, 278, Call("getrandom", "getrandom")),
    (9, 222, Call("mmap", "mmap")),
    (11, 215, Call("munmap", "munmap")),
    (10, 226, Call("mprotect", "mprotect")),
    (12, 214, Call("brk", "brk")),
    (25, 216, Call("mremap", "mremap")),
    (28, 233, Call("madvise", "madvise")),
    (324, 283, Call("membarrier", "membarrier")),
    (59, 221, Call("execve", "execve")),
    (60, 93, Call("exit", "exit")),
    (231, 94, Call("exit_group", "exit")),
)

_COLUMN = {"x86_64": 0, "aarch64": 1}


def calls(machine: str) -> dict[bytes, Call]:
    """{number as /proc/PID/syscall writes it: call} of a kind of machine; {} of one that is not known."""
    column = _COLUMN.get(machine)
    if column is None:
        return {}
    return {str(row[column]).encode(): row[2] for row in _ROWS if row[column] is not None}


CALLS = calls(platform.machine())
"""Those of this machine."""

SLEEPS = frozenset(
    int(number)
    for number, call in CALLS.items()
    if call.parked or call.word in ("sleep", "timed wait", "child process", "recv", "connect", "semaphore")
)
"""Calls that take next to no CPU time of their own: threads sleep in them."""
