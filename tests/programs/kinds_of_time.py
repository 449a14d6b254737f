"""Threads that each spend their time in one way, from "go" to "halt".

Says {"threads": {name: native id}} once all of them wait for "go", a lock each. Answers "go", and "halt" with the
seconds that each thread's own clock has counted, {name: seconds}, once all of them wait again.
"""

import hashlib
import json
import select
import sys
import threading
import time
import zlib

PARKED = threading.Semaphore(0)
GO = {}
CPU = {}
# Threads that do not end by themselves are never asked for their time.
ENDLESS = ("sleeping", "locked", "polling")
working = True


def spin():
    value = 0
    while working:
        value = (value * 31 + 7) & 0xFFFF


def spin_too():
    value = 1
    while working:
        value = (value * 17 + 3) & 0xFFFF


def sleeping_often():
    while working:
        time.sleep(0.02)


def hashing():
    block = bytes(8 << 20)
    while working:
        hashlib.sha256(block).digest()


def compressing():
    block = bytes(range(256)) * 10_000
    while working:
        zlib.compress(block, 9)


def sleeping():
    time.sleep(3600)


def locked():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def polling():
    select.epoll().poll()


KINDS = {
    kind.__name__: kind
    for kind in (spin, spin_too, sleeping_often, hashing, compressing, sleeping, locked, polling)
}


def run(name):
    PARKED.release()
    GO[name].acquire()
    KINDS[name]()
    CPU[name] = time.thread_time()
    PARKED.release()
    GO[name].acquire()


def main():
    global working
    names = sys.argv[1:]
    threads = {}
    for name in names:
        GO[name] = threading.Lock()
        GO[name].acquire()
        threads[name] = threading.Thread(target=run, args=(name,), name=name, daemon=True)
        threads[name].start()
    for _ in names:
        PARKED.acquire()
    print(json.dumps({"threads": {name: thread.native_id for name, thread in threads.items()}}), flush=True)
    for line in sys.stdin:
        if line == "go\n":
            for name in names:
                GO[name].release()
            print(json.dumps("gone"), flush=True)
        else:
            working = False
            for name in names:
                if name not in ENDLESS:
                    PARKED.acquire()
            print(json.dumps(CPU), flush=True)


main()
