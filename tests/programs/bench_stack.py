"""A target of known shape: bench_stack.py BOARD DEPTH THREADS STYLE.

The main thread is busy DEPTH frames deep; THREADS - 1 others are blocked. Its work is counted in BOARD, a
file of eight bytes that is mapped. STYLE: `plain` counts in the innermost frame alone, `calls` calls small
functions all the time.
"""

import mmap
import os
import queue
import sys
import threading
import time


def spin_plain(board):
    while True:
        x = 0
        for number in range(1000):
            x = (x * 31 + number) & 0xFFFF
        board[0] += 1


def mix(x, number):
    return (x * 31 + number) & 0xFFFF


def fold(count):
    x = 0
    for number in range(count):
        x = mix(x, number)
    return x


def spin_calls(board):
    while True:
        for _ in range(20):
            fold(20)
        board[0] += 1


def descend(levels, work, board):
    if levels:
        descend(levels - 1, work, board)
    else:
        work(board)


BLOCKED = (
    lambda: threading.Event().wait(),
    lambda: time.sleep(86400),
    lambda: queue.Queue().get(),
    lambda: os.read(os.pipe()[0], 1),
)

board = memoryview(mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8)).cast("Q")
for index in range(int(sys.argv[3]) - 1):
    threading.Thread(target=BLOCKED[index % len(BLOCKED)], daemon=True).start()
print("ready", flush=True)
# This module, the work and the last descend are frames too.
descend(int(sys.argv[2]) - 3, {"plain": spin_plain, "calls": spin_calls}[sys.argv[4]], board)
