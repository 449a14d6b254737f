"""Work whose kind of time is known, one function a workload: f(rounds).

A comment `#: NAME` marks the lines whose own time is item NAME. What a workload does besides its marked lines
(a `for` that comes round after many microseconds) is under one per cent of it. WORKLOADS says what is known.
"""

import ctypes
import gc
import hashlib
import json
import math
import mmap
import os
import pickle
import random
import re
import tempfile
import zlib
from dataclasses import dataclass
from functools import partial

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy

RANDOM = random.Random(7)
SYLLABLES = ("ka", "lo", "mi", "ren", "sto", "u", "vi", "nex", "ara", "quo")
WORDS = ["".join(RANDOM.choices(SYLLABLES, k=RANDOM.randint(1, 5))) for _ in range(3000)]
PAGE = " ".join(f"{word}={RANDOM.randint(0, 9999)}" for word in WORDS)
BLOCK = RANDOM.randbytes(120_000)
PACKED = zlib.compress(PAGE.encode() * 2, 6)
LEFT = numpy.array([RANDOM.random() for _ in range(60_000)], dtype=numpy.float32).reshape(150, 400)
RIGHT = LEFT.reshape(400, 150).copy()
SIGNAL = numpy.array([RANDOM.random() for _ in range(900)])
WIDE = numpy.ones(400_000)
# Comparing two of them walks over two dozen equal floats, as costly as what is done in Python for each.
RECORDS = [(RANDOM.randbytes(30), RANDOM.random(), [number / 8 for number in range(24)]) for _ in WORDS]
TREE = [{"id": number, "tags": WORDS[number : number + 6], "at": [number / 7, None]} for number in range(300)]
# What was made is given up inside a call, too: dropped by the interpreter itself it would be Python's time.
HOLD = {"last": None}
MENTION = re.compile(r"(\w*a)=(\d+)")
EVEN = re.compile(r"\b[a-z]{4,}o[a-z]*=[0-9]*[02468]\b")
FOLDER = tempfile.TemporaryDirectory(prefix="livetop-truth-")
FILE = os.open(os.path.join(FOLDER.name, "data"), os.O_RDWR | os.O_CREAT)
os.pwrite(FILE, BLOCK * 4, 0)
BUFFERS = [bytearray(4 * len(BLOCK))]
SMALL_FILE = os.path.join(FOLDER.name, "small")
with open(SMALL_FILE, "wb") as small:
    small.write(BLOCK[:20_000])
NOWHERE = os.open(os.devnull, os.O_WRONLY)
AREA = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
AREA.madvise(mmap.MADV_NOHUGEPAGE)
# Writing through it is the interpreter's own doing; the module mmap would be native code.
PAGES = memoryview(AREA)
STARTS = range(0, len(AREA), mmap.PAGESIZE)


def matmul(rounds):
    for _ in range(rounds):
        LEFT @ RIGHT  #: matmul


def small_arrays(rounds, signal=SIGNAL):
    level = signal
    for _ in range(rounds):  #: small_arrays
        level = level * 0.5 + signal  #: small_arrays


def big_arrays(rounds):
    for _ in range(rounds):
        WIDE + 1.5  #: big_arrays


def json_text(rounds, tree=TREE):
    for _ in range(rounds):
        HOLD.update(last=json.loads(json.dumps(tree)))  #: json_text


def pickled(rounds):
    for _ in range(rounds):
        HOLD.update(last=pickle.loads(pickle.dumps(TREE)))  #: pickled


def regex_scan(rounds):
    for _ in range(rounds):
        EVEN.findall(PAGE)  #: regex_scan


def inflate(rounds):
    for _ in range(rounds):
        zlib.decompress(PACKED)  #: inflate


def digest(rounds):
    for _ in range(rounds):
        hashlib.sha3_256(BLOCK).digest()  #: digest


def sort_plain(rounds):
    for _ in range(rounds):
        sorted(WORDS, reverse=True)  #: sort_plain


def score(record):
    value = 0  #: score
    for byte in record[0]:  #: score
        value = (value * 33) ^ byte  #: score
    return (record[2], value & 7, record[1])  #: score


def sort_by_score(rounds):
    for _ in range(rounds):
        sorted(RECORDS, key=score)  #: sort_by_score


def score_alone(rounds):
    for _ in range(rounds):
        for record in RECORDS:
            score(record)


def text_methods(rounds):
    for _ in range(rounds):
        PAGE.replace("a=", "of ").title().split("O")  #: text_methods


def file_read(rounds):
    for _ in range(rounds):
        os.preadv(FILE, BUFFERS, 0)  #: file_read


def file_write(rounds):
    for _ in range(rounds):
        os.pwrite(FILE, BLOCK, 0)  #: file_write


def file_open(rounds):
    for _ in range(rounds):
        open(SMALL_FILE, "rb").read()  #: file_open


def tiny_writes(rounds, write=os.write, handle=NOWHERE, data=b"."):
    for _ in range(rounds):  #: tiny_writes
        write(handle, data)  #: tiny_writes


def pure_loop(rounds):
    value = 0
    for number in range(rounds):  #: pure_loop
        if number % 3:  #: pure_loop
            value = value ^ (number << 3)  #: pure_loop
        else:
            value = (value >> 1) + number  #: pure_loop


class Ball:
    def __init__(self):
        self.place = self.speed = 1.0
        self.bounces = 0
        self.limit = Limit()


class Limit:
    low, high = 0.0, 40.0


BALL = Ball()


def attributes(rounds):
    ball = BALL
    for _ in range(rounds):  #: attributes
        ball.place = ball.place + ball.speed * 0.25  #: attributes
        if ball.place > ball.limit.high or ball.place < ball.limit.low:  #: attributes
            ball.speed = -ball.speed  #: attributes
            ball.bounces += 1  #: attributes


def paths(width, height):
    if width == 0 or height == 0:  #: recursion
        return 1  #: recursion
    return paths(width - 1, height) + paths(width, height - 1)  #: recursion


def recursion(rounds):
    for _ in range(rounds):
        paths(5, 5)  #: recursion


def collatz(start):
    while start != 1:  #: generators
        yield start  #: generators
        start = start // 2 if start % 2 == 0 else 3 * start + 1  #: generators


def differences(values):
    last = 0  #: generators
    for value in values:  #: generators
        yield value - last  #: generators
        last = value  #: generators


def generators(rounds):
    for _ in range(rounds):  #: generators
        for _ in differences(collatz(97)):  #: generators
            pass  #: generators


def shift(match):
    value = 0  #: shift
    for number in TEN:  #: shift
        value = value * 7 + number  #: shift
    return WORDS[value % 3000]  #: shift


TEN = tuple(range(60))
MATCHES = list(MENTION.finditer(PAGE))


def regex_callback(rounds):
    for _ in range(rounds):
        MENTION.sub(shift, PAGE)  #: regex_callback


def shift_alone(rounds):
    for _ in range(rounds):
        for match in MATCHES:
            shift(match)


def touch_pages(rounds):
    for _ in range(rounds):
        for start in STARTS:  #: touch_pages
            PAGES[start] = start >> 8 & 255 ^ 90  #: touch_pages


def drop_pages(rounds):
    for _ in range(rounds):
        AREA.madvise(mmap.MADV_DONTNEED)  #: drop_pages


def new_pages(rounds):
    for _ in range(rounds):
        bytearray(3 << 20)  #: new_pages


@dataclass(frozen=True)
class Workload:
    """What is known of one. Its own time, less the kernel's part, is `kind`.

    `least`: the same bytecode over next to nothing; its time is the interpreter's part of a native line.
    `inner`: (item, the Python callback's work alone), for a line that calls back into Python.
    `places`: Python files of the library that the line's time may be found in, besides its own line.
    `after`: a second step with an item of its own, that is the kernel's alone. The two take turns, one round
    each.
    """

    run: object
    kind: str
    least: object = None
    inner: tuple = ()
    places: tuple = ()
    after: object = None

    @property
    def name(self):
        return self.run.__name__


WORKLOADS = [
    Workload(matmul, "native"),
    Workload(small_arrays, "native", least=partial(small_arrays, signal=1.0)),
    Workload(big_arrays, "native"),
    Workload(
        json_text,
        "native",
        least=partial(json_text, tree=1),
        places=("json/__init__.py", "json/encoder.py", "json/decoder.py"),
    ),
    Workload(pickled, "native"),
    Workload(regex_scan, "native"),
    Workload(inflate, "native"),
    Workload(digest, "native"),
    Workload(sort_plain, "native"),
    Workload(sort_by_score, "native", inner=("score", score_alone)),
    Workload(text_methods, "native"),
    Workload(file_read, "native"),
    Workload(file_write, "native"),
    Workload(file_open, "native"),
    Workload(tiny_writes, "native", least=partial(tiny_writes, write=math.hypot, handle=0.0, data=0.0)),
    Workload(pure_loop, "python"),
    Workload(attributes, "python"),
    Workload(recursion, "python"),
    Workload(generators, "python"),
    Workload(regex_callback, "native", inner=("shift", shift_alone)),
    Workload(touch_pages, "python", after=drop_pages),
    Workload(new_pages, "native"),
]

# glibc would raise its threshold for mmap by itself, after what happened to be freed before: how much of an
# allocation is the kernel's would then depend on what ran earlier.
_M_MMAP_THRESHOLD = -3
_M_TRIM_THRESHOLD = -1
_libc = ctypes.CDLL(None)
_libc.mallopt(_M_MMAP_THRESHOLD, 1 << 20)
_libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
gc.freeze()
