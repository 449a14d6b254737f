"""Processes in words."""

from __future__ import annotations

import io

from worker_processes import Workers

from livetop.export import collapsed, table
from livetop.export.process_names import busy_children, how_all_ended, introductions, root_ended
from livetop.profile.rows import Query


def several() -> Workers:
    made = Workers([400, 501, 502])
    profile = made.profile
    for pid, argv, state, reason in (
        (601, ["/usr/bin/sleep", "60"], "other", "process 601 runs sleep 60, not a Python program"),
        (602, ["/opt/python", "x.py"], "unreadable", "process 602 runs Python 2.7, which is not read"),
        (603, ["sh"], "gone", "process 603 runs sh, not a Python program"),
    ):
        number = profile.define_process(pid, argv, "", "", "host", 5.0)
        profile.update_process(number, parent=400, state=state, reason=reason)
    made.spend(p400=(0.05, 0.05), p501=(0.0, 0.7), p502=(0.1, 0.1))
    made.end(502)
    return made


def test_what_is_alike_is_told_once() -> None:
    assert introductions(several().profile) == [
        "pid 400  Python 3.12.1  python serve.py  on host",
        "2 pids 501, 502  Python 3.12.1  python serve.py  on host  (1 ended)",
        "not read: pid 602  python x.py: runs Python 2.7, which is not read",
        "2 processes run no Python",
    ]
    single = Workers([400])
    assert introductions(single.profile) == ["pid 400  Python 3.12.1  python serve.py  on host"]


def test_many_are_counted() -> None:
    made = Workers([400, *range(500, 530)])
    first, rest = introductions(made.profile)
    assert first.startswith("pid 400")
    assert rest.startswith("30 pids 500, 501, ") and " 509  ...  Python" in rest


def test_the_table_tells_whose_a_row_is() -> None:
    made = several()
    stream = io.StringIO()
    table.write(made.profile.rows(Query(window=None)), made.profile, stream)
    rows = [line.split() for line in stream.getvalue().splitlines()]
    titles = next(line for line in rows if "PROC" in line)
    work = next(line for line in rows if "work" in line)
    assert work[titles.index("PROC")] == "x3"
    stream = io.StringIO()
    table.write(made.profile.rows(Query("process", None)), made.profile, stream)
    assert "501  3.12.1  python serve.py" in stream.getvalue()
    stream = io.StringIO()
    single = Workers([400])
    single.spend(p400=(0.1, 0.2))
    table.write(single.profile.rows(Query(window=None)), single.profile, stream)
    assert "PROC" not in stream.getvalue()


def test_stacks_of_several_processes_have_them_at_the_root() -> None:
    stream = io.StringIO()
    collapsed.write(several().profile, stream)
    assert stream.getvalue().splitlines() == [
        'process 400:"python serve.py";serve (serve.py:2) 10',
        'process 400:"python serve.py";serve (serve.py:2);work (serve.py:9) 10',
        'process 501:"python serve.py";serve (serve.py:2) 10',
        'process 501:"python serve.py";serve (serve.py:2);work (serve.py:9) 10',
        'process 502:"python serve.py";serve (serve.py:2) 10',
        'process 502:"python serve.py";serve (serve.py:2);work (serve.py:9) 10',
    ]


def test_that_the_root_has_ended_is_told_while_others_go_on() -> None:
    made = Workers([400, 501, 502])
    assert root_ended(made.profile) == ""
    made.end(400)
    assert root_ended(made.profile) == "process 400 has ended, 2 of its children go on"
    made.end(501)
    assert root_ended(made.profile) == "process 400 has ended, 1 of its children goes on"
    assert how_all_ended(made.profile, "process 400 exited") == "process 400 exited"
    made.end(502)
    assert root_ended(made.profile) == ""
    ended = how_all_ended(made.profile, "process 400 exited with code 0")
    assert ended == "process 400 exited with code 0, and so did its 2 children"


def test_of_a_single_process_only_its_own_end_is_told() -> None:
    made = Workers([400])
    made.end(400)
    assert root_ended(made.profile) == ""
    assert how_all_ended(made.profile, "process 400 exited") == "process 400 exited"


def test_children_that_work_while_the_process_idles_are_worth_a_line() -> None:
    made = Workers([400])
    sampling = made.profile.sampling
    assert busy_children(made.profile) == ""
    sampling.children, sampling.children_cpu = 8, 3.804
    assert busy_children(made.profile) == "8 child processes use 380% of a core: -s shows them"
    sampling.children, sampling.children_cpu = 1, 0.95
    assert busy_children(made.profile) == "a child process uses 95% of a core: -s shows it"
    sampling.children_cpu = 0.05
    assert busy_children(made.profile) == ""
    made.profile.add(0.0, 1.0, [], [], {"children": 3, "children_cpu": 2.0})
    assert "3 child processes use 200%" in busy_children(made.profile)
