"""The JSON object of `show --json`: its fields are a promise."""

from __future__ import annotations

import io

import msgspec
from model_builder import Builder

from livetop import __version__
from livetop.export import json_rows
from livetop.profile.rows import Query
from livetop.profile.states import State

FRAME = {"livetop", "schema", "mode", "window", "targets", "not_read", "sampling", "threads", "rows"}
TARGET = {"pid", "argv", "python", "build", "host", "started", "parent", "ended"}
SAMPLING = {
    "rate", "achieved", "duration", "samples", "exact", "rejected", "late", "unseen", "pause", "cpu",
    "stacks", "stacks_incomplete", "processes", "unwatched", "missed",
}  # fmt: skip
THREAD = {"process", "tid", "name", "state", "own", "queued", "gil", "wait", "samples", "waits"}
ROW = {
    "file", "line", "function", "module", "process", "task", "own", "total", "own_share", "total_share",
    "own_low", "own_high", "python", "native", "system", "gil", "wait", "idle", "native_share", "native_low",
    "native_high", "estimated", "libraries", "waits", "samples", "exact",
    "processes",
}  # fmt: skip


def example() -> Builder:
    made = Builder()
    main = made.thread()
    for _ in range(40):
        made.add(
            made.cell("main:1 parse:10", 0.2),
            made.cell("main:1 parse:10", 0.05, State.NATIVE, library="libz.so"),
            uses=[(main, "running", 0.2, 0.01, 0.02, 0.02, 0.0, 25, True)],
            sampling={"ticks": 25, "samples": 25, "exact": 5, "rate": 100.0, "cpu": 0.01, "pause": 0.001},
        )
    return made


def test_the_fields_are_those_of_the_design() -> None:
    made = example()
    found = json_rows.document(made.profile, Query(window=5.0))
    assert set(found) == FRAME
    assert (found["livetop"], found["schema"], found["mode"], found["window"]) == (__version__, 1, "cpu", 5.0)
    assert [set(target) for target in found["targets"]] == [TARGET]
    assert set(found["sampling"]) == SAMPLING
    assert [set(thread) for thread in found["threads"]] == [THREAD]
    assert all(set(row) == ROW for row in found["rows"])


def test_figures_and_their_units() -> None:
    found = json_rows.document(example().profile, Query(window=None))
    assert found["window"] is None
    row = found["rows"][0]
    assert (row["file"], row["line"], row["function"], row["module"]) == (
        "/srv/app/work.py", 10, "parse", "app/work.py",
    )  # fmt: skip
    assert (row["process"], row["task"]) == (42, None)
    assert round(row["own"], 6) == 8.0
    assert row["own_low"] <= row["own_share"] == 1.0
    assert row["native_share"] == 1.0
    assert {name: round(seconds, 6) for name, seconds in row["libraries"].items()} == {"libz.so": 8.0}
    thread = found["threads"][0]
    assert (thread["process"], thread["tid"], thread["state"]) == (42, 42, "running")
    assert round(thread["own"] + thread["queued"] + thread["gil"] + thread["wait"], 6) == 10.0
    assert found["sampling"]["achieved"] == 100.0
    assert found["sampling"]["exact"] == 200


def test_processes_that_were_read_and_those_that_were_not() -> None:
    made = example()
    profile = made.profile
    worker = profile.define_process(43, ["python", "worker.py"], "3.13.0", "release", "host", 2.0)
    profile.update_process(worker, parent=42, state="gone", reason="")
    sleep = profile.define_process(44, ["sleep", "60"], "", "", "host", 3.0)
    profile.update_process(sleep, parent=42, state="other", reason="process 44 runs sleep")
    found = json_rows.document(profile, Query(window=None))
    assert [(t["pid"], t["parent"], t["ended"]) for t in found["targets"]] == [(42, 0, False), (43, 42, True)]
    assert found["not_read"] == [
        {
            "pid": 44,
            "parent": 42,
            "argv": ["sleep", "60"],
            "python": "",
            "state": "other",
            "reason": "process 44 runs sleep",
        }
    ]
    assert found["rows"][0]["process"] == 42
    assert found["rows"][0]["processes"].keys() == {42}


def test_a_filtered_table_is_written_as_it_is() -> None:
    made = example()
    table = made.profile.rows(Query(window=None))
    shown = msgspec.structs.replace(table, rows=table.rows[:1])
    assert len(json_rows.document(made.profile, shown)["rows"]) == 1


def test_selected_threads_only() -> None:
    made = example()
    made.thread("another")
    found = json_rows.document(made.profile, Query(threads=frozenset({made.thread()})))
    assert [thread["name"] for thread in found["threads"]] == ["MainThread"]


def test_one_line_of_valid_json_without_guesses() -> None:
    made = Builder()
    made.run(1, ("main:1", 1.0))
    stream = io.StringIO()
    json_rows.write(made.profile, stream)
    assert stream.getvalue().count("\n") == 1
    row = msgspec.json.decode(stream.getvalue())["rows"][0]
    assert (row["own_low"], row["python"], row["native_share"], row["libraries"]) == (None, None, None, {})


def test_estimates_waits_and_incomplete_stacks_are_told() -> None:
    made = Builder()
    main = made.thread()
    for _ in range(20):
        made.add(
            made.cell("main:1 parse:10", 0.1),
            made.cell("main:1 parse:10", 0.05, State.ESTIMATED_PYTHON),
            made.cell("main:1 parse:10", 0.05, State.ESTIMATED_NATIVE),
            made.cell("main:1 parse:10", 0.12, State.WAIT, library="sleep"),
            made.cell("main:1 parse:10", 0.03, State.GIL, library="GIL"),
            uses=[(main, "running", 0.1, 0.0, 0.03, 0.12, 0.0, 25, True)],
            sampling={"ticks": 25, "samples": 25, "unwound": 3, "unwind_failed": 1},
        )
    found = json_rows.document(made.profile, Query(window=None))
    row = found["rows"][0]
    assert row["estimated"] is True
    assert (round(row["native_share"], 6), row["system"], row["libraries"]) == (0.5, None, {})
    assert {reason: round(seconds, 6) for reason, seconds in row["waits"].items()} == {
        "sleep": 2.4,
        "GIL": 0.6,
    }
    assert {k: round(v, 6) for k, v in found["threads"][0]["waits"].items()} == {"sleep": 2.4, "GIL": 0.6}
    assert (found["sampling"]["stacks"], found["sampling"]["stacks_incomplete"]) == (80, 20)


def test_without_a_gil_nobody_waits_for_one() -> None:
    made = example()
    for known in made.profile.processes.values():
        known.build = "free-threaded"
    found = json_rows.document(made.profile, Query(window=None))
    assert [target["build"] for target in found["targets"]] == ["free-threaded"]
    assert {row["gil"] for row in found["rows"]} == {None}
    assert {thread["gil"] for thread in found["threads"]} == {None}
