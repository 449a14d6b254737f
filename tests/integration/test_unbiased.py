"""Shares and depths are those of a target that stands still for each sample, on call-heavy code too."""

import math
import os
from collections import Counter
from random import random
from time import sleep

import pytest

from livetop.cpython.tree import Place
from livetop.profile.states import State
from tests.engines import Engine
from tests.reading import OneThread, Possible, stack

TRUTH = 300
SECONDS = 2.5
# Bounds in standard errors. Some 30 lines are compared in each run.
DEPTH_SIGMA = 5.0
SHARE_SIGMA = 5.5


class Sums:
    """Weighted samples: mean depth, shares by line, and how many equal ones they are worth."""

    def __init__(self):
        self.weight = self.squared = self.depths = self.depths_squared = 0.0
        self.lines = Counter()

    def add(self, frames, weight=1.0, squared=1.0):
        self.weight += weight
        self.squared += squared
        self.depths += weight * len(frames)
        self.depths_squared += weight * len(frames) ** 2
        self.lines[frames[0][1:]] += weight

    @property
    def worth(self):
        return self.weight**2 / self.squared

    @property
    def depth(self):
        return self.depths / self.weight

    @property
    def depth_variance(self):
        return self.depths_squared / self.weight - self.depth**2

    def share(self, line):
        return self.lines[line] / self.weight


def stop_for_each(target, count, sums):
    one = OneThread(target.pid)
    taken = 0
    while taken < count:
        sleep(random() / 1000)
        outcome = one.exact()
        if type(outcome) is Place:
            sums.add(stack(outcome))
            taken += 1
    one.close()


def run_beside(*pids):
    """Give each process a core of its own, where there are so many."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= len(pids):
        for pid, core in zip(pids, cores, strict=False):
            os.sched_setaffinity(pid, {core})


def compare(truth, found):
    """How far apart they are, in standard errors: of the mean depth, and of the worst line's share."""
    variance = truth.depth_variance * (1 / truth.worth + 1 / found.worth)
    depth = abs(truth.depth - found.depth) / math.sqrt(variance or 1)
    worst = (0.0, None)
    for line in truth.lines.keys() | found.lines.keys():
        p, q = truth.share(line), found.share(line)
        if not p + q:
            # The very first sample of a thread stands for no time yet.
            continue
        error = math.sqrt(max(p, q) * (1 - min(p, q)) * (1 / truth.worth + 1 / found.worth))
        worst = max(worst, (abs(p - q) / error, line))
    return depth, worst


@pytest.mark.parametrize(
    ("load", "options"),
    [
        ("calls", {}),
        # With more to spend there is more to compare; what is exact is drawn by chance all the same.
        ("mixed", {"max_pause": 0.3}),
        ("calm", {}),
    ],
    ids=["calls", "mixed-generous", "calm"],
)
def test_shares_and_mean_depth_agree_with_a_stopped_target(start, few, load, options):
    target = start("calls.py", load, python=few.path)
    possible = Possible(target.ready)
    truth, found = Sums(), Sums()
    stop_for_each(target, TRUTH, truth)
    with Engine(pid=target.pid, rate=250.0, max_cpu=1.0, **options) as engine:
        engine.until(lambda: engine.hello)
        # On one core the engine would only ever look at a thread that it has just pushed aside.
        run_beside(target.pid, engine.process.pid)
        engine.sample(SECONDS)
        assert engine.stop().code == 0
    stop_for_each(target, TRUTH, truth)

    special = 0.0
    for cell, frames in engine.cells:
        if cell.state == State.OWN:
            if frames[0][0]:
                assert possible.why_not(frames) == ""
                found.add(frames, cell.weight, cell.squared)
            else:
                special += cell.weight
    depth, (share, line) = compare(truth, found)
    print(
        f"depth {truth.depth:.2f} / {found.depth:.2f} ({depth:.1f} sigma), worst line {line} ({share:.1f}),"
        f" worth {truth.worth:.0f} / {found.worth:.0f}, exact {engine.total('exact')},"
        f" rejected {engine.total('rejected')} of {engine.total('ticks')}, special {special:.2f} s"
    )
    assert depth < DEPTH_SIGMA
    assert share < SHARE_SIGMA
    assert target.untraced
