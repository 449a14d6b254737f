"""Recurses so many frames deep in a thread, says how deep it is, then waits (`park`) or computes (`spin`)."""

import json
import sys
import threading

DEPTH, WHAT = int(sys.argv[1]), sys.argv[2]
GATE = threading.Lock()
GATE.acquire()


def park():
    print(json.dumps({"frames": DEPTH}), flush=True)
    GATE.acquire()


def spin():
    print(json.dumps({"frames": DEPTH}), flush=True)
    while True:
        step()


def step():
    for _ in range(1000):
        pass


def recurse(depth):
    if depth:
        recurse(depth - 1)
    else:
        {"park": park, "spin": spin}[WHAT]()


sys.setrecursionlimit(DEPTH + 100)
threading.stack_size(512 << 20)
thread = threading.Thread(target=recurse, args=(DEPTH,), name="deep", daemon=True)
thread.start()
thread.join()
