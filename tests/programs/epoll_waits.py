"""Counts the waits that end with EINTR: epoll_waits.py BOARD long|racing.

Python's own select module would start such a wait again by itself, so the calls are raw. BOARD is a mapped file
of 64-bit integers: waits so far, and how many of them were interrupted. `long` waits for 20 ms each time,
`racing` works for 20 µs and waits for 50 µs by turns, so that a sampler that looked finds the thread changed.
"""

import ctypes
import errno
import mmap
import os
import sys
import time

SYS_EPOLL_PWAIT2 = 441
LONG_MS = 20
WORK_NS, WAIT_NS = 20_000, 50_000

libc = ctypes.CDLL(None, use_errno=True)


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


# struct epoll_event is packed: 12 bytes.
EVENTS = ctypes.create_string_buffer(12)
SHORT = ctypes.byref(Timespec(0, WAIT_NS))


def wait_long(epoll):
    return libc.epoll_wait(epoll, EVENTS, 1, LONG_MS)


def wait_short(epoll):
    return libc.syscall(SYS_EPOLL_PWAIT2, epoll, EVENTS, 1, SHORT, None, 0)


def wait_millisecond(epoll):
    return libc.epoll_wait(epoll, EVENTS, 1, 1)


def work(nanoseconds):
    end = time.perf_counter_ns() + nanoseconds
    while time.perf_counter_ns() < end:
        pass


def count(board, wait, nanoseconds):
    epoll = libc.epoll_create1(0)
    waits = interrupted = 0
    while True:
        work(nanoseconds)
        if wait(epoll) < 0:
            if ctypes.get_errno() != errno.EINTR:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            interrupted += 1
            board[1] = interrupted
        waits += 1
        board[0] = waits


def short_wait():
    """epoll_pwait2 where the kernel has it (Linux 5.11)."""
    epoll = libc.epoll_create1(0)
    if wait_short(epoll) < 0 and ctypes.get_errno() == errno.ENOSYS:
        return wait_millisecond
    return wait_short


board = memoryview(mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 16)).cast("Q")
wait, nanoseconds = (wait_long, 0) if sys.argv[2] == "long" else (short_wait(), WORK_NS)
print('"ready"', flush=True)
count(board, wait, nanoseconds)
