"""Stacks of call-heavy programs can exist: all exact ones, and nearly all that two copies agreed on."""

from random import random
from time import sleep

import pytest

from livetop.cpython.tree import Place
from livetop.sampling.dump import dump_process
from tests.reading import OneThread, Possible, stack
from tests.targets import Target

EXACT = 150
OPTIMISTIC = 3_000
# So many tries at most: most samples of the worst code are rejected.
TRIES = 12_000
# The promise is 5 in 10,000; a sound reader is far below, and this many a chance of it will not reach.
IMPOSSIBLE = 1.5 + 3 * 1.5**0.5

LOADS = {"calls": ("calls",), "mixed": ("mixed",), "work": ("calls", "200")}


@pytest.fixture(scope="module", params=LOADS)
def busy(request, version):
    with Target("calls.py", *LOADS[request.param], python=version.path) as target:
        target.load = request.param
        yield target


@pytest.fixture
def thread(busy):
    one = OneThread(busy.pid)
    yield one
    one.close()


def test_exact_stacks_all_can_exist(busy, thread):
    possible = Possible(busy.ready)
    taken = unreadable = 0
    for _ in range(EXACT * 5):
        # Else the thread might not have moved since the last stop.
        sleep(random() / 1000)
        outcome = thread.exact()
        if type(outcome) is Place:
            assert possible.why_not(stack(outcome)) == ""
            taken += 1
        else:
            unreadable += outcome is not None
        if taken == EXACT:
            break
    assert taken == EXACT
    # An instant between two stacks (a frame is being left, an evaluation loop entered) is rare.
    assert unreadable < 0.03 * EXACT
    assert busy.untraced


def test_optimistic_stacks_that_were_accepted_can_exist(busy, thread):
    possible = Possible(busy.ready)
    accepted, impossible, rejected = 0, [], 0
    for _ in range(TRIES):
        outcome = thread.optimistic()
        if type(outcome) is Place:
            accepted += 1
            why = possible.why_not(stack(outcome))
            if why:
                impossible.append(why)
            if accepted == OPTIMISTIC:
                break
        else:
            rejected += 1
    print(f"accepted {accepted}, impossible {len(impossible)}, rejected {rejected}")
    if busy.load == "work":
        assert accepted > OPTIMISTIC / 10
    assert len(impossible) <= IMPOSSIBLE, impossible


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "nonblocking"])
def test_dumps_of_a_busy_program_can_exist(busy, exact):
    possible = Possible(busy.ready)
    shown = 0
    for _ in range(15):
        (thread,) = dump_process(busy.pid, exact)["threads"]
        # On a busy machine it may wait for a page of memory.
        assert thread["state"] in ("running", "wait")
        if thread["frames"] is None and not exact:
            # Without stops there may be no two copies that agree; nothing is invented then.
            continue
        frames = [(frame["file"], frame["function"], frame["line"]) for frame in thread["frames"]]
        assert possible.why_not(frames) == ""
        shown += 1
    assert shown or not exact
    assert busy.untraced
