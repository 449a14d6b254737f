"""A target that never stays the same: new code objects, threads that come and go, stacks that grow and
shrink, the whole time. bench_churn.py [PART ...]: code, threads, deep; all of them without an argument.
"""

import itertools
import random
import sys
import threading
import time

CODE = """
def work_{number}(items):
    total = {number}
    for item in items:
        total += item * {number}
    return total

class Case_{number}:
    def run(self, items):
        return work_{number}(items)
"""

chance = random.Random(1)
parts = sys.argv[1:] or ["code", "threads", "deep"]
numbers = itertools.count()
ITEMS = list(range(400))


def fresh_code():
    """Thousands of functions a minute, each in a file of its own name; they are dropped at once."""
    number = next(numbers)
    names = {}
    exec(compile(CODE.format(number=number), f"/srv/churn/module_{number % 5000}.py", "exec"), names)
    case = names[f"Case_{number}"]()
    for _ in range(chance.randrange(1, 20)):
        case.run(ITEMS)


def deep(levels):
    if levels:
        return deep(levels - 1) + 1
    return sum(ITEMS)


def short_life(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(ITEMS)
        time.sleep(0.002)


def generations():
    """Threads that live for some hundredths of a second, up to a dozen at once."""
    while True:
        batch = [
            threading.Thread(
                target=short_life, args=(chance.uniform(0.01, 0.3),), name=f"short-{next(numbers)}"
            )
            for _ in range(chance.randrange(1, 12))
        ]
        for thread in batch:
            thread.start()
        for thread in batch:
            thread.join()


def rest():
    sum(ITEMS)
    time.sleep(0.002)


sys.setrecursionlimit(4000)
if "threads" in parts:
    threading.Thread(target=generations, daemon=True).start()
print("ready", flush=True)
work = fresh_code if "code" in parts else rest
while True:
    work()
    if "deep" in parts and chance.random() < 0.05:
        deep(chance.randrange(10, 2500))
