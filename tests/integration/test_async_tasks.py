"""Tasks of real programs: their names, chains, waits and awaiters are what Python itself says of them."""

import re

import pytest

from livetop.profile.rows import Query
from livetop.profile.snapshot import load
from livetop.sampling.dump import dump_process
from livetop.wire import messages as m
from tests import interpreters
from tests.engines import Engine
from tests.integration.command_line import livetop
from tests.targets import Target

WITH_TASKS = [one for one in interpreters.supported() + interpreters.built() if one.minor >= (3, 8)]
ONE_A_VERSION = [one for one in interpreters.one_a_version() if one.minor >= (3, 8)]


@pytest.fixture(scope="module", params=WITH_TASKS, ids=str)
def asynchronous(request):
    with Target("async_tasks.py", python=request.param.path) as target:
        yield target, request.param, dump_process(target.pid, tasks=True)


def short(name):
    return name.rpartition(".")[2]


def by_name(found):
    return {task["name"]: task for task in found["tasks"]}


def test_all_tasks_of_all_loops(asynchronous):
    target, _, found = asynchronous
    assert len(found["tasks"]) == sum(thread["tasks"] for thread in target.ready["threads"].values())
    names = {task["name"] for task in found["tasks"]}
    # A task without a name goes by its number, an int in memory until somebody asks for it.
    assert len({name for name in names if re.fullmatch(r"Task-\d+", name)}) >= 2
    assert names >= target.ready["tasks"].keys()
    assert {task["state"] for task in found["tasks"]} == {"waiting"}


def test_chains(asynchronous):
    target, _, found = asynchronous
    tasks = by_name(found)
    for name, chain in target.ready["tasks"].items():
        frames = [[short(frame["function"]), frame["line"]] for frame in reversed(tasks[name]["frames"])]
        # Python does not tell what is behind an asynchronous generator or an object's `__await__`.
        assert frames[: len(chain)] == chain, name
        assert all(frame["kind"] == "python" for frame in tasks[name]["frames"])
    for label in ("", "other "):
        whole = {name: [short(f["function"]) for f in tasks[label + name]["frames"]] for name in (
            "iterate", "object", "generator", "nested")}  # fmt: skip
        assert whole == {
            "iterate": ["park", "nested", "generate", "iterate"],
            "object": ["park", "through_object"],
            "generator": ["park", "old_style", "through_generator"],
            "nested": ["park", "nested"],
        }


def test_what_they_wait_for(asynchronous):
    _, interpreter, found = asynchronous
    tasks = by_name(found)
    waits = {name: task["waiting_on"] for name, task in tasks.items()}
    for label in ("", "other "):
        assert waits[label + "main"] == waits[label + "nested"] == waits[label + "iterate"] == "Future"
        assert waits[label + "sleeper"] == waits[label + "ünï " + "x" * 50] == "sleep(3600)"
        assert waits[label + "waits for"] == f"task {label}nested"
        assert waits[label + "gathers"] == "gather of 2"
        assert waits[label + "waits many"] == "wait of 2"
        assert waits[label + "lock"] == "Lock.acquire"
        assert waits[label + "queue"] == "Queue.get"
        if interpreter.minor >= (3, 11):
            assert waits[label + "group"] == "TaskGroup of 2"


def test_who_awaits_them(asynchronous):
    _, interpreter, found = asynchronous
    tasks = by_name(found)
    for label in ("", "other "):
        assert set(tasks[label + "nested"]["awaited_by"]) == {
            label + name for name in ("waits for", "gathers", "waits many")
        }
        assert set(tasks[label + "sleeper"]["awaited_by"]) == {label + "gathers", label + "waits many"}
        assert tasks[label + "main"]["awaited_by"] == []
    if interpreter.minor >= (3, 11):
        grouped = [task["awaited_by"] for task in found["tasks"] if task["name"].startswith("in group")]
        assert sorted(grouped) == [["group"], ["group"], ["other group"], ["other group"]]
    if interpreter.minor < (3, 12):
        # The task that wait_for makes of a coroutine has no name.
        (inner,) = (task for task in found["tasks"] if task["awaited_by"] == ["timeout"])
        assert tasks["timeout"]["waiting_on"] == f"wait_for {inner['name']}"


def test_threads_run_no_task_while_all_wait(asynchronous):
    _, _, found = asynchronous
    assert [thread["task"] for thread in found["threads"]] == [None] * len(found["threads"])


def test_without_the_option_nothing_changes(asynchronous):
    target, _, _ = asynchronous
    found = dump_process(target.pid)
    assert "tasks" not in found
    assert all("task" not in thread for thread in found["threads"])


@pytest.fixture(scope="module", params=ONE_A_VERSION, ids=str)
def busy(request):
    with Target("async_load.py", python=request.param.path) as target:
        yield target


def test_a_task_that_runs_has_the_frames_of_its_thread(busy):
    seen = set()
    for _ in range(200):
        found = dump_process(busy.pid, tasks=True)
        (thread,) = found["threads"]
        running = [task for task in found["tasks"] if task["thread"]]
        if thread["task"] is not None:
            (task,) = running
            assert task["name"] == thread["task"]
            assert task["state"] == "running"
            functions = [frame["function"] for frame in task["frames"]]
            assert functions[-1] in ("works", "request", "serves", "awaits", "main")
            assert task["frames"] == thread["frames"][: len(functions)]
            seen.add(thread["task"])
        if {"one", "two", "child"} <= seen:
            return
    pytest.fail(f"of the tasks that compute only {seen} were seen")


def test_samples_go_by_task(busy, tmp_path):
    file = tmp_path / "by-task.livetop"
    livetop("record", busy.pid, "--async", "-d", 2, "-r", 200, "-o", file)
    profile = load(file)
    table = profile.rows(Query("task", None))
    rows = {row.task or row.function: row for row in table.rows}
    # Three times as much, but of few samples.
    assert rows["one"].own_share > 1.3 * rows["two"].own_share > 0
    assert rows["one"].own_share > 1.3 * rows["child"].own_share > 0
    # What a task awaits is a part of its total, and its own time is what it ran itself.
    assert rows["parent"].own_share < 0.02
    assert rows["parent"].total == pytest.approx(rows["child"].total, rel=0.2)
    # One without a name goes by its coroutine.
    assert rows["request"].own_share > 0
    assert not any(name.startswith("Task-") for name in rows)
    # Lines are what they are without tasks, and say whose they are where only one ran them.
    lines = profile.rows(Query("line", None)).rows
    seen = 1.0 - sum(row.own_share for row in lines if row.function in ("[unseen]", "[unread]"))
    assert sum(row.own_share for name, row in rows.items() if name != "[no task]") > 0.8 * seen
    assert not any(row.kind == "task" for row in lines)
    hottest = next(row for row in lines if row.kind == "python")
    assert hottest.function == "spin"
    assert hottest.task is None
    outermost = next(row for row in lines if row.function == "<module>")
    assert outermost.total_share > 0.9 * seen


@pytest.mark.parametrize("newest", ONE_A_VERSION, ids=str)
def test_tasks_of_the_class_in_python(newest, start):
    target = start("async_tasks.py", "python", python=newest.path)
    tasks = by_name(dump_process(target.pid, tasks=True))
    for label in ("", "other "):
        functions = [short(frame["function"]) for frame in tasks[label + "nested"]["frames"]]
        # Futures in Python are awaited by a generator of their own.
        assert functions == ["__await__", "park", "nested"]
        assert tasks[label + "nested"]["waiting_on"] == "Future"
        assert tasks[label + "sleeper"]["waiting_on"] == "sleep(3600)"
        assert tasks[label + "waits for"]["waiting_on"] == f"task {label}nested"
        assert set(tasks[label + "nested"]["awaited_by"]) == {
            label + name for name in ("waits for", "gathers", "waits many")
        }


def test_tasks_are_listed_while_they_are_asked_for(asynchronous):
    target, _, found = asynchronous
    with Engine(pid=target.pid, list_tasks=True) as engine:
        told = engine.until(
            lambda: [one for one in engine.messages if isinstance(one, m.Tasks) and one.tasks]
        )
        (listed, *_) = told
        assert listed.whole
        assert listed.total == len(listed.tasks) == len(found["tasks"])
        for task in listed.tasks:
            assert task.kind == "task"
            assert task.share == 0
            assert all(file in engine.files for _, file, _ in task.frames)
        by_wire = {task.name: task for task in listed.tasks}
        expected = by_name(found)
        for name in ("nested", "gathers", "waits many", "lock"):
            frames = [
                (function, engine.files[file].name, line) for function, file, line in by_wire[name].frames
            ]
            assert frames == [
                (frame["function"], frame["file"], frame["line"]) for frame in expected[name]["frames"]
            ]
            assert by_wire[name].waits_for == expected[name]["waiting_on"]
            assert set(by_wire[name].awaited_by) == set(expected[name]["awaited_by"])
