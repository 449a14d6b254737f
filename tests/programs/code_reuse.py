"""Makes functions, runs each for an instant and drops it, so that code objects follow each other in memory.

A function's name tells its file and its lines: outer_N and inner_N are of made_N.py, and begin at line
1 + N % 5 (outer) and 4 lines later (inner). N has five digits always, so that objects fit where others were.
"""

import json
import time

TEXT = """def outer_{0}(end, clock):
    while clock() < end:
        inner_{0}(20)

def inner_{0}(rounds):
    total = 0
    for value in range(rounds):
        total += value
"""


def main():
    print(json.dumps({"file": __file__, "lines": len(TEXT.splitlines())}), flush=True)
    number = 10_000
    while True:
        number = number + 1 if number < 99_999 else 10_000
        names = {}
        text = "\n" * (number % 5) + TEXT.format(number)
        exec(compile(text, f"/made/made_{number}.py", "exec"), names)
        run(names[f"outer_{number}"])
        del names


def run(function):
    function(time.perf_counter() + 0.002, time.perf_counter)


main()
