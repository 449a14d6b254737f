"""Children of a target: found, sampled and told apart, whatever starts them and however they end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import livetop

from livetop.profile.states import State
from tests import interpreters
from tests.engines import Engine
from tests.interpreters import Interpreter
from tests.targets import PROGRAMS, Target

FAMILIES = PROGRAMS / "families.py"
WATCH = {"subprocesses": True, "rate": 100.0, "max_cpu": 1.0}


@pytest.fixture
def family(start) -> Target:
    # A session of its own is what a server has.
    return start("families.py", start_new_session=True)


@pytest.fixture
def engine(family: Target) -> Iterator[Engine]:
    with Engine(pid=family.pid, **WATCH) as engine:
        engine.until(lambda: engine.deltas)
        yield engine


def hot_seconds(engine: Engine) -> Counter[int]:
    """Seconds in `hot` by PID of the process."""
    found: Counter[int] = Counter()
    for cell, places in engine.cells:
        if cell.state == State.OWN and places and places[0][1] == "hot":
            found[engine.processes[engine.threads[cell.thread].process].pid] += cell.weight
    return found


def until_hot(engine: Engine, *pids: int) -> None:
    """Wait until each of these was seen at work."""
    engine.until(lambda: hot_seconds(engine).keys() >= set(pids))


def assert_untraced(*pids: int) -> None:
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        assert "TracerPid:\t0\n" in status and "\nState:\tt" not in status


# ---------------------------------------------------------------- who is found


def test_forked_workers_and_their_ends(few: Interpreter, start) -> None:
    target = start("families.py", python=few.path)
    with Engine(pid=target.pid, **WATCH) as engine:
        workers = target.ask("fork", 3)
        until_hot(engine, *workers)
        assert engine.watched() == {target.pid, *workers}
        for pid in workers:
            told = engine.process_of(pid)
            assert (told.parent, told.python, told.reason) == (target.pid, few.version, "")
        roots = [node.line for node in engine.nodes.values() if not node.parent]
        assert sorted(roots) == sorted(process.id for process in engine.processes.values())
        # One is killed from outside, and one waited for.
        os.kill(workers[0], signal.SIGKILL)
        target.ask("end", workers[1])
        engine.until(lambda: engine.watched() == {target.pid, workers[2]})
        engine.until(lambda: len(engine.events("exit")) >= 2)
        spent = hot_seconds(engine)
        engine.until(lambda: hot_seconds(engine)[workers[2]] > spent[workers[2]])
        # What the others did stays, and nothing is added to it.
        assert hot_seconds(engine)[workers[0]] == spent[workers[0]] > 0
        assert engine.stop().code == 0
        assert_untraced(target.pid, workers[2])


def test_another_python_as_a_child(few: Interpreter, family: Target, engine: Engine) -> None:
    child = family.ask("spawn", few.path, FAMILIES, "child")
    until_hot(engine, child)
    assert engine.process_of(child).python == few.version
    assert engine.process_of(child).argv[-1] == "child"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_multiprocessing(method: str, family: Target, engine: Engine) -> None:
    workers = family.ask("pool", method, 3)
    until_hot(engine, *workers)
    # The same line, of the same file whatever started the process, is one place.
    functions = {function.id for function in engine.functions.values() if function.name == "hot"}
    assert len(functions) == 1


def test_a_pool_of_futures(family: Target, engine: Engine) -> None:
    workers = family.ask("executor", 2)
    until_hot(engine, *workers)


def test_a_chain_of_programs_that_ends_in_python(family: Target, engine: Engine) -> None:
    script = f"exec /bin/sh -c 'sleep 0.3; exec {sys.executable} {FAMILIES} child'"
    child = family.ask("spawn", "/bin/sh", "-c", script.replace(" ", "${IFS}"))
    # The words of an order are split, so that what the shell runs comes without blanks.
    until_hot(engine, child)
    assert engine.process_of(child).argv[0] == sys.executable


def test_python_below_another_program(family: Target, engine: Engine) -> None:
    shell = family.ask(
        "spawn", "/bin/sh", "-c", f"{sys.executable} {FAMILIES} child; :".replace(" ", "${IFS}")
    )
    engine.until(lambda: hot_seconds(engine))
    (python,) = engine.watched() - {family.pid}
    assert engine.process_of(python).parent == shell
    engine.until(lambda: engine.process_of(shell) is not None)
    assert engine.process_of(shell).state == "other"


def test_grandchildren_stay_when_their_parents_end(family: Target, engine: Engine) -> None:
    middle, child = family.ask("nested")
    until_hot(engine, middle, child)
    assert engine.process_of(child).parent == middle
    family.ask("end", middle)
    engine.until(lambda: middle not in engine.watched())
    spent = hot_seconds(engine)[child]
    engine.until(lambda: hot_seconds(engine)[child] > spent + 0.05)
    # This one's parent was never seen: it is in the session that the target leads.
    orphan = family.ask("orphan")
    until_hot(engine, orphan)
    for pid in (child, orphan):
        os.kill(pid, signal.SIGKILL)
    engine.until(lambda: engine.watched() == {family.pid})


def test_a_worker_that_becomes_another_program(family: Target, engine: Engine) -> None:
    python = interpreters.one_a_version()[-1]
    worker, sleeper = (
        family.ask("fork_to_exec", python.path, FAMILIES, "child"),
        family.ask("fork_to_exec", "/bin/sleep", 60),
    )
    until_hot(engine, worker, sleeper)
    for pid in (worker, sleeper):
        os.kill(pid, signal.SIGUSR1)
    engine.until(lambda: engine.process_of(worker).python == python.version)
    assert engine.process_of(worker).argv[-1] == "child"
    (event,) = engine.until(lambda: engine.events("exec"))
    assert event.text.startswith(f"process {worker} became ")
    told = engine.until(lambda: (p := engine.process_of(sleeper)).state == "other" and p)
    engine.until(lambda: told.reason in [event.text for event in engine.events("child")])
    spent = hot_seconds(engine)
    engine.until(lambda: hot_seconds(engine)[worker] > spent[worker])
    assert hot_seconds(engine)[sleeper] == spent[sleeper]


def test_livetop_is_no_child(family: Target, engine: Engine) -> None:
    family.ask("spawn", sys.executable, "-m", "livetop", "attach", family.pid, "--json", "--nonblocking")
    # What begins later is known later: then livetop would be, too.
    for _ in range(2):
        (worker,) = family.ask("fork", 1)
        until_hot(engine, worker)
        engine.sample(1.0)
    assert not [p for p in engine.processes.values() if "livetop" in " ".join(p.argv)]


# ---------------------------------------------------------------- who cannot be read


def test_a_child_that_is_no_python_is_named(family: Target, engine: Engine) -> None:
    child = family.ask("spawn", "/bin/sleep", 600)
    told = engine.until(lambda: engine.process_of(child))
    assert (told.state, told.parent, told.python) == ("other", family.pid, "")
    assert told.reason == f"process {child} runs sleep 600, not a Python program"
    engine.until(lambda: engine.deltas[-1].sampling.unwatched == 1)
    assert not [event for event in engine.events() if str(child) in event.text]
    family.ask("end", child)
    engine.until(lambda: engine.process_of(child).state == "gone")
    engine.until(lambda: engine.deltas[-1].sampling.unwatched == 0)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_a_child_that_may_not_be_read_is_named_with_the_reason(start) -> None:
    powerless = ("setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace")
    # It execs, so that the process is the target itself.
    family = start("families.py", python=powerless[0], options=[*powerless[1:], sys.executable])
    with Engine(pid=family.pid, through=powerless, **WATCH) as engine:
        mine = family.ask("fork", 1)
        until_hot(engine, *mine)
        other = family.ask("nobody")
        told = engine.until(lambda: (p := engine.process_of(other)) and p.state == "unreadable" and p)
        assert told.reason.startswith(f"cannot read process {other}: ")
        engine.until(lambda: [event for event in engine.events("child") if event.text == told.reason])
        # The others are watched on.
        spent = hot_seconds(engine)
        engine.until(lambda: hot_seconds(engine)[mine[0]] > spent[mine[0]])


# ---------------------------------------------------------------- many, and ends


def test_a_storm_of_short_lives(family: Target, engine: Engine) -> None:
    (worker,) = family.ask("fork", 1)
    until_hot(engine, worker)
    engine.sample(1.0)
    files = len(os.listdir(f"/proc/{engine.process.pid}/fd"))
    family.say("storm", 200, 0.15)
    engine.sample(2.0)
    assert family.read() == 200
    engine.until(lambda: engine.watched() == {family.pid, worker})
    engine.sample(1.0)
    spent = hot_seconds(engine)[worker]
    engine.until(lambda: hot_seconds(engine)[worker] > spent)
    seen = {process.pid for process in engine.processes.values()} - {family.pid, worker}
    assert len(seen) + engine.total("missed") >= 20
    assert len(seen) <= 200
    # Three files for each thread that is there, and none of those that were.
    assert len(os.listdir(f"/proc/{engine.process.pid}/fd")) <= files + 6
    assert engine.stop().code == 0


def ended_children(engine: Engine) -> float:
    """Seconds in the rows of children that were not read."""
    return sum(cell.weight for cell, places in engine.cells if places and places[0][1] == "[ended children]")


def of_others(engine: Engine, *known: int) -> float:
    """Seconds of all other processes, in whatever rows."""
    return sum(
        cell.weight
        for cell, _ in engine.cells
        if cell.state == State.OWN and engine.processes[engine.threads[cell.thread].process].pid not in known
    )


def test_what_short_lives_use_is_charged_to_their_parent(family: Target) -> None:
    # Of the past, which is nobody's.
    before = family.ask("burning", 20, 0.02)
    with Engine(pid=family.pid, **WATCH) as engine:
        engine.until(lambda: engine.deltas)
        (worker,) = family.ask("fork", 1)
        until_hot(engine, worker)
        family.say("burning", 100, 0.02)
        engine.sample(4.0)
        used = family.read() - before
        engine.until(lambda: ended_children(engine) + of_others(engine, family.pid, worker) > 0.8 * used)
        # One that was watched has been charged with its own already.
        shown = ended_children(engine)
        family.ask("end", worker)
        engine.until(lambda: engine.watched() == {family.pid})
        engine.sample(1.0)
        assert hot_seconds(engine)[worker] > 1.0
        assert ended_children(engine) - shown < 0.3
        assert ended_children(engine) < 1.05 * used + 0.3


def test_a_child_that_is_dead_and_not_waited_for(family: Target, engine: Engine) -> None:
    (worker,) = family.ask("fork", 1)
    until_hot(engine, worker)
    family.ask("leave_dead", worker)
    engine.until(lambda: engine.process_of(worker).state == "gone")
    assert Path(f"/proc/{worker}").exists()
    engine.sample(0.5)
    assert engine.watched() == {family.pid}


def test_the_session_lasts_as_long_as_a_child_lives(family: Target, engine: Engine) -> None:
    child = family.ask("survivor")
    until_hot(engine, child)
    family.say("leave", 7)
    engine.until(lambda: engine.watched() == {child})
    spent = hot_seconds(engine)[child]
    engine.until(lambda: hot_seconds(engine)[child] > spent)
    os.kill(child, signal.SIGKILL)
    bye = engine.wait()
    assert (bye.code, bye.text) == (0, f"process {family.pid} exited")


def test_a_killed_engine_leaves_all_of_them_alone(family: Target) -> None:
    with Engine(pid=family.pid, **WATCH | {"rate": 500.0, "max_pause": 0.5}) as engine:
        workers = family.ask("fork", 3)
        until_hot(engine, *workers)
        engine.until(lambda: engine.total("stops") > 20)
        engine.kill()
    assert_untraced(family.pid, *workers)


def test_the_rate_gives_way_to_many_children(family: Target) -> None:
    with Engine(pid=family.pid, subprocesses=True, rate=2000.0, max_cpu=0.01) as engine:
        workers = family.ask("fork", 6)
        until_hot(engine, *workers)
        engine.until(lambda: engine.deltas[-1].sampling.rate < 1000)
        assert engine.deltas[-1].sampling.processes == 7


# ---------------------------------------------------------------- the command line


def test_run_with_children_as_json(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(PROGRAMS)!r})\n"
        "import families\n"
        "families.fork(2)\n"
        "families.work(4)\n"
    )
    stacks, snapshot = tmp_path / "stacks.txt", tmp_path / "pool.livetop"
    out, _ = livetop("run", "-s", "--json", "-o", snapshot, script)
    last = json.loads(out.splitlines()[-1])
    root, *children = last["targets"]
    assert len(children) == 2
    assert all(child["parent"] == root["pid"] for child in children)
    out, _ = livetop("show", snapshot, "--json")
    shown = json.loads(out)
    hot = next(row for row in shown["rows"] if row["function"] == "hot")
    assert hot["process"] is None
    assert {int(pid) for pid in hot["processes"]} == {target["pid"] for target in last["targets"]}
    assert sum(hot["processes"].values()) == pytest.approx(
        sum(row["total"] for row in _rows(snapshot, "--per-process") if row["line"] == hot["line"]
            and row["function"] == "hot"), rel=1e-6
    )  # fmt: skip
    by_process = {row["process"]: row["own"] for row in _rows(snapshot, "--by", "process")}
    assert by_process.keys() == {target["pid"] for target in last["targets"]}
    alone = _rows(snapshot, "--process", str(children[0]["pid"]))
    assert {row["process"] for row in alone} == {children[0]["pid"]}
    livetop("show", snapshot, "--process", "1", code=2)
    livetop("export", snapshot, "-f", "collapsed", "-o", stacks)
    roots = {line.split(";")[0].split(":")[0] for line in stacks.read_text().splitlines()}
    assert roots == {f"process {target['pid']}" for target in last["targets"]}


def _rows(snapshot: Path, *options: str) -> list[dict]:
    return json.loads(livetop("show", snapshot, "--json", *options)[0])["rows"]


def test_dump_with_children(family: Target) -> None:
    workers = family.ask("fork", 2)
    sleep = family.ask("spawn", "/bin/sleep", 600)
    found = json.loads(livetop("dump", "-s", "--json", family.pid)[0])
    assert found["pid"] == family.pid
    children = {child["pid"]: child for child in found["children"]}
    assert children.keys() == {*workers, sleep}
    for pid in workers:
        assert children[pid]["parent"] == family.pid
        (thread,) = children[pid]["threads"]
        assert thread["tid"] == pid
        assert {"work", "start", "fork"} <= {frame["function"] for frame in thread["frames"]}
    assert children[sleep]["threads"] == []
    assert "not a Python program" in children[sleep]["reason"]
    text, _ = livetop("dump", "-s", family.pid)
    for pid in (family.pid, *workers):
        assert f"Process {pid}, Python" in text
    assert f"Process {sleep} runs sleep 600, not a Python program" in text
    assert "children" not in json.loads(livetop("dump", "--json", family.pid)[0])
