"""Builds without a GIL: several threads run at once, nobody holds or waits for one, and what they wait for
among themselves is told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from livetop.profile.states import State
from livetop.sampling.dump import dump_process
from tests import interpreters
from tests.engines import Engine

BUILDS = [one for one in interpreters.everything() if one.build == "free-threaded"]


@pytest.fixture(params=BUILDS, ids=str)
def python(request):
    return request.param


class Watch:
    """What an engine says of threads of free_threads.py."""

    def __init__(self, start, python, *kinds, seconds=1.5, seen=("", ""), **environment):
        """`seen`: a thread and a function of its, of which own time must have been seen."""
        target = start(
            "free_threads.py", *kinds, python=python.path, env=os.environ | {"PYTHON_GIL": "0"} | environment
        )
        self.gil = target.ready["gil"]
        self.tids = target.ready["threads"]
        with Engine(pid=target.pid, max_cpu=1.0) as self.engine:
            self.engine.sample(seconds)
            name, function = seen
            self.engine.until(lambda: not name or self.functions(State.OWN, name)[function] > 0.02)
            assert self.engine.stop().code == 0
        self.build = self.engine.hello.processes[0].build
        self.uses = {name: self.engine.uses()[tid] for name, tid in self.tids.items()}
        assert target.untraced

    def waits(self, name):
        """Seconds by reason."""
        names = {
            number: text
            for message in self.engine.messages
            for number, text in getattr(message, "libraries", [])
        }
        found = Counter()
        for cell, _ in self.engine.cells:
            if cell.state in (State.WAIT, State.IDLE) and self.engine.tid(cell.thread) == self.tids[name]:
                found[names.get(cell.library, "")] += cell.weight
        return found

    def functions(self, state, name):
        found = Counter()
        for (_, function, _), seconds in self.engine.rows(state, self.tids[name]).items():
            found[function] += seconds
        return found


def test_threads_run_at_once_and_nobody_holds_a_gil(start, python):
    watch = Watch(start, python, "counting", "counting_too")
    assert (watch.gil, watch.build) == (False, "free-threaded")
    assert watch.engine.total("gil_held") == 0.0
    assert not any(cell.state in (State.GIL, State.HELD) for cell, _ in watch.engine.cells)
    for name, use in watch.uses.items():
        assert use["gil"] == 0.0
        # Running, or waiting for a core of a busy machine: never blocked.
        assert use["wait"] < 0.1 * watch.engine.seconds() + watch.engine.total("unseen")
        own = watch.functions(State.OWN, name)
        unseen = own.pop("[unseen]", 0.0)
        assert own.most_common(1)[0][0] == name
        assert own[name] > 0.9 * own.total(), (own, unseen)


def test_short_runs_of_a_thread_that_mostly_sleeps_are_where_they_were(start, python):
    watch = Watch(start, python, "napping", seen=("napping", "burst"))
    # While it waits for a core of a busy machine it is still where it slept.
    own = watch.functions(State.OWN, "napping")
    assert own["burst"] + own["napping"] + own["[unseen]"] > 0.95 * own.total(), own
    assert watch.functions(State.WAIT, "napping").most_common(1)[0][0] == "napping"
    assert watch.waits("napping").most_common(1)[0][0] == "sleep"


def test_waiting_for_an_object_and_for_the_stopped_world(start, python):
    watch = Watch(start, python, "sorting", "sorting_too", "collecting", seconds=2.5)
    waits = watch.waits("sorting") + watch.waits("sorting_too")
    assert waits["lock of list"] > 0.0, waits
    assert waits["stop the world (gc)"] > 0.0, waits
    # Neither is where threads park until there is work.
    for name in ("sorting", "sorting_too"):
        assert watch.uses[name]["idle"] < 0.2 * watch.engine.seconds()


def test_a_gil_that_is_in_use_all_the_same(start, python):
    watch = Watch(start, python, "counting", "counting_too", PYTHON_GIL="1")
    assert (watch.gil, watch.build) == (True, "free-threaded")
    unseen = watch.engine.total("unseen")
    held = sum(cell.weight for cell, _ in watch.engine.cells if cell.state == State.HELD)
    for seconds in (held, watch.engine.total("gil_held")):
        assert seconds > 0.7 * (watch.engine.seconds() - unseen)
    assert all(use["gil"] > 0.2 * (use["gil"] + use["own"]) for use in watch.uses.values())


def test_dump_says_that_nobody_holds_it(start, python):
    target = start("free_threads.py", "counting", "counting_too", python=python.path)
    found = dump_process(target.pid)
    by_name = {thread["name"]: thread for thread in found["threads"]}
    for name in target.ready["threads"]:
        assert by_name[name]["frames"][0]["function"] == name
    assert not any(thread["holds_gil"] for thread in found["threads"])


def test_the_command_line_says_that_there_is_none(start, python):
    target = start("free_threads.py", "counting", python=python.path)
    command = [sys.executable, "-m", "livetop", "attach", str(target.pid), "-d", "0.5"]
    said = subprocess.run([*command, "--gil"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.splitlines()[-1].startswith("the target has no GIL")
    said = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=True).stdout
    found = json.loads(said.splitlines()[-1])
    assert [one["build"] for one in found["targets"]] == ["free-threaded"]
    assert {row["gil"] for row in found["rows"]} == {None}
    assert {thread["gil"] for thread in found["threads"]} == {None}
