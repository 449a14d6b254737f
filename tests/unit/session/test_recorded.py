"""A snapshot seen as a session: the same surface, with nothing more to come."""

import pytest

from livetop.profile.model import Profile
from livetop.profile.rows import Query
from livetop.profile.snapshot import SnapshotError, save
from livetop.session.protocol import Session
from livetop.session.recorded import Recorded


@pytest.fixture
def path(tmp_path):
    profile = Profile()
    process = profile.define_process(42, ["python", "a.py"], "3.12.1", "release", "here", 1.7e9)
    file = profile.define_file("/app/a.py", "a.py")
    other = profile.define_file("/app/b.py", "b.py")
    root = profile.define_node(0, 0, process)
    nodes = [profile.define_node(root, profile.define_function("f", f, 1), 2) for f in (file, other)]
    thread = profile.define_thread(process, 42, "MainThread")
    cells = [(node, thread, 0, 0, 10, 0.25, 0.01) for node in nodes]
    profile.add(1.0, 2.0, cells, [(thread, "running", 0.5, 0.0, 0.0, 0.5, 0.0, 20, True)], {"samples": 20})
    profile.set_source(file, "def f():\n    \x1b[2Jx = 1\r\n")
    path = tmp_path / "x.livetop"
    save(profile, path)
    return path


def test_it_is_a_session_without_a_future(path):
    session: Session = Recorded(path)
    assert (session.live, session.greeted, session.ended, session.read()) == (False, True, None, None)
    assert session.origin == str(path)
    for act in (session.credit, session.stop, session.close, session.configure):
        act()
    session.apply(None)
    assert list(session.events) == []


def test_rows_and_sources_are_there(path):
    session = Recorded(path)
    rows = {row.module: row for row in session.profile.rows(Query(window=None)).rows}
    assert rows["a.py"].own == pytest.approx(0.25)
    assert session.source(rows["a.py"].file_id) == ["def f():", "    \\x1b[2Jx = 1"]
    assert session.source_error(rows["a.py"].file_id) == ""
    missing = rows["b.py"].file_id
    session.request_source(missing)
    assert session.source(missing) is None
    assert "does not hold" in session.source_error(missing)


def test_what_is_no_snapshot_is_refused(tmp_path):
    with pytest.raises(SnapshotError):
        Recorded(tmp_path / "nothing.livetop")
