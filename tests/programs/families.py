"""Has children as it is told, an order a line, each answered by a line of JSON once it is done.

Children work in `hot` and end with their parent, but for those that are told to live on.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time

CHILDREN = {}


def hot(rounds):
    total = 0
    for number in range(rounds):
        total += number * number
    return total


def work(seconds=None):
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        hot(5000)


def with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def fork(count="1"):
    """Children with the same image."""
    return [start(work) for _ in range(int(count))]


def start(what, *args):
    pid = os.fork()
    if not pid:
        with_parent()
        what(*args)
        os._exit(0)
    return pid


def spawn(*argv):
    """Another program, or this one with another Python."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=with_parent
    )
    CHILDREN[process.pid] = process
    return process.pid


def orphan():
    """A grandchild whose parent is dead before anybody could look."""
    read, write = os.pipe()
    middle = os.fork()
    if not middle:
        child = os.fork()
        if not child:
            os.alarm(60) if hasattr(os, "alarm") else signal.alarm(60)
            work()
        os.write(write, str(child).encode())
        os._exit(0)
    os.waitpid(middle, 0)
    return int(os.read(read, 20))


def nested():
    """A child that has one of its own, which lives on when its parent ends."""
    read, write = os.pipe()
    middle = os.fork()
    if not middle:
        with_parent()
        child = os.fork()
        if not child:
            signal.alarm(60)
            work()
        os.write(write, str(child).encode())
        work()
    return [middle, int(os.read(read, 20))]


def storm(count, seconds):
    """Many children with short lives."""
    pids = [start(work, float(seconds)) for _ in range(int(count))]
    for pid in pids:
        os.waitpid(pid, 0)
    return len(pids)


def reap(pid):
    """Wait for a child."""
    os.kill(int(pid), signal.SIGKILL)
    return os.waitpid(int(pid), 0)[0]


def linger(pid):
    """A child that ends and is not waited for."""
    os.kill(int(pid), signal.SIGKILL)
    return int(pid)


def leave(code):
    os._exit(int(code))


ORDERS = {
    name: value
    for name, value in globals().items()
    if name in ("fork", "spawn", "orphan", "nested", "storm", "reap", "linger", "leave")
}


def say(what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    if "child" in sys.argv:
        work()
    say({"pid": os.getpid()})
    while line := sys.stdin.readline():
        order, *words = line.split()
        say(ORDERS[order](*words))
