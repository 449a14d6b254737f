"""Garbage collection is a row of its own, below the line that sets it off; Python code within it is not."""

from collections import Counter

import pytest

from livetop.profile.states import State
from livetop.sampling.dump import dump_process
from tests.engines import Engine

GC, UNSEEN = "[gc]", "[unseen]"
# Some hundred samples leave so much to chance; callbacks are told from the collector only after some looks.
POINTS = {"plain": 0.08, "finalizers": 0.08, "callbacks": 0.16}
TRIALS = 4


class Watch:
    """A second and a half of a target: shares of own time as sampled, and as the target counts them."""

    def __init__(self, target, **configure):
        with Engine(pid=target.pid, rate=300, max_cpu=100, **configure) as engine:
            engine.sample(0.3)
            # What is counted is what lies between the target's two answers.
            before, begun = target.ask("clock"), len(engine.cells)
            engine.sample(1.5)
            after, ended = target.ask("clock"), len(engine.cells)
        own, self.lines = Counter(), Counter()
        for cell, places in engine.cells[begun:ended]:
            if cell.state == State.OWN and places and places[0][1] != UNSEEN:
                own[places[0][1]] += cell.weight
                if places[0][1] == GC:
                    self.lines[places[1][1:]] += cell.weight
        total = sum(own.values())
        self.sampled = own[GC] / total, own["spend"] / total
        clock, collecting, within = (b - a for a, b in zip(before, after, strict=True))
        self.counted = collecting / clock, within / clock

    def right(self, kind):
        return self.sampled == pytest.approx(self.counted, abs=POINTS[kind])


def watch(target, kind, **configure):
    """The first of some that agree, as other programs on the machine disturb some of them."""
    for _ in range(TRIALS):
        found = Watch(target, **configure)
        if found.right(kind):
            break
    return found


def test_collections_and_the_line_that_sets_them_off(start, version):
    target = start("collects.py", "plain", python=version.path)
    found = watch(target, "plain", native="none")
    assert found.right("plain"), (found.sampled, found.counted)
    here = sum(weight for (function, _), weight in found.lines.items() if function == "make_garbage")
    # What the program counts its collections with runs at both ends of each.
    clock = sum(weight for (function, _), weight in found.lines.items() if function == "clocked")
    assert here > 0.95 * (sum(found.lines.values()) - clock)
    assert max(found.lines, key=found.lines.get) == ("make_garbage", target.ready["line"])


@pytest.mark.parametrize("kind", ["finalizers", "callbacks"])
def test_python_code_within_collections_is_not_the_collector(start, few, kind):
    target = start("collects.py", kind, python=few.path)
    found = watch(target, kind)
    assert found.right(kind), (found.sampled, found.counted)


def test_a_long_collection_in_a_dump(start, few):
    target = start("collects.py", "full", python=few.path)
    # One look may come between two of them.
    for _ in range(20):
        frames = dump_process(target.pid)["threads"][1]["frames"]
        if frames[0]["function"] == GC:
            break
    assert frames[0] == {"file": "", "line": 0, "function": GC, "kind": "native"}
    assert frames[1]["function"] == "work"
