"""A target whose time is native and Python by turns: bench_native.py BOARD DEPTH.

Busy DEPTH frames deep with numpy, BLAS, json, zlib, sorting and a plain loop, none of them for longer than a
millisecond or so. Rounds are counted in BOARD, a file of eight bytes that is mapped.
"""

import json
import mmap
import os
import random
import sys
import zlib

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy

RANDOM = random.Random(20)
SMALL = numpy.array([RANDOM.random() for _ in range(60)])
SQUARE = numpy.array([RANDOM.random() for _ in range(14400)]).reshape(120, 120)
RECORD = {f"key {number}": [number, str(number), {"half": number / 2}] for number in range(40)}
WORDS = [str(RANDOM.random()) for _ in range(400)]
TEXT = " ".join(WORDS).encode()


def arrays():
    total = 0.0
    for _ in range(40):
        total += (SMALL * 2.0 + 1.0).sum()
    return total


def blas():
    return SQUARE @ SQUARE


def documents():
    return json.loads(json.dumps(RECORD))


def packing():
    return zlib.compress(TEXT, 6)


def sorting():
    return sorted(WORDS)


def backwards(word):
    return word[::-1]


def sorting_by():
    return sorted(WORDS, key=backwards)


def loop():
    x = 0
    for number in range(4000):
        x = (x * 31 + number) & 0xFFFF
    return x


def work(board):
    while True:
        arrays()
        blas()
        documents()
        packing()
        sorting()
        sorting_by()
        loop()
        board[0] += 1


def descend(levels, board):
    if levels:
        descend(levels - 1, board)
    else:
        work(board)


board = memoryview(mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8)).cast("Q")
print('"ready"', flush=True)
# This module, the work and what it calls are frames too.
descend(int(sys.argv[2]) - 4, board)
