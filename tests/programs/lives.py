"""Lives as it is told, an order a line: threads come and go, it forks, becomes another program, ends.

`worker` is busy from the beginning. Each order is answered by a line of JSON once it is done, except
those that end the program or replace it.
"""

import ctypes
import json
import os
import signal
import sys
import threading


def hot(rounds):
    total = 0
    for number in range(rounds):
        total += number * number
    return total


def warm(rounds):
    total = 0
    for number in range(rounds):
        total ^= number
    return total


def work(over):
    while not over.is_set():
        hot(20_000)
        warm(4_000)


def begin(name, how="busy"):
    over = threading.Event()
    live = work if how == "busy" else threading.Event.wait
    thread = threading.Thread(target=live, args=(over,), name=name, daemon=True)
    thread.start()
    THREADS[name] = thread, over
    return thread.native_id


def finish(name):
    thread, over = THREADS.pop(name)
    over.set()
    thread.join()
    return thread.native_id


def fork():
    parent = os.getpid()
    child = os.fork()
    if not child:
        # It works as its parent does, and ends with it.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() == parent:
            work(threading.Event())
        os._exit(0)
    return child


def become(*argv):
    os.execv(argv[0], argv)


def leave(code):
    os._exit(int(code))


THREADS = {}
ORDERS = {"begin": begin, "finish": finish, "fork": fork, "become": become, "leave": leave}


def say(what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    say({"pid": os.getpid(), "worker": begin("worker")})
    while line := sys.stdin.readline():
        order, *words = line.split()
        say(ORDERS[order](*words))
