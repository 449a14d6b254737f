"""What a user means by a name."""

from __future__ import annotations

import pytest

from livetop.target.discover import Candidate, describe, matching


def candidate(pid: int, argv: str | list[str], name: str = "python3", own: bool = False) -> Candidate:
    words = argv.split() if isinstance(argv, str) else argv
    return Candidate(pid, 1, name, words, "alice (uid 1000)", 0.0, 0, 0.0, "S", own)


PROCESSES = [
    candidate(1, "/usr/bin/python3 /srv/app/worker.py --queue mail"),
    candidate(2, "python3 -u -X dev -m app.worker_pool --name worker.py"),
    candidate(3, "/opt/venv/bin/python /opt/venv/bin/gunicorn -w 2 app:api", "gunicorn"),
    # A process that wrote its own title.
    candidate(4, ["gunicorn: worker [app:api]"]),
    candidate(5, "python3 -c import worker"),
    candidate(6, "python3 -m livetop attach worker.py", own=True),
    candidate(7, "python3 manage.py runserver"),
    candidate(8, "python3 manage.py celery"),
    candidate(9, "[uwsgi]", "uwsgi"),
]


@pytest.mark.parametrize(
    ("name", "pids"),
    [
        ("worker.py", [1]),
        ("worker", [1]),
        ("/srv/app/worker.py", [1]),
        ("app.worker_pool", [2]),
        ("worker_pool", [2]),
        ("gunicorn", [3, 4]),
        ("manage.py", [7, 8]),
        ("celery", [8]),
        ("uwsgi", [9]),
        ("livetop", []),
        ("nothing", []),
        ("", []),
        ("dev", [2]),
    ],
)
def test_matching(name, pids):
    assert [found.pid for found in matching(PROCESSES, name)] == pids


def test_describe():
    assert describe(["/usr/bin/python3", "worker.py"]) == "python3 worker.py"
    assert describe(["python3", "x" * 100], 20) == "python3 " + "x" * 11 + "…"
    assert describe([]) == ""
