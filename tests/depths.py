"""Mean depth and shares by line of sampled stacks, to be compared with those of a target that stood still."""

from __future__ import annotations

import math
import os
from collections import Counter
from random import random
from time import sleep

from livetop.cpython.tree import Place
from livetop.profile.states import State
from tests.engines import Engine
from tests.reading import OneThread, Stack, stack


class Sums:
    """Weighted samples: mean depth, shares by line, and how many equal ones they are worth."""

    def __init__(self) -> None:
        self.weight = self.squared = self.depths = self.depths_squared = 0.0
        self.lines: Counter[tuple[str, int]] = Counter()

    def add(self, frames: Stack, weight: float = 1.0, squared: float = 1.0) -> None:
        self.weight += weight
        self.squared += squared
        self.depths += weight * len(frames)
        self.depths_squared += weight * len(frames) ** 2
        self.lines[frames[0][1:]] += weight

    @property
    def worth(self) -> float:
        return self.weight**2 / self.squared if self.squared else 0.0

    @property
    def depth(self) -> float:
        return self.depths / self.weight

    @property
    def depth_variance(self) -> float:
        return self.depths_squared / self.weight - self.depth**2

    def share(self, line: tuple[str, int]) -> float:
        return self.lines[line] / self.weight


def stop_for_each(pid: int, count: int, sums: Sums) -> None:
    """Add so many stacks of the main thread, which is stopped for each at a random instant."""
    one = OneThread(pid)
    taken = 0
    while taken < count:
        sleep(random() / 1000)
        outcome = one.exact()
        if type(outcome) is Place:
            sums.add(stack(outcome))
            taken += 1
    one.close()


def named(engine: Engine, sums: Sums) -> float:
    """Add what an engine charged to lines; returns the seconds it charged to what has no file."""
    special = 0.0
    for cell, frames in engine.cells:
        if cell.state == State.OWN:
            if frames[0][0]:
                sums.add([*frames], cell.weight, cell.squared)
            else:
                special += cell.weight
    return special


def depth_error(truth: Sums, found: Sums) -> float:
    """The standard error of the difference of their mean depths, in frames."""
    return math.sqrt(truth.depth_variance * (1 / truth.worth + 1 / found.worth)) or 1.0


def run_beside(*pids: int) -> None:
    """Give each process a core of its own, where there are so many."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= len(pids):
        for pid, core in zip(pids, cores, strict=False):
            os.sched_setaffinity(pid, {core})
