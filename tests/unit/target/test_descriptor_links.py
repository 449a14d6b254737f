"""What links of /proc/PID/fd and lists of epoll mean."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.target.descriptors import Descriptors, Resource, epoll_targets, of_link


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/var/log/x", Resource("/var/log/x")),
        ("/var/log/x (deleted)", Resource("/var/log/x (deleted)")),
        ("/tmp/socket:[5]", Resource("/tmp/socket:[5]")),
        ("/tmp/a\nb\x1b[1m\udcff", Resource(r"/tmp/a\x0ab\x1b[1m\xff")),
        ("/dev/pts/3", Resource("terminal")),
        ("/dev/tty", Resource("terminal")),
        ("/dev/ttyS0", Resource("/dev/ttyS0")),
        ("/dev/pts/3/x", Resource("/dev/pts/3/x")),
        ("pipe:[77]", Resource("pipe", named=False)),
        ("anon_inode:[eventfd]", Resource("eventfd", named=False)),
        ("anon_inode:inotify", Resource("inotify", named=False)),
        ("anon_inode:[io_uring]", Resource("io_uring", named=False)),
        ("net:[4026531840]", Resource("net:[4026531840]", named=False)),
        ("", Resource("", named=False)),
    ],
)
def test_links(link: str, expected: Resource) -> None:
    assert of_link(link) == expected


@given(st.text(max_size=100))
def test_any_link_is_printable(link: str) -> None:
    assert of_link(link).text.isprintable()
    assert of_link(f"/{link}").text.isprintable()


def test_an_epolls_list() -> None:
    text = (
        b"pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1038\n"
        b"tfd:        4 events:       1f data:     7fc800000004  pos:0 ino:bb7fc sdev:9\n"
        b"tfd:       16 events:       1f data: tfd: 5 pos:0 ino:bb7fe sdev:9\ntfd:"
    )
    assert epoll_targets(text) == [4, 16]
    assert epoll_targets(b"") == []
    assert epoll_targets(b"tfd: 99999999999999999999 \n\xff") == []


def test_descriptors_are_looked_up_anew_each_time(tmp_path: Path) -> None:
    mine = Descriptors(os.getpid())
    tid = threading.get_native_id()
    with open(tmp_path / "one", "w") as one, open(tmp_path / "two", "w") as two:
        fd = os.dup(one.fileno())
        assert mine.look(tid, fd, 0.0) == Resource(f"{tmp_path}/one")
        os.dup2(two.fileno(), fd)
        assert mine.look(tid, fd, 0.0) == Resource(f"{tmp_path}/two")
        os.close(fd)
    assert mine.look(tid, fd, 0.0) is None
    assert mine.look(tid, -100, 0.0) is None
    assert Descriptors(1 << 30).look(1 << 30, 0, 0.0) is None


def test_an_epoll_of_a_process_with_many_files_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from livetop.target import descriptors

    sizes = {"FDSize": "256"}
    monkeypatch.setattr(descriptors, "read_status", lambda _: sizes)
    monkeypatch.setattr(descriptors, "read_file", lambda path, limit: b"tfd: 5 \n")
    mine = Descriptors(os.getpid())
    assert mine.epoll(1, 4, 0.0) == [5]
    sizes["FDSize"] = "512"
    # It is believed for a while.
    assert mine.epoll(1, 4, 1.0) == [5]
    assert mine.epoll(1, 4, 10.0) is None
    for nonsense in ("", "-1", "x", "9" * 40, "²"):
        sizes["FDSize"] = nonsense
        assert Descriptors(os.getpid()).epoll(1, 4, 0.0) is None
