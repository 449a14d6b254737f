"""Several processes in one profile: their lines are one row, or one for each of them."""

from __future__ import annotations

import pytest
from worker_processes import Workers

from livetop.export import json_rows
from livetop.profile import document
from livetop.profile.diff import diff
from livetop.profile.ended import NAME
from livetop.profile.model import Profile
from livetop.profile.names import PROCESSES
from livetop.profile.rows import Query
from livetop.session.translation import Translation
from livetop.wire.messages import Process

ALL = Query(window=None)


def test_a_line_of_several_processes_is_one_row() -> None:
    made = Workers([4, 5, 6])
    made.spend(p4=(0.1, 0.2), p5=(0.0, 0.5), p6=(0.0, 0.2))
    table = made.profile.rows(ALL)
    work, serve = table.rows
    assert (work.function, work.line, work.process) == ("work", 9, None)
    assert work.own == pytest.approx(0.9)
    assert work.own_share == pytest.approx(0.9)
    assert work.processes == pytest.approx({5: 0.5, 4: 0.2, 6: 0.2})
    assert list(work.processes) == [5, 4, 6]
    assert (serve.own, serve.total) == pytest.approx((0.1, 1.0))
    assert serve.processes == pytest.approx({4: 0.3, 5: 0.5, 6: 0.2})
    assert table.seconds == pytest.approx(1.0)


def test_a_row_for_each_process() -> None:
    made = Workers([4, 5])
    made.spend(p4=(0.1, 0.2), p5=(0.0, 0.7))
    rows = made.profile.rows(Query(window=None, per_process=True)).rows
    found = {(row.process, row.function): (row.own, row.total) for row in rows}
    assert found == {
        (5, "work"): pytest.approx((0.7, 0.7)),
        (4, "work"): pytest.approx((0.2, 0.2)),
        (4, "serve"): pytest.approx((0.1, 0.3)),
        (5, "serve"): pytest.approx((0.0, 0.7)),
    }
    assert len({row.key for row in rows}) == 4
    details = made.profile.row_details(rows[0].key, Query(window=None, per_process=True))
    assert details.callers == [("serve serve.py:2", pytest.approx(1.0))]


def test_one_process_alone() -> None:
    made = Workers([4, 5])
    made.spend(p4=(0.1, 0.2), p5=(0.0, 0.7))
    query = Query(window=None, process=made.processes[4])
    table = made.profile.rows(query)
    assert [(row.function, row.process) for row in table.rows] == [("work", 4), ("serve", 4)]
    assert table.seconds == pytest.approx(0.3)
    assert table.rows[0].own_share == pytest.approx(2 / 3)
    assert made.profile.chosen_threads(query) == {1}
    assert made.profile.totals(query).threads == 1
    assert made.profile.totals(ALL).threads == 2


def test_how_long_the_gil_was_held_is_a_figure_of_one_process_only() -> None:
    made = Workers([4])
    made.spend(p4=(0.1, 0.2))
    assert made.profile.totals(ALL).gil_held is not None
    assert made.profile.totals(Query(window=None, process=made.processes[4])).gil_held is None
    made.add(5, parent=4)
    made.spend(p4=(0.1, 0.2), p5=(0.0, 0.7))
    assert made.profile.totals(ALL).gil_held is None


def test_rows_of_processes() -> None:
    made = Workers([4, 5])
    made.spend(p4=(0.1, 0.2), p5=(0.0, 0.7))
    rows = made.profile.rows(Query("process", None)).rows
    assert [(row.process, row.kind, row.function) for row in rows] == [
        (5, "process", "python serve.py"),
        (4, "process", "python serve.py"),
    ]
    assert [row.own for row in rows] == pytest.approx([0.7, 0.3])


def test_with_one_process_rows_say_which() -> None:
    made = Workers([4])
    made.spend(p4=(0.1, 0.2))
    rows = made.profile.rows(ALL).rows
    assert [row.process for row in rows] == [4, 4]
    assert [row.processes for row in rows] == [{}, {}]
    key = rows[0].key
    # A second one does not change what a row is called, only whose it is.
    made.add(5, parent=4)
    made.spend(p4=(0.0, 0.2), p5=(0.0, 0.2))
    rows = made.profile.rows(ALL).rows
    assert rows[0].key == key
    assert rows[0].process is None
    assert rows[1].processes == pytest.approx({4: 0.5, 5: 0.2})


def test_windows_forget_processes_that_did_nothing_in_them() -> None:
    made = Workers([4, 5])
    made.spend(p4=(0.0, 0.5), p5=(0.0, 0.5))
    query = Query(window=3.0)
    assert made.profile.rows(query).rows[0].processes == pytest.approx({4: 0.5, 5: 0.5})
    for _ in range(6):
        made.spend(p4=(0.0, 0.5))
        made.profile.rows(query)
    row = made.profile.rows(query).rows[0]
    assert row.processes.keys() == {4}
    assert row.process == 4


def test_a_child_that_is_not_read_does_not_make_several() -> None:
    made = Workers([4])
    profile = made.profile
    sleep = profile.define_process(9, ["sleep", "60"], "", "", "host", 1.0)
    profile.update_process(sleep, parent=4, state="other", reason="runs sleep, not a Python program")
    made.spend(p4=(0.1, 0.2))
    assert [row.process for row in profile.rows(ALL).rows] == [4, 4]
    profile.update_process(sleep, parent=4, state="gone", reason="runs sleep, not a Python program")
    assert not profile.processes[sleep].is_read
    assert [row.process for row in profile.rows(ALL).rows] == [4, 4]


def test_what_was_read_stays_read_when_it_becomes_another_program() -> None:
    profile = Profile()
    translation = Translation(profile)
    python = Process(1, 9, ["python", "a.py"], "3.12.1", "release", "host", 1.0)
    translation.define_processes([python])
    for state in ("unreadable", "gone"):
        sleep = Process(1, 9, ["sleep", "9"], "", "", "host", 1.0, "", 4, state, "process 9 may not be read")
        never = Process(2, 8, ["sleep", "9"], "", "", "host", 2.0, "", 4, state, "process 8 may not be read")
        translation.define_processes([sleep, never])
        for argv in (True, False):
            read = document.profile_of(document.document_of(profile, argv=argv))
            for found in (profile, read):
                assert [target["pid"] for target in json_rows.targets(found)] == [9]
                assert [other["pid"] for other in json_rows.not_read(found)] == [8]
        info = profile.processes[1]
        assert (info.argv, info.python, info.build) == (["python", "a.py"], "3.12.1", "release")


def test_snapshots_hold_processes_and_what_became_of_them() -> None:
    made = Workers([4, 5])
    made.spend(p4=(0.1, 0.2), p5=(0.0, 0.7))
    made.end(5)
    read = document.profile_of(document.document_of(made.profile))
    assert [(p.pid, p.parent, p.state) for p in read.processes.values()] == [
        (4, 0, "watched"),
        (5, 1, "gone"),
    ]
    for query in (ALL, Query(window=None, per_process=True), Query("process", None)):
        assert read.rows(query) == made.profile.rows(query)


def test_a_difference_is_of_lines_whatever_processes_ran_them() -> None:
    before, after = Workers([4, 5]), Workers([104, 105, 106])
    for _ in range(5):
        before.spend(p4=(0.1, 0.4), p5=(0.1, 0.4))
        after.spend(p104=(0.1, 0.1), p105=(0.1, 0.1), p106=(0.1, 0.1))
    rows = {row.function: row for row in diff(before.profile, after.profile).rows}
    assert rows["work"].before == pytest.approx(0.8)
    assert rows["work"].after == pytest.approx(0.5)
    assert rows["work"].mark == ""
    assert len(rows) == 2


def test_processes_that_ended_long_ago_become_one() -> None:
    made = Workers([4])
    expected = 0.0
    for pid in range(10, PROCESSES + 300):
        made.add(pid, parent=4)
        made.spend(**{"p4": (0.0, 0.1), f"p{pid}": (0.1, 0.2)})
        made.end(pid)
        expected += 0.2
    profile = made.profile
    assert len(profile.processes) <= PROCESSES + 1
    assert len(profile.threads) < 2 * PROCESSES
    work = next(row for row in profile.rows(ALL).rows if row.function == "work")
    assert work.own == pytest.approx(expected + 0.1 * made.now)
    by_process = profile.rows(Query("process", None)).rows
    assert next(row.own for row in by_process if row.function == NAME) > 100
    assert sum(row.own for row in by_process) == pytest.approx(profile.rows(ALL).seconds)
    document.profile_of(document.document_of(profile))
