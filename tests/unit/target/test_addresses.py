"""Network addresses as people write them."""

from __future__ import annotations

import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.target.addresses import from_proc, from_sockaddr, host


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::1", "[::1]"),
        ("fe80::1", "[fe80::1]"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("::", "[::]"),
    ],
)
def test_hosts(text: str, shown: str) -> None:
    assert host(socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)) == shown


@pytest.mark.skipif(sys.byteorder == "big", reason="the examples were written by little-endian kernels")
@pytest.mark.parametrize(
    ("text", "shown", "port"),
    [
        (b"0500000A:1538", "10.0.0.5", 5432),
        (b"00000000000000000000000001000000:0050", "[::1]", 80),
        (b"0000000000000000FFFF00000100007F:FFFF", "127.0.0.1", 65535),
        (b"B80D01200000000000000000EFBEADDE:0001", "[2001:db8::dead:beef]", 1),
    ],
)
def test_addresses_of_proc(text: bytes, shown: str, port: int) -> None:
    packed, found = from_proc(text)
    assert (host(packed), found) == (shown, port)


@given(st.binary(max_size=60) | st.from_regex(rb"\A[0-9A-F]{0,40}:[0-9A-F]{0,6}\Z"))
def test_any_text_is_an_address_or_refused(text: bytes) -> None:
    try:
        packed, port = from_proc(text)
    except ValueError:
        return
    assert host(packed) and 0 <= port <= 65535


@pytest.mark.parametrize(
    ("family", "rest", "shown"),
    [
        (socket.AF_INET, b"\x15\x38\x0a\0\0\x05" + bytes(8), "10.0.0.5:5432"),
        (socket.AF_INET6, b"\0\x50" + bytes(4) + bytes(15) + b"\x01" + bytes(4), "[::1]:80"),
        (socket.AF_UNIX, b"/run/x.sock\0garbage", "unix socket /run/x.sock"),
        (socket.AF_UNIX, b"\0abstract\0\0", "unix socket @abstract"),
        (socket.AF_UNIX, b"/run/\x1b[31m\n", r"unix socket /run/\x1b[31m\x0a"),
        (socket.AF_UNIX, b"\0\0", "unix socket @"),
        (socket.AF_INET, b"\x15\x38\x0a", None),
        (socket.AF_INET6, bytes(10), None),
        (77, bytes(20), None),
    ],
)
def test_sockaddr(family: int, rest: bytes, shown: str | None) -> None:
    assert from_sockaddr(struct.pack("=H", family) + rest) == shown


@given(st.binary(max_size=128))
def test_any_sockaddr_is_printable(data: bytes) -> None:
    shown = from_sockaddr(data)
    assert shown is None or shown.isprintable()
