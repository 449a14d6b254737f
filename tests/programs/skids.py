"""Makes a short system call every some microseconds, so that a thread that is told to stop stops there.

Argument: calls (function calls between them, too) or plain. Runs on 3.6 and later. Answers each line with
[seconds a round of the line that makes the call, of the one that does not, of user time, of system time].
"""

import json
import os
import sys
import threading
import time

CALLS = sys.argv[1] == "calls"


def add(number, one):
    return number + one


def call(rounds):
    for _ in range(rounds):
        os.getppid()


def work(rounds):
    for _ in range(rounds):
        number = 0
        for one in range(200):
            number += one  # noqa: E701


def work_by_calls(rounds):
    for _ in range(rounds):
        number = 0
        for one in range(50):
            number = add(number, one)  # noqa: E701


WORK = work_by_calls if CALLS else work


def turn():
    while True:
        call(1)
        WORK(1)


def seconds(function):
    begin = time.perf_counter()
    for _ in range(2000):
        function(1)
    return (time.perf_counter() - begin) / 2000


ROUND = [min(seconds(function) for _ in range(7)) for function in (call, WORK)]
worker = threading.Thread(target=turn)
worker.daemon = True
worker.start()
print(json.dumps({}), flush=True)
for line in sys.stdin:
    times = os.times()
    print(json.dumps([*ROUND, times.user, times.system]), flush=True)
