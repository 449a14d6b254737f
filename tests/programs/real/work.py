"""What all these programs are busy with: `hot_handler`, and how they tell that they still do it."""

import os
import time


def hot_handler(seconds=0.005):
    end = time.perf_counter() + seconds
    total = 0
    while time.perf_counter() < end:
        for number in range(500):
            total += number * number
    return total


def progress(count):
    """Tell how much was done, where PROGRESS says."""
    path = os.environ["PROGRESS"]
    with open(path + ".new", "w") as file:
        file.write(str(count))
    os.replace(path + ".new", path)
