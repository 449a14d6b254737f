"""Makes system calls that last for many milliseconds each and cannot be interrupted.

Says {"file", "long": the line of the calls, "short": that of a little Python work in between}. Answers
each line it is sent with how many calls it has made: {"calls"}; `short` counts those that read less than asked.
"""

import json
import os
import sys
import threading

SIZE = 96 << 20
BUFFER = bytearray(SIZE)
counts = {"calls": 0, "short": 0}


def read(file, buffer):
    return os.preadv(file, [buffer], 0)  # long


def between():
    return sum(number * number for number in range(2000))  # short


def work():
    file = os.memfd_create("zeros")
    os.pwrite(file, BUFFER, 0)
    while True:
        counts["short"] += read(file, BUFFER) != SIZE
        counts["calls"] += 1
        between()


def answer():
    for _ in sys.stdin:
        print(json.dumps(counts), flush=True)


with open(__file__) as source:
    marks = {line.rpartition("#")[2].strip(): number for number, line in enumerate(source, 1)}
threading.Thread(target=answer, daemon=True).start()
ready = {"file": __file__, "long": marks["long"], "short": marks["short"]}
print(json.dumps(ready), flush=True)
work()
