"""Threads that each spend their time in one way, for known seconds.

Says {"threads": {name: native id}}; answers "times" with {"clock": monotonic, "cpu": {name: seconds on a core}},
as threads' own clocks have it; "wake NAME" has a waiting worker do its work once.
"""

import hashlib
import json
import select
import sys
import threading
import time
import zlib

STARTED = threading.Semaphore(0)
WAKE = {}
LOCK = threading.Lock()
LOCK.acquire()


def spin():
    value = 0
    while True:
        value = (value * 31 + 7) & 0xFFFF


def spin_too():
    value = 1
    while True:
        value = (value * 17 + 3) & 0xFFFF


def sleeping():
    while True:
        time.sleep(3600)


def sleeping_often():
    while True:
        time.sleep(0.02)


def locked():
    LOCK.acquire()


def polling():
    select.epoll().poll()


def hashing():
    block = bytes(16 << 20)
    while True:
        hashlib.sha256(block).digest()


def compressing():
    block = bytes(range(256)) * 30_000
    while True:
        zlib.compress(block, 9)


def woken_hashing():
    block = bytes(64 << 20)
    WAKE["woken_hashing"].acquire()
    for _ in range(10): hashlib.sha256(block).digest()
    sleeping()


KINDS = {kind.__name__: kind for kind in (
    spin, spin_too, sleeping, sleeping_often, locked, polling, hashing, compressing, woken_hashing)}


def run(name):
    STARTED.release()
    KINDS[name]()


def main():
    threads = {}
    for name in sys.argv[1:]:
        WAKE[name] = threading.Semaphore(0)
        threads[name] = threading.Thread(target=run, args=(name,), name=name, daemon=True)
        threads[name].start()
    for _ in threads:
        STARTED.acquire()
    print(json.dumps({"threads": {name: thread.native_id for name, thread in threads.items()}}), flush=True)
    clocks = {name: time.pthread_getcpuclockid(thread.ident) for name, thread in threads.items()}
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "times":
            cpu = {name: time.clock_gettime(clock) for name, clock in clocks.items()}
            print(json.dumps({"clock": time.monotonic(), "cpu": cpu}), flush=True)
        elif word == "wake":
            WAKE[rest[0]].release()
            print(json.dumps("woken"), flush=True)


main()
