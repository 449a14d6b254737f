"""Makes garbage on one line, so that collections take a known part of its time; runs on 3.6 and later.

Arguments: plain, finalizers (__del__ methods run within collections), callbacks (of weak references) or full
(nothing but long collections).
Answers each line with [seconds by the clock, in collections but not in Python code within them, in that code].
"""

import gc
import json
import sys
import threading
import time
import weakref

KIND = sys.argv[1]
collecting = within = 0.0
began = 0.0


def clocked(phase, info):
    global collecting, began
    if phase == "start":
        began = time.perf_counter()
    else:
        collecting += time.perf_counter() - began


class Node:
    pass


def spend():
    global within
    begin = time.perf_counter()
    number = 0
    for one in range(2000):
        number += one
    within += time.perf_counter() - begin


class Finalized:
    def __del__(self):
        spend()


def called_back(reference):
    spend()


def make_garbage():
    for number in range(2000):
        node = Node(); node.me = node; node.more = [number, {}]; number % 100 or mark(node)  # fmt: skip


def mark(node):
    if KIND == "finalizers":
        node.finalized = Finalized()
    elif KIND == "callbacks":
        REFERENCES.append(weakref.ref(node, called_back))


def compute():
    number = 0
    for one in range(8000):
        number += one


def work():
    while KIND == "full":
        gc.collect()
    while True:
        make_garbage()
        compute()
        del REFERENCES[:]


REFERENCES = []
# What is reachable, so that each collection has something to look at.
KEPT = [[] for _ in range(300000 if KIND == "full" else 5000)]
if KIND != "full":
    gc.callbacks.append(clocked)
worker = threading.Thread(target=work)
worker.daemon = True
worker.start()
print(json.dumps({"line": make_garbage.__code__.co_firstlineno + 2}), flush=True)
for line in sys.stdin:
    print(json.dumps([time.perf_counter(), collecting - within, within]), flush=True)
