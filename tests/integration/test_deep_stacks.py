"""Stacks of thousands of frames: read whole, parked and running, and sampled within the budgets."""

from random import random
from time import sleep

import pytest

from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.sampling.dump import dump_process
from tests.engines import Engine
from tests.reading import OneThread, stack


def deep_thread(pid):
    return next(thread for thread in dump_process(pid)["threads"] if thread["name"] == "deep")


@pytest.mark.parametrize("depth", [1_500, 20_000])
def test_a_parked_stack_is_dumped_whole(start, version, depth):
    target = start("deep.py", depth, "park", python=version.path)
    frames = deep_thread(target.pid)["frames"]
    names = [frame["function"] for frame in frames]
    assert names[0] == "park"
    assert names.count("recurse") == depth + 1
    assert frames[1]["line"] == frames[2]["line"] + 2
    assert len({frame["line"] for frame in frames[2 : depth + 2]}) == 1


@pytest.mark.parametrize("depth", [1_500, 20_000])
def test_a_running_stack_is_read_whole(start, few, depth):
    target = start("deep.py", depth, "spin", python=few.path)
    one = OneThread(target.pid, deep_thread(target.pid)["tid"])
    whole = {"exact": 0, "optimistic": 0}
    for _ in range(6):
        sleep(random() / 100)
        for kind in whole:
            outcome = getattr(one, kind)()
            if type(outcome) is Place:
                names = [name for _, name, _ in stack(outcome)]
                assert names.count("recurse") == depth + 1
                whole[kind] += 1
    one.close()
    assert min(whole.values()) > 2, whole
    assert target.untraced


def test_a_stack_of_any_depth_is_sampled_within_the_budgets(start, few):
    target = start("deep.py", 20_000, "spin", python=few.path)
    with Engine(pid=target.pid, rate=100.0) as engine:
        engine.sample(2.0)
        engine.stop()
    own = hot = 0.0
    for cell, places in engine.cells:
        if cell.state != State.OWN:
            continue
        own += cell.weight
        if places and places[0][1] in ("step", "spin"):
            hot += cell.weight
            names = [name for _, name, _ in places]
            # The innermost frames, and what stands for the others.
            assert names[-1] == "[more callers]"
            assert 100 < names.count("recurse") <= 1_500
    assert hot > 0.7 * own
    assert target.untraced
