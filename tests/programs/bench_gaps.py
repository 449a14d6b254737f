"""A thread that notices when it stands still: bench_gaps.py BOARD DEPTH.

It reads the clock as fast as it can, DEPTH frames deep. BOARD is a mapped file of 64-bit integers: how many
gaps there were so far, and in a ring after it the length of each, in ns.
"""

import mmap
import os
import sys
import time

LEAST = 30_000
"""ns: most timer interrupts take less. Pauses that are shorter are left out, so their middle comes out too long."""


def watch(board):
    clock = time.perf_counter_ns
    room, count = len(board) - 1, 0
    last = clock()
    while True:
        now = clock()
        if now - last > LEAST:
            board[1 + count % room] = now - last
            count += 1
            board[0] = count
            now = clock()
        last = now


def descend(levels, board):
    if levels:
        descend(levels - 1, board)
    else:
        watch(board)


file = os.open(sys.argv[1], os.O_RDWR)
board = memoryview(mmap.mmap(file, os.fstat(file).st_size)).cast("Q")
print('"ready"', flush=True)
# This module, the last descend and watch are frames too.
descend(int(sys.argv[2]) - 3, board)
