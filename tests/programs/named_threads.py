"""Threads with names of every kind, in every state; runs on 3.6 and later.

Says {"threads": {native id: name, "" for one that has none}, "states": {native id: state}} once all of them are
where they say; with a number, so many threads that run no Python are there, too. Then, for each line "churn N",
starts and ends N threads, and says how many there are left.
"""

import json
import sys
import threading
import time
import _thread

from oldest import native_id

NAMES = [
    "plain",
    "w\u00f6rker-\u4e16\u754c",
    "\U0001f40d",
    "control\x1b[31m\n\t",
    "\ud800 alone",
    "x" * 300,
    "",
    "  ",
]
GATE = threading.Lock()
THREADS, STATES = {}, {}


def parked(name, state, wait):
    THREADS[native_id()] = name
    STATES[native_id()] = state
    wait()


def nap():
    time.sleep(3600)


def lock():
    GATE.acquire()


def start(name, state, wait):
    thread = threading.Thread(target=parked, args=(name, state, wait), name=name)
    thread.daemon = True
    thread.start()
    # What the thread is called later counts, too.
    if not name:
        thread.name = THREADS_LATER


THREADS_LATER = "named later"
GATE.acquire()
THREADS[native_id()] = "MainThread"
for number, name in enumerate(NAMES):
    start(name, *(("idle", lock), ("wait", nap))[number % 2])
# The threading module knows nothing of this one.
_thread.start_new_thread(parked, (None, "wait", nap))
if len(sys.argv) > 1:
    import ctypes

    library = ctypes.CDLL(None)
    for _ in range(int(sys.argv[1])):
        library.pthread_create(ctypes.byref(ctypes.c_ulong()), None, library.pause, None)
while len(THREADS) < len(NAMES) + 2:
    time.sleep(0.001)
named = {tid: THREADS_LATER if name == "" else name for tid, name in THREADS.items()}


def blocked(tid):
    with open("/proc/self/task/%d/syscall" % tid) as file:
        return file.read().split()[0] != "running"


while not all(map(blocked, STATES)):
    time.sleep(0.001)
print(json.dumps({"threads": named, "states": STATES}), flush=True)
for line in sys.stdin:
    for _ in range(int(line.split()[1])):
        thread = threading.Thread(target=native_id)
        thread.start()
        thread.join()
    print(json.dumps(threading.active_count()), flush=True)
