"""Shares and depths are those of a target that stands still for each sample, on call-heavy code too."""

import math

import pytest

from livetop.profile.states import State
from tests.depths import Sums, depth_error, named, run_beside, stop_for_each
from tests.engines import Engine
from tests.reading import Possible

TRUTH = 300
SECONDS = 2.5
# Bounds in standard errors. Some 30 lines are compared in each run.
DEPTH_SIGMA = 5.0
SHARE_SIGMA = 5.5


def compare(truth, found):
    """How far apart they are, in standard errors: of the mean depth, and of the worst line's share."""
    depth = abs(truth.depth - found.depth) / depth_error(truth, found)
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
    stop_for_each(target.pid, TRUTH, truth)
    with Engine(pid=target.pid, rate=250.0, max_cpu=1.0, **options) as engine:
        engine.until(lambda: engine.hello)
        # On one core the engine would only ever look at a thread that it has just pushed aside.
        run_beside(target.pid, engine.process.pid)
        engine.sample(SECONDS)
        assert engine.stop().code == 0
    stop_for_each(target.pid, TRUTH, truth)

    special = named(engine, found)
    for cell, frames in engine.cells:
        if cell.state == State.OWN and frames[0][0]:
            assert possible.why_not(frames) == ""
    depth, (share, line) = compare(truth, found)
    print(
        f"depth {truth.depth:.2f} / {found.depth:.2f} ({depth:.1f} sigma), worst line {line} ({share:.1f}),"
        f" worth {truth.worth:.0f} / {found.worth:.0f}, exact {engine.total('exact')},"
        f" rejected {engine.total('rejected')} of {engine.total('ticks')}, special {special:.2f} s"
    )
    assert depth < DEPTH_SIGMA
    assert share < SHARE_SIGMA
    assert target.untraced
