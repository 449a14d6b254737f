"""The /proc files of a process that need no privilege: stat and status."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from .errors import NoSuchProcess
from .surroundings import elsewhere

# From include/linux/sched.h: the process has no user memory and never had.
_KERNEL_THREAD = 0x00200000


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc/PID/stat says. `start_time` and `cpu` (user + system) are in clock ticks, `rss` in bytes.

    `waited` is what children that it has waited for used (and those they waited for), in clock ticks.

    `name` is the kernel's 15-byte name, not escaped. `state` is the letter of ps (R S D Z T t X I). `group`
    and `session` are PIDs of the processes that lead (or led) them, in our own namespace.
    """

    pid: int
    name: bytes
    state: str
    parent: int
    kernel_thread: bool
    cpu: int
    waited: int
    start_time: int
    rss: int
    group: int
    session: int


def read_file(path: str, limit: int = 1 << 20) -> bytes:
    """Return the content of a /proc file, at most `limit` bytes. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while limit > 0:
            piece = os.read(fd, min(limit, 1 << 16))
            if not piece:
                break
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def read_stat(pid: int) -> Stat:
    """Return what /proc/PID/stat says. Raises NoSuchProcess."""
    try:
        return parse_stat(read_file(f"/proc/{pid}/stat", 4096))
    except (OSError, OverflowError, ValueError, IndexError):
        raise NoSuchProcess(
            f"there is no process {pid}: `livetop list` shows the Python processes here{elsewhere()}"
        ) from None


def parse_stat(text: bytes) -> Stat:
    """Parse a stat line; the name may itself hold spaces and parentheses."""
    head, _, tail = text.rpartition(b")")
    pid, _, name = head.partition(b" (")
    fields = tail.split()
    return Stat(
        pid=int(pid),
        name=name,
        state=fields[0].decode("ascii"),
        parent=int(fields[1]),
        kernel_thread=bool(int(fields[6]) & _KERNEL_THREAD),
        cpu=int(fields[11]) + int(fields[12]),
        waited=int(fields[13]) + int(fields[14]),
        start_time=int(fields[19]),
        rss=int(fields[21]) * os.sysconf("SC_PAGESIZE"),
        group=int(fields[2]),
        session=int(fields[3]),
    )


def read_status(pid: int | str) -> dict[str, str]:
    """Return /proc/PID/status as {field: text}; {} when the process is gone or hidden."""
    try:
        text = read_file(f"/proc/{pid}/status", 1 << 16).decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    fields = {}
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            fields[key] = value.strip()
    return fields


@cache
def boot_time() -> float:
    """Return the Unix time at which the machine (or its clock) started."""
    for line in read_file("/proc/stat", 1 << 24).split(b"\n"):
        if line.startswith(b"btime "):
            return float(line.split()[1])
    return 0.0


def clock_ticks() -> int:
    """Return the number of clock ticks in a second."""
    return os.sysconf("SC_CLK_TCK")
