"""A target for tests of the command line: hot() takes most of the time, warm() some, a thread sleeps."""

import sys
import threading
import time


def hot(rounds):
    total = 0
    for number in range(rounds):
        total += number * number
    return total


def warm(rounds):
    return sum(number for number in range(rounds))


def main(seconds):
    threading.Thread(target=time.sleep, args=(3600,), name="sleeper", daemon=True).start()
    print("ready", sys.argv[1:], flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hot(20_000)
        warm(2_000)


main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0)
