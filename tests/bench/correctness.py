"""Is what livetop reads of one interpreter true? Each measure starts a program and knows what it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from random import random
from time import monotonic, sleep
from typing import Any

from livetop.cpython.tree import Place
from livetop.sampling.dump import dump_process
from tests import targets
from tests.depths import Sums, depth_error, named, run_beside, stop_for_each
from tests.engines import Engine
from tests.reading import OneThread, Possible, stack

from . import engine
from .rounds import Figures
from .targets import Target
from .targets import stack as stack_of

LOADS = {"calls": ("calls",), "mixed": ("mixed",), "work": ("calls", "200")}
"""Call-heavy ones, by name: plain calls, generators and callbacks from C, calls with a loop inside."""
_PARKED = 50
_DEPTH = 24


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured of each target: samples of each kind, and seconds of an engine's run."""

    samples: int
    seconds: float
    stopped: int
    """Stacks of the stopped target that mean depths are compared with."""
    patience: float
    """Seconds that one load may take: the worst code rejects nearly everything."""


FULL = Effort(100_000, 8.0, 3000, 120.0)
QUICK = Effort(2_000, 2.0, 300, 6.0)


def dump_equal(python: str) -> Figures:
    """Threads of parked.py whose stack in `dump` is the one they tell, with stops and without."""
    figures: Figures = {}
    with targets.Target("parked.py", _PARKED, python=python) as target:
        told = {
            int(tid): [tuple(frame) for frame in frames] for tid, frames in target.ready["threads"].items()
        }
        figures["threads"] = len(told)
        for word, exact in (("equal", True), ("equal_nonblocking", False)):
            seen = {
                thread["tid"]: [
                    (frame["file"], frame["function"], frame["line"]) for frame in thread["frames"] or ()
                ]
                for thread in dump_process(target.pid, exact)["threads"]
            }
            figures[word] = sum(seen.get(tid) == frames for tid, frames in told.items())
            figures[f"{word}_others"] = len(seen.keys() - told.keys())
    return figures


@dataclass(slots=True)
class _Count:
    """Samples of one kind, over all loads; `why` keeps one impossible stack's reason."""

    accepted: int = 0
    impossible: int = 0
    rejected: int = 0
    why: list[str] = field(default_factory=list)


def _judge(take: Callable[[], Any], possible: Possible, wanted: int, patience: float, count: _Count) -> None:
    """Take samples until so many were accepted; each distinct place is looked at once."""
    known: dict[Place, str] = {}
    deadline = monotonic() + patience
    end = count.accepted + wanted
    while count.accepted < end and monotonic() < deadline:
        outcome = take()
        if type(outcome) is not Place:
            # Not stopped in time (None): no sample at all.
            count.rejected += outcome is not None
            continue
        why = known.get(outcome)
        if why is None:
            why = known[outcome] = possible.why_not(stack(outcome))
        count.accepted += 1
        if why:
            count.impossible += 1
            count.why.append(why)


@contextmanager
def beside(pid: int) -> Iterator[None]:
    """A core for the target and another one for us: what it was pushed aside for cannot tear a sample."""
    before = os.sched_getaffinity(0)
    run_beside(pid, os.getpid())
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def torn(python: str, effort: Effort) -> dict[str, Any]:
    """Impossible stacks among samples of running threads that were accepted, and among exact ones."""
    running, exact = _Count(), _Count()
    each = effort.samples // len(LOADS)
    for words in LOADS.values():
        with targets.Target("calls.py", *words, python=python) as target:
            possible = Possible(target.ready)
            with beside(target.pid), closing(OneThread(target.pid)) as one:

                def stopped(one: OneThread = one) -> Any:
                    # Else the thread might not have moved since the last stop.
                    sleep(random() / 5000)
                    return one.exact()

                _judge(one.optimistic, possible, each, effort.patience, running)
                _judge(stopped, possible, each, effort.patience, exact)
    return {
        "accepted": running.accepted,
        "torn": running.impossible,
        "rejected": running.rejected,
        "exact": exact.accepted,
        "torn_exact": exact.impossible,
        "unread_exact": exact.rejected,
        "why": sorted(set(running.why + exact.why))[:3],
    }


def depth(python: str, effort: Effort) -> Figures:
    """Mean depth as the product has it, by its default options, beside that of the target when stopped."""
    with targets.Target("calls.py", "calls", python=python) as target:
        truth, found = Sums(), Sums()
        stop_for_each(target.pid, effort.stopped, truth)
        with Engine(pid=target.pid, rate=250.0, max_cpu=1.0) as sampler:
            sampler.until(lambda: sampler.hello)
            run_beside(target.pid, sampler.process.pid)
            sampler.sample(effort.seconds)
            sampler.stop()
        stop_for_each(target.pid, effort.stopped, truth)
        named(sampler, found)
    return {"depth_true": truth.depth, "depth": found.depth, "depth_error": depth_error(truth, found)}


def cost(python: str, effort: Effort) -> Figures:
    """The engine's CPU a sample at 1,000 Hz, of a stack of 24 frames that is busy in the innermost."""
    with stack_of(python, _DEPTH) as target:
        return {"cpu_sample": engine.sample(target, 1000.0, effort.seconds)["cpu_sample"]}


def native(python: str, effort: Effort) -> Figures:
    """The share of C stacks that were read down to the evaluation loop, every sample being exact."""
    with targets.Target("calls.py", "mixed", python=python) as target:
        figures = engine.sample(Target(target.pid), 1000.0, effort.seconds, max_pause=1.0)
    stacks = figures["unwound"] + figures["unwind_failed"]
    return {"stacks": stacks, "complete": figures["unwound"] / stacks} if stacks else {"stacks": 0.0}
