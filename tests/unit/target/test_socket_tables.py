"""The tables of /proc/net: what sockets are connected to, whatever stands in them."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.target import sockets
from livetop.target.sockets import AGAIN, Endpoint, Sockets, find_internet, find_unix

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="the examples are from little-endian kernels")

ZERO = "0" * 32
TCP = f"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 0     0        0 100 1 0 100 0 0 10 0
   1: 0100007F:9C40 0500000A:1538 01 00000000:00000000 00:00000000 0   101        0 101 2 0 20 0 0 10 -1
   2: 0100007F:1F40 0900000A:BDE4 01 00000000:00000000 00:00000000 0     0        0 102 1 0 20 4 30 10 -1
   3: 0100007F:9C42 0500000A:1539 02 00000000:00000001 01:00000000 0     0      101 103 2 0 20 0 0 10 -1
  10: {ZERO}:0050 {ZERO}:0000 0A 00000000:00000000 00:00000000 0     0        0 110 1 0 100 0 0 10 0
  11: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000900000A:8000 01 0:0 00:0 0 0 0 111 1 0
  12: 00000000000000000000000001000000:9C43 00000000000000000000000001000000:0051 01 0:0 00:0 0 0 0 112 1 0
""".encode()


@pytest.mark.parametrize(
    ("inode", "expected"),
    [
        (100, Endpoint("0.0.0.0:8000", True, False, True)),
        (101, Endpoint("10.0.0.5:5432", True, True, True)),
        # Of a connection that was accepted, the client's port means nothing.
        (102, Endpoint("client 10.0.0.9 of :8000", True, True, True)),
        (103, Endpoint("10.0.0.5:5433", True, True, True)),
        (110, Endpoint("[::]:80", True, False, True)),
        (111, Endpoint("client 10.0.0.9 of :80", True, True, True)),
        (112, Endpoint("[::1]:81", True, True, True)),
        # Not the inodes, but a user's number, a count, a piece of a number.
        (1, None), (2, None), (10, None), (0, None), (1011, None),
    ],
)  # fmt: skip
def test_tcp(inode: int, expected: Endpoint | None) -> None:
    assert find_internet(TCP, inode, "") == expected


def test_udp_may_change_its_peer() -> None:
    table = TCP.replace(b" 0A ", b" 07 ")
    assert find_internet(table, 100, "UDP ") == Endpoint("UDP 0.0.0.0:8000", True, False, False)
    assert find_internet(table, 101, "UDP ") == Endpoint("UDP 10.0.0.5:5432", True, True, False)


UNIX = b"""\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01   201 /run/my server.sock
0000000000000000: 00000003 00000000 00000000 0001 03 202
0000000000000000: 00000003 00000000 00000000 0001 03 203 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03 204 /tmp/\x1b[2J 205 206
0000000000000000: 00000003 00000000 00000000 0001 03 207 /tmp/\xff
"""


@pytest.mark.parametrize(
    ("inode", "expected"),
    [
        (201, Endpoint("unix socket /run/my server.sock", True, False, True)),
        (202, Endpoint("unix socket", False, False, False)),
        (203, Endpoint("unix socket @abstract", True, False, True)),
        (204, Endpoint(r"unix socket /tmp/\x1b[2J 205 206", True, False, True)),
        (205, None), (206, None), (20, None), (3, None),
        (207, Endpoint(r"unix socket /tmp/\xff", True, False, True)),
    ],
)  # fmt: skip
def test_unix(inode: int, expected: Endpoint | None) -> None:
    assert find_unix(UNIX, inode) == expected


@pytest.mark.parametrize("find", [find_internet, find_unix])
@given(
    noise=st.lists(
        st.sampled_from([b" 7", b" 7 ", b"\n", b" ", b"\0", b"\xff", b"0100007F:0050", b"0A", b":"])
    ),
    tail=st.binary(max_size=60),
)
def test_any_table_is_searched_without_an_error(find, noise: list[bytes], tail: bytes) -> None:
    found = find(b"".join(noise) + tail, 7, "")
    assert found is None or found.text.isprintable()


@pytest.mark.parametrize("cut", range(0, 140, 7))
def test_a_table_that_was_cut_off(cut: int) -> None:
    last = TCP.splitlines(keepends=True)[2]
    assert find_internet(last[:cut], 101, "") in (None, Endpoint("10.0.0.5:5432", True, True, True))


def test_a_path_full_of_numbers_does_not_take_for_ever() -> None:
    evil = b"0: 2 0 1 1 1 9 " + b"x\n 7 \n" * 100_000
    assert find_unix(evil, 7) is None
    # What is behind it is given up on.
    assert find_unix(evil + UNIX.replace(b"  201 ", b"7 "), 7) is None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tables read."""
    read: list[str] = []
    real = sockets.read_file

    def counted(path: str, limit: int) -> bytes:
        read.append(Path(path).name)
        return real(path, limit)

    monkeypatch.setattr(sockets, "read_file", counted)
    return read


def _look(mine: Sockets, one: socket.socket, now: float) -> Endpoint:
    fd = one.fileno()
    inode = int(Path(f"/proc/self/fd/{fd}").readlink().name.strip("socket:[]"))
    return mine.look(threading.get_native_id(), inode, f"/proc/self/fd/{fd}", now)


def test_tables_are_read_when_something_new_is_asked_for_and_seldom(reads: list[str]) -> None:
    mine = Sockets(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        listening = Endpoint("{}:{}".format(*server.getsockname()), True, False, True)
        assert _look(mine, server, 100.0) == listening
        assert reads == ["tcp"]
        assert _look(mine, client, 100.1) == Endpoint("TCP socket")
        client.connect(server.getsockname())
        # Not again so soon.
        assert _look(mine, client, 100.0 + AGAIN / 2) == Endpoint("TCP socket")
        assert reads == ["tcp"]
        connected = Endpoint(listening.text, True, True, True)
        assert _look(mine, client, 100.0 + AGAIN) == connected
        assert reads == ["tcp", "tcp"]
        for now in range(200, 300):
            assert _look(mine, client, float(now)) == connected
            assert _look(mine, server, float(now)) == listening
        assert reads == ["tcp", "tcp"]


def test_of_a_long_table_only_the_beginning_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert _look(Sockets(os.getpid(), limit=150), server, 0.0) == Endpoint("TCP socket")


def test_other_protocols_are_called_what_the_kernel_calls_them() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as one:
        assert _look(Sockets(os.getpid()), one, 0.0) == Endpoint("NETLINK socket")


def test_a_process_that_is_gone_has_sockets_all_the_same() -> None:
    assert Sockets(1 << 30).look(1 << 30, 7, "/proc/1073741824/fd/7", 0.0) == Endpoint("socket")
