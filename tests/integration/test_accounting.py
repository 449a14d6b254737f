"""Where the seconds go: they add up, and they are those of the kernel and of the threads' own clocks."""

from collections import Counter

import pytest

from livetop.profile.states import State
from tests.engines import Engine

SECONDS = 2.0


def watch(target, names, seconds=SECONDS, **configure):
    """Sample for so long; (the engine, CPU seconds by the target's own clocks, its clock's seconds)."""
    with Engine(pid=target.pid, **configure) as engine:
        engine.until(lambda: engine.deltas)
        before = target.ask("times")
        first = len(engine.deltas)
        engine.sample(seconds)
        after = target.ask("times")
        assert engine.stop().code == 0
    elapsed = after["clock"] - before["clock"]
    return engine, first, {name: after["cpu"][name] - before["cpu"][name] for name in names}, elapsed


def lifetimes(engine):
    """{tid: seconds of the deltas in which the thread was told of}."""
    found = {}
    for delta in engine.deltas:
        for use in delta.threads:
            found[engine.tid(use.thread)] = found.get(engine.tid(use.thread), 0.0) + delta.t1 - delta.t0
    return found


def check_sums(engine):
    """own + queued + gil + wait is a thread's wall time; idle a part of wait; cells say what uses say."""
    uses = engine.uses()
    for tid, wall in lifetimes(engine).items():
        use = uses[tid]
        spent = use["own"] + use["queued"] + use["gil"] + use["wait"]
        # The kernel books the time in its queue when the thread gets a core, which may be after the last delta.
        assert spent == pytest.approx(wall, rel=0.02, abs=0.02 + 0.15 * use["queued"]), (tid, dict(use))
        assert use["idle"] <= use["wait"] + 1e-9
    for tid, use in engine.uses().items():
        cells = engine.by_state(tid)
        # What no sample has seen yet is owed still: at most some milliseconds.
        assert cells[State.OWN] == pytest.approx(use["own"], rel=0.01, abs=0.03)
        assert cells[State.GIL] == pytest.approx(use["gil"], abs=1e-6)
        assert cells[State.WAIT] + cells[State.IDLE] == pytest.approx(use["wait"], abs=1e-6)
        assert cells[State.IDLE] == pytest.approx(use["idle"], abs=1e-6)


def states(engine, tid):
    """The states it was told to be in, but for those that are told once in a while only."""
    told = Counter(
        use.state for delta in engine.deltas[1:] for use in delta.threads if engine.tid(use.thread) == tid
    )
    return {state for state, times in told.items() if times > 0.1 * told.total()}


def test_one_thread_of_every_kind(start, interpreter):
    names = ["spin", "sleeping", "sleeping_often", "locked", "polling"]
    target = start("kinds_of_time.py", *names, python=interpreter.path)
    engine, first, cpu, elapsed = watch(target, names)
    check_sums(engine)
    uses, tids = engine.uses(first), target.ready["threads"]
    wall = engine.seconds(first)

    spin = uses[tids["spin"]]
    assert spin["own"] / wall == pytest.approx(cpu["spin"] / elapsed, rel=0.03, abs=0.01)
    assert spin["wait"] < 0.05 * wall
    for name in ("sleeping", "sleeping_often"):
        assert uses[tids[name]]["own"] < 0.02 * wall
        assert uses[tids[name]]["idle"] < 0.01 * wall
    assert uses[tids["sleeping"]]["wait"] > 0.98 * wall
    # Each time it wakes up, the spinning thread lets it wait for the GIL.
    often = uses[tids["sleeping_often"]]
    assert often["gil"] > 0.05 * wall
    assert often["wait"] > 0.5 * wall
    for name in ("locked", "polling"):
        assert uses[tids[name]]["own"] < 0.01 * wall
        assert uses[tids[name]]["idle"] > 0.97 * wall
        assert states(engine, tids[name]) == {"idle"}
    assert states(engine, tids["sleeping"]) == {"wait"}
    assert {engine.threads[use.thread].name for use in engine.deltas[-1].threads} >= {*names, "MainThread"}

    # The lines are those where the threads are.
    rows = engine.rows(State.OWN, tids["spin"])
    hot = {function for (_, function, _), seconds in rows.items() if seconds > 0.05 * wall}
    assert hot <= {"spin", "[unseen]"}
    ((_, function, _), _), *_ = engine.rows(State.IDLE, tids["locked"]).most_common(1)
    assert function == "locked"
    ((_, function, _), _), *_ = engine.rows(State.WAIT, tids["sleeping"]).most_common(1)
    assert function == "sleeping"


def test_two_threads_that_fight_for_the_gil(start, version):
    names = ["spin", "spin_too"]
    target = start("kinds_of_time.py", *names, python=version.path)
    engine, first, cpu, elapsed = watch(target, names)
    check_sums(engine)
    uses, tids = engine.uses(first), target.ready["threads"]
    wall = engine.seconds(first)
    own = [uses[tids[name]]["own"] for name in names]
    assert sum(own) < 1.03 * wall
    for name in names:
        use = uses[tids[name]]
        assert use["own"] / wall == pytest.approx(cpu[name] / elapsed, rel=0.03, abs=0.02)
        assert use["gil"] > 0.3 * (wall - use["queued"])
        assert use["own"] + use["gil"] + use["queued"] == pytest.approx(wall, rel=0.04, abs=0.04)
        assert states(engine, tids[name]) <= {"running", "gil"}
    held = sum(cell.weight for cell, _ in engine.cells if cell.state == State.HELD)
    seen = engine.seconds() - engine.total("unseen")
    assert 0.85 * seen < held < 1.02 * engine.seconds()
    assert 0.85 * seen < engine.total("gil_held") < 1.02 * engine.seconds()


def test_native_work_without_the_gil_is_own_time_of_its_line(start, version):
    names = ["hashing", "compressing", "spin"]
    target = start("kinds_of_time.py", *names, python=version.path)
    engine, first, cpu, elapsed = watch(target, names)
    check_sums(engine)
    uses, tids = engine.uses(first), target.ready["threads"]
    wall = engine.seconds(first)
    for name in names:
        assert uses[tids[name]]["own"] / wall == pytest.approx(cpu[name] / elapsed, rel=0.03, abs=0.02)
        rows = engine.rows(State.OWN, tids[name])
        named = sum(seconds for (_, function, _), seconds in rows.items() if function == name)
        special = sum(seconds for (file, _, _), seconds in rows.items() if not file)
        assert named + special == pytest.approx(sum(rows.values()), rel=0.02)
        assert named > special
    # One line does it all.
    for name in ("hashing", "compressing"):
        (_, most), *_ = [
            (place, s) for place, s in engine.rows(State.OWN, tids[name]).most_common() if place[1] == name
        ]
        assert most > 0.9 * sum(s for (_, f, _), s in engine.rows(State.OWN, tids[name]).items() if f == name)


def test_a_thread_that_was_cold_for_long_and_then_works_without_the_gil(start, version):
    names = ["woken_hashing"]
    target = start("kinds_of_time.py", *names, python=version.path)
    tid = target.ready["threads"]["woken_hashing"]
    with Engine(pid=target.pid) as engine:
        engine.sample(1.2)
        before = target.ask("times")["cpu"]["woken_hashing"]
        target.ask("wake", "woken_hashing")
        engine.until(lambda: engine.rows(State.WAIT, tid))
        engine.sample(0.5)
        used = target.ask("times")["cpu"]["woken_hashing"] - before
        engine.stop()
    assert used > 0.1
    assert engine.uses()[tid]["own"] == pytest.approx(used, rel=0.03, abs=0.02)
    rows = engine.rows(State.OWN, tid)
    named = sum(seconds for (_, function, _), seconds in rows.items() if function == "woken_hashing")
    special = sum(seconds for (file, _, _), seconds in rows.items() if not file)
    assert named + special == pytest.approx(used, rel=0.05, abs=0.03)
    assert named > special
