"""Becomes itself again, with another function at work, when told so: `first` before, `second` after."""

import json
import os
import sys
import threading


def first():
    for _ in range(1000):
        pass


def second():
    for _ in range(1000):
        pass


def become():
    sys.stdin.readline()
    os.execv(sys.executable, [sys.executable, sys.argv[0], "again"])


again = len(sys.argv) > 1
if not again:
    threading.Thread(target=become, daemon=True).start()
print(json.dumps("ready"), flush=True)
while True:
    second() if again else first()
