"""Interpreters with a GIL each (3.12 on): several threads hold one at a time, none waits for another's."""

from collections import Counter

import pytest

from livetop.profile.states import State
from livetop.sampling.dump import dump_process
from tests import interpreters
from tests.engines import Engine

VERSIONS = [one for one in interpreters.one_a_version() if one.minor >= (3, 12)]


@pytest.fixture(params=VERSIONS, ids=str)
def target(request, start):
    return start("own_gils.py", python=request.param.path)


def test_both_hold_theirs(target):
    with Engine(pid=target.pid, max_cpu=1.0) as engine:
        engine.sample(1.5)
        assert engine.stop().code == 0
    unseen = engine.total("unseen")
    seconds = engine.seconds()
    # A holder is one that holds any: the figure is never more than the time that passed.
    assert 0.7 * (seconds - unseen) < engine.total("gil_held") < 1.05 * seconds
    for name, tid in target.ready["threads"].items():
        use = engine.uses()[tid]
        assert use["gil"] < 0.05 * seconds
        held = sum(
            cell.weight
            for cell, _ in engine.cells
            if cell.state == State.HELD and engine.tid(cell.thread) == tid
        )
        assert held > 0.7 * (seconds - unseen)
        functions = Counter()
        for (_, function, _), own in engine.rows(State.OWN, tid).items():
            functions[function] += own
        del functions["[unseen]"]
        assert functions.most_common(1)[0][0] == name


def test_a_dump_shows_both_with_their_callers(target):
    threads = {thread["tid"]: thread for thread in dump_process(target.pid)["threads"]}
    for name, tid in target.ready["threads"].items():
        functions = [frame["function"] for frame in threads[tid]["frames"]]
        assert functions[0] == name
        # What called into the other interpreter is there as well.
        assert "run" in functions
    assert sum(threads[tid]["holds_gil"] for tid in target.ready["threads"].values()) == 2
