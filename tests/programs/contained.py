"""Two parked threads, and the program's own account of them: the smallest whole target.

Says {"pid": its own, "threads": {native id: [[file, function, line], ...]}, "idents": {native id: pthread_t}},
innermost frame first. It answers a line that holds a path by changing into that folder, and ends with its
input.
"""

import json
import os
import sys
import threading

import oldest

GATE = threading.Lock()
GATE.acquire()
THREADS = {}


def outer():
    inner()


def inner():
    THREADS[threading.get_ident()] = oldest.native_id(); ARRIVED.release(); GATE.acquire()  # fmt: skip


def account(frame):
    frames = []
    while frame is not None:
        code = frame.f_code
        frames.append([code.co_filename, oldest.qualified(code), frame.f_lineno])
        frame = frame.f_back
    return frames


def tell():
    current = sys._current_frames()
    threads = {native: account(current[ident]) for ident, native in THREADS.items()}
    idents = {native: ident for ident, native in THREADS.items()}
    print(json.dumps({"pid": os.getpid(), "threads": threads, "idents": idents}), flush=True)


ARRIVED = threading.Semaphore(0)
for number in range(2):
    threading.Thread(target=outer, name="parked-%d" % number, daemon=True).start()
    ARRIVED.acquire()
tell()
for line in sys.stdin:
    os.chdir(line.rstrip("\n"))
    print(json.dumps(os.getcwd()), flush=True)
