"""Lines of subinterpreters are seen, on the thread that runs them, and no thread's time counts twice."""

import time

import pytest

from livetop.profile.states import State
from livetop.sampling.dump import dump_process
from tests import interpreters
from tests.engines import Engine

WITHIN = ("within", "<module>")
FILES = ("<string>", "<script>")


@pytest.fixture(params=[one for one in interpreters.one_a_version() if one.minor >= (3, 8)], ids=str)
def python(request):
    """There is no module for subinterpreters before."""
    return request.param


@pytest.fixture(params=["nested", "threads"])
def target(start, python, request):
    target = start("subinterpreters.py", request.param, python=python.path)
    # It has told just before it begins.
    while not any("within" in stack for stack in _stacks(target.pid).values()):
        time.sleep(0.01)
    return target


def _stacks(pid):
    return {
        thread["tid"]: [frame["function"] for frame in thread["frames"] or []]
        for thread in dump_process(pid)["threads"]
    }


def test_lines_within_subinterpreters(target, python):
    stacks = [stack for stack in _stacks(target.pid).values() if WITHIN[0] in stack]
    if python.minor >= (3, 10):
        # What runs them stands below.
        assert all("run" in stack[stack.index(WITHIN[0]) :] for stack in stacks)
    with Engine(pid=target.pid, rate=200, max_cpu=100, native="none") as engine:
        # To 3.9 it takes some looks to find out where they run.
        engine.sample(1.0 if python.minor >= (3, 10) else 2.5)
    tids = target.ready["tids"]
    uses = engine.uses()
    # Up to 3.11, where all interpreters share one GIL, not all of them may get it.
    busy = [tid for tid in tids if uses[tid]["own"] > 0.02]
    assert busy
    for tid in busy:
        rows = engine.rows(State.OWN, tid)
        within = [place for place in rows if place[0] in FILES and place[1] in WITHIN]
        seen = sum(rows[place] for place in within)
        known = sum(weight for (_, name, _), weight in rows.items() if name != "[unseen]")
        assert seen > (0.9 if python.minor >= (3, 10) else 0.5) * known
    for tid, use in uses.items():
        assert sum(use.values()) - use["idle"] <= 1.3 * engine.seconds(), tid
