"""Live sessions with a real child process that speaks real frames (tests/programs/scripted_engine.py)."""

import os
import sys
import time
from pathlib import Path

import pytest

from livetop.profile.rows import Query
from livetop.session.dumping import dump_through
from livetop.session.link import EngineLink
from livetop.session.live import CREDIT, Live
from livetop.session.protocol import LinkError
from livetop.wire.messages import Bye, Configure, Delta

ENGINE = Path(__file__).parents[2] / "programs" / "scripted_engine.py"


@pytest.fixture
def start():
    sessions = []

    def start(what, via=None):
        command = [sys.executable, str(ENGINE), what]
        link = EngineLink.start(via, command)
        session = Live(link, Configure(pid=4242))
        session.link = link
        sessions.append(session)
        return session

    yield start
    for session in sessions:
        session.close()


def run_out(session):
    """Applies all there is."""
    while session.live:
        session.apply(session.read())


def apply_deltas(session, count):
    while count:
        message = session.read()
        session.apply(message)
        count -= isinstance(message, Delta)
        session.credit()


@pytest.mark.parametrize("what", ["plain", "banner"])
def test_a_session_from_hello_to_bye(start, what):
    session = start(what)
    session.await_hello()
    apply_deltas(session, 2 * CREDIT)
    session.stop()
    run_out(session)
    assert (session.end.code, session.ended, session.live) == (0, "stopped", False)
    table = session.profile.rows(Query(by="line", window=None))
    row = table.rows[0]
    assert (row.function, row.module, row.line) == ("tokenize", "app/parse.py", 118)
    deltas = session.profile.sampling.samples / 100
    assert deltas >= 2 * CREDIT + 1
    assert row.own == pytest.approx(0.6 * deltas)
    assert row.wait == pytest.approx(0.4 * deltas)
    [process] = session.profile.processes.values()
    assert (process.pid, process.python) == (4242, "3.12.1")
    assert [t.name for t in session.profile.threads.values()] == ["worker-1"]
    assert [(e.kind, e.text) for e in session.events] == [("born", "worker-1")]
    assert session.wall_time(160.0) == pytest.approx(1.7e9 + 60)


def test_credit_bounds_what_is_on_its_way(start):
    session = start("plain")
    for _ in range(10):
        session.credit(100)
    time.sleep(0.5)
    got = 0
    session.stop()
    while (message := session.read()) is not None:
        got += isinstance(message, Delta)
    assert got == CREDIT + 1


def test_sources_come_when_asked_for_and_are_harmless(start):
    session = start("plain")
    apply_deltas(session, 1)
    row = session.profile.rows(Query(window=None)).rows[0]
    file = row.file_id
    assert session.source(file) is None
    assert session.source_error(file) == ""
    session.request_source(file)
    session.request_source(file)
    while session.source(file) is None:
        session.apply(session.read())
    assert session.source(file) == ["a = 1", "\\x1b[31mb"]
    session.request_source(12345)
    assert session.source_error(12345)


def test_ids_after_a_reset_are_the_same_lines(start):
    session = start("reset")
    run_out(session)
    lines = [r for r in session.profile.rows(Query(by="line", window=None)).rows if r.kind == "python"]
    assert [(r.function, r.line, r.own) for r in lines] == [("tokenize", 118, pytest.approx(1.2))]


def test_a_killed_engine_ends_the_session_and_keeps_the_data(start):
    session = start("killed")
    run_out(session)
    assert session.end.code == 1
    assert "was killed (SIGKILL)" in session.ended
    assert "kept" in session.ended
    assert session.profile.rows(Query(window=None)).rows[0].own == pytest.approx(0.6)


def test_an_undefined_id_ends_the_session_politely(start):
    session = start("undefined")
    run_out(session)
    assert "99" in session.ended
    assert session.profile.sampling.samples == 100


def test_the_engines_refusal_carries_its_exit_code(start):
    session = start("refuse")
    with pytest.raises(LinkError, match=r"^there is no process 4242$") as caught:
        session.await_hello()
    assert caught.value.code == 3


def test_a_missing_livetop_at_the_far_end_is_told_with_its_words(start):
    session = start("not-livetop", via="ssh db1")
    with pytest.raises(LinkError) as caught:
        session.await_hello()
    text = str(caught.value)
    assert "--via 'ssh db1' ended with code 127: sh: livetop: not found" in text
    assert "on the PATH there" in text


def test_another_protocol_says_to_install_the_same_livetop(start):
    with pytest.raises(LinkError, match="install the same livetop on both ends"):
        start("old").await_hello()


def test_a_command_that_does_not_exist_is_a_clear_error():
    with pytest.raises(LinkError, match=r"cannot start /no/such/ssh: No such file.*--via"):
        Live.start(Configure(pid=1), via="/no/such/ssh host")


def test_closing_ends_even_a_deaf_engine(start):
    session = start("deaf")
    session.await_hello()
    session.link.close(patience=0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(session.link.pid, 0)
    session.close()


def test_changes_reach_the_engine_and_a_dead_one_does_not_raise(start):
    session = start("refuse")
    while (message := session.read()) is not None:
        assert isinstance(message, Bye)
    session.link._process.wait()
    for _ in range(3):
        session.configure(rate=50.0)
        session.credit(1)
        session.stop()


def test_a_dump_comes_through_a_link():
    words = f"{sys.executable} {ENGINE} dump engine"
    assert dump_through(Configure(pid=1, action="dump"), words) == {
        "pid": 4242,
        "python": "3.12.1",
        "threads": [],
    }
    with pytest.raises(LinkError, match="there is no process 17") as caught:
        dump_through(Configure(pid=17, action="dump"), f"{sys.executable} {ENGINE} refuse engine")
    assert caught.value.code == 3


def test_c_frames_count_for_the_line_and_libraries_are_not_asked_for_their_source(start):
    session = start("native")
    session.await_hello()
    apply_deltas(session, 1)
    session.credit()
    run_out(session)
    assert session.ended == "asked for {7}"
    [row] = session.profile.rows(Query(by="line", window=None)).rows
    assert (row.function, row.own) == ("tokenize", pytest.approx(0.6))
