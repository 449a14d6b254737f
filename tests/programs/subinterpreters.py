"""Runs code in subinterpreters; for 3.8 and later.

Arguments: nested (on the main thread) or threads (each of two on a thread of its own, made by the main thread,
which waits). Says {"tids": native ids of the threads that will run it} just before they do.
"""

import json
import sys
import threading
import time

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

from oldest import native_id

CODE = """
def within():
    number = 0
    for one in range(3000):
        number += one

while True:
    within()
"""
TIDS = []
# From then on the main thread may never get the GIL again (to 3.11: what runs hears of no other interpreter).
GO = threading.Event()


def run(interpreter):
    TIDS.append(native_id())
    GO.wait()
    # The module is not for everybody, and each version has another.
    getattr(interpreters, "exec", interpreters.run_string)(interpreter, CODE)


if sys.argv[1] == "nested":
    made = interpreters.create()
    print(json.dumps({"tids": [native_id()]}), flush=True)
    GO.set()
    run(made)
made = [interpreters.create() for _ in range(2)]
for one in made:
    threading.Thread(target=run, args=(one,), daemon=True).start()
while len(TIDS) < len(made):
    time.sleep(0.001)
print(json.dumps({"tids": TIDS}), flush=True)
GO.set()
threading.Event().wait()
