"""Threads that each do one thing over and over, many at once where there is no GIL, until they are told to end.

Says {"threads": {name: native id}, "gil": whether the GIL is in use} once all of them have begun; answers any
line with {name: seconds that the thread's own clock has counted} once all have ended.
"""

import gc
import json
import sys
import threading
import time

BEGUN = threading.Semaphore(0)
CPU = {}
SHARED = [5, 3, 9, 1] * 4000
working = True


def counting():
    value = 0
    while working:
        value = (value * 31 + 7) & 0xFFFF


def counting_too():
    value = 1
    while working:
        value = (value * 17 + 3) & 0xFFFF


def sorting():
    while working:
        SHARED.sort()


def sorting_too():
    while working:
        SHARED.sort()


def napping():
    while working:
        time.sleep(0.03)
        burst()


def burst():
    for value in range(40_000):
        value * value


def collecting():
    while working:
        time.sleep(0.02)
        gc.collect()


def run(kind):
    # So much that a collection takes a while.
    garbage = [[number] for number in range(200_000)] if kind is collecting else None
    BEGUN.release()
    kind()
    CPU[kind.__name__] = time.thread_time()
    del garbage


def main():
    global working
    kinds = [globals()[name] for name in sys.argv[1:]]
    threads = [threading.Thread(target=run, args=(kind,), name=kind.__name__, daemon=True) for kind in kinds]
    for thread in threads:
        thread.start()
    for _ in threads:
        BEGUN.acquire()
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    told = {"threads": {thread.name: thread.native_id for thread in threads}, "gil": gil}
    print(json.dumps(told), flush=True)
    sys.stdin.readline()
    working = False
    for thread in threads:
        thread.join()
    print(json.dumps(CPU), flush=True)


main()
