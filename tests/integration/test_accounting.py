"""Where the seconds go: they add up, and they are those of the kernel and of the threads' own clocks."""

from collections import Counter

import pytest

from livetop.profile.states import State
from tests.engines import Engine

SECONDS = 1.5


class Watch:
    """What an engine says of a program while that works, from before the start to after the end of the work.

    `cpu`: the seconds that the threads' own clocks have counted, by name.
    """

    def __init__(self, target, idle=0.0):
        self.tids = target.ready["threads"]
        with Engine(pid=target.pid) as self.engine:
            self.engine.until(lambda: self.engine.deltas)
            self.engine.sample(idle)
            self.began = len(self.engine.deltas)
            target.ask("go")
            self.engine.sample(SECONDS)
            worked = len(self.engine.deltas)
            self.cpu = target.ask("halt")
            self.seconds = sum(delta.t1 - delta.t0 for delta in self.engine.deltas[self.began : worked])
            # Seconds that are still owed are paid when the thread is seen again.
            self.engine.sample(0.3)
            assert self.engine.stop().code == 0
        self.uses = {name: self.engine.uses()[tid] for name, tid in self.tids.items()}

    def states(self, name):
        """The states it was told to be in while it worked, but for those that are told once in a while."""
        told = Counter(
            use.state
            for delta in self.engine.deltas[self.began + 2 : -5]
            for use in delta.threads
            if use.thread and self.engine.tid(use.thread) == self.tids[name]
        )
        return {state for state, times in told.items() if times > 0.2 * told.total()}

    def check_sums(self):
        """own + queued + gil + wait is a thread's wall time; idle a part of it; cells say what uses say."""
        engine = self.engine
        walls, firsts = Counter(), {}
        for delta in engine.deltas:
            for use in delta.threads:
                tid = engine.tid(use.thread)
                walls[tid] += delta.t1 - delta.t0
                firsts.setdefault(tid, delta.t1 - delta.t0)
        for tid, use in engine.uses().items():
            spent = use["own"] + use["queued"] + use["gil"] + use["wait"]
            slack = 0.02 * walls[tid] + 0.02
            # It was taken up at some time within the first delta that tells of it.
            assert walls[tid] - firsts[tid] - slack < spent < walls[tid] + slack, (tid, dict(use))
            assert use["idle"] <= use["wait"] + 1e-9
            cells = engine.by_state(tid)
            # What no sample has seen yet is owed still: at most some milliseconds.
            assert cells[State.OWN] == pytest.approx(use["own"], rel=0.01, abs=0.03)
            assert cells[State.GIL] == pytest.approx(use["gil"], abs=1e-6)
            assert cells[State.WAIT] + cells[State.IDLE] == pytest.approx(use["wait"], abs=1e-6)
            assert cells[State.IDLE] == pytest.approx(use["idle"], abs=1e-6)

    def check_own(self):
        """Own time is what the thread's own clock says."""
        for name, seconds in self.cpu.items():
            assert self.uses[name]["own"] == pytest.approx(seconds, rel=0.03, abs=0.01), name

    def check_function(self, name):
        """All that was seen of its own time is that of the function that did the work."""
        rows = self.engine.rows(State.OWN, self.tids[name])
        unseen = sum(seconds for (_, function, _), seconds in rows.items() if function == "[unseen]")
        done = sum(seconds for (_, function, _), seconds in rows.items() if function == name)
        assert done > 0.9 * (sum(rows.values()) - unseen), rows

    def check_place(self, state, name, function):
        """Most of a thread's time in a state was spent in one function."""
        ((_, found, _), _), *_ = self.engine.rows(state, self.tids[name]).most_common(1)
        assert found == function


def test_one_thread_of_every_kind(start, few):
    names = ["spin", "sleeping_often", "sleeping", "locked", "polling"]
    watch = Watch(start("kinds_of_time.py", *names, python=few.path))
    watch.check_sums()
    watch.check_own()
    watch.check_function("spin")
    uses = watch.uses
    for name in names[1:]:
        assert uses[name]["own"] < 0.02 * watch.seconds
    # Each time it wakes up, the spinning thread lets it wait for the GIL.
    assert uses["sleeping_often"]["gil"] > 0.05 * watch.seconds
    assert uses["sleeping"]["wait"] - uses["sleeping"]["idle"] > 0.9 * watch.seconds
    for name in ("locked", "polling"):
        assert uses[name]["idle"] > 0.9 * watch.seconds
        assert watch.states(name) == {"idle"}
    assert watch.states("sleeping") == {"wait"}
    watch.check_place(State.WAIT, "sleeping", "sleeping")
    watch.check_place(State.WAIT, "sleeping_often", "sleeping_often")
    watch.check_place(State.IDLE, "locked", "locked")
    watch.check_place(State.IDLE, "polling", "polling")
    assert {thread.name for thread in watch.engine.threads.values()} == {*names, "MainThread"}


def test_two_threads_that_fight_for_the_gil(start, few):
    names = ["spin", "spin_too"]
    watch = Watch(start("kinds_of_time.py", *names, python=few.path))
    watch.check_sums()
    watch.check_own()
    unseen = watch.engine.total("unseen")
    for name in names:
        watch.check_function(name)
        use = watch.uses[name]
        assert use["gil"] > 0.25 * (use["own"] + use["gil"])
        assert use["wait"] - use["idle"] < 0.05 * watch.seconds + 0.05 + unseen
        assert watch.states(name) <= {"running", "gil"}
    assert sum(watch.cpu.values()) < 1.05 * (watch.seconds + 0.5)
    held = sum(cell.weight for cell, _ in watch.engine.cells if cell.state == State.HELD)
    for seconds in (held, watch.engine.total("gil_held")):
        assert 0.8 * (watch.seconds - unseen) < seconds < watch.engine.seconds()


def test_native_work_without_the_gil_is_own_time_of_its_line(start, few):
    names = ["hashing", "compressing", "spin"]
    watch = Watch(start("kinds_of_time.py", *names, python=few.path))
    watch.check_sums()
    watch.check_own()
    for name in names:
        watch.check_function(name)
    for name in ("hashing", "compressing"):
        lines = Counter()
        for (_, function, line), seconds in watch.engine.rows(State.OWN, watch.tids[name]).items():
            if function == name:
                lines[line] += seconds
        assert lines.most_common(1)[0][1] > 0.9 * lines.total()


def test_a_thread_that_was_cold_for_long_and_then_works_without_the_gil(start, few):
    watch = Watch(start("kinds_of_time.py", "hashing", python=few.path), idle=1.2)
    watch.check_sums()
    watch.check_own()
    watch.check_function("hashing")
