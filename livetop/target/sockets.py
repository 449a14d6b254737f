"""What the sockets of a process are connected to, from the tables of its network namespace.

The tables (/proc/PID/net/tcp and so on) list all sockets of the namespace and can be long; the kernel walks
its hash tables to write them (1.5 ms and 1.5 microseconds a socket were measured). So one is read only when a
socket is asked for that is not known, seldom, and up to a limit.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from .addresses import from_proc, host, unix_name
from .procfs import read_file
from .text import escape

TABLE_LIMIT = 2 << 20
"""Bytes read of a table: some 13,000 sockets. Those behind it stay unknown."""
AGAIN = 2.0
"""Seconds before a table is read again."""

_SOCKETS = 4096
# A path in the table of unix sockets may hold the number looked for, to waste our time.
_TRIES = 64

_LISTEN = b"0A"


class Endpoint(NamedTuple):
    """What a socket is, in words.

    `named`: it says which; `peer`: the other end is known; `lasting`: true as long as the socket lives.
    """

    text: str
    named: bool = False
    peer: bool = False
    lasting: bool = False


# The protocol, as the kernel calls it (struct proto.name), -> the table, and what people call the protocol;
# most of what is waited for is TCP, which needs no word.
_TABLES = {
    "TCP": ("tcp", ""),
    "TCPv6": ("tcp6", ""),
    "MPTCP": ("tcp", ""),
    "MPTCPv6": ("tcp6", ""),
    "UDP": ("udp", "UDP "),
    "UDPv6": ("udp6", "UDP "),
    "UNIX": ("unix", ""),
    "UNIX-STREAM": ("unix", ""),
}


class Sockets:
    """The sockets of one process, by inode. Times are monotonic seconds."""

    def __init__(self, pid: int, limit: int = TABLE_LIMIT) -> None:
        self._pid = pid
        self._limit = limit
        self._known: dict[int, Endpoint] = {}
        self._read: dict[str, tuple[float, bytes]] = {}

    def look(self, tid: int, inode: int, path: str, now: float) -> Endpoint:
        """What the socket is; `path` is its descriptor's under /proc, and `tid` one of its threads."""
        found = self._known.get(inode)
        if found is not None:
            return found
        protocol = _protocol(path)
        for table, prefix in _tables(protocol):
            found = self._look_in(table, prefix, tid, inode, now)
            if found is not None:
                break
        else:
            return Endpoint(_nameless(protocol))
        if found.lasting:
            if len(self._known) >= _SOCKETS:
                self._known.clear()
            self._known[inode] = found
        return found

    def _look_in(self, table: str, prefix: str, tid: int, inode: int, now: float) -> Endpoint | None:
        find = find_unix if table == "unix" else find_internet
        read_at, data = self._read.get(table, (-AGAIN, b""))
        found = find(data, inode, prefix)
        if (found is None or not found.lasting) and now - read_at >= AGAIN:
            try:
                # By the thread: the files of a process are empty once its first thread has ended.
                data = read_file(f"/proc/{self._pid}/task/{tid}/net/{table}", self._limit)
            except OSError:
                # Gone, hidden, or a kernel without this protocol.
                data = b""
            self._read[table] = now, data
            found = find(data, inode, prefix)
        return found


def _protocol(path: str) -> str:
    """The kernel's name of a socket's protocol, like TCPv6 (net/socket.c, sockfs); "" if it says none."""
    try:
        return os.getxattr(path, "system.sockprotoname").rstrip(b"\0").decode("ascii", "replace")
    except OSError:
        return ""


def _tables(protocol: str) -> list[tuple[str, str]]:
    if not protocol:
        return list(dict.fromkeys(_TABLES.values()))
    return [_TABLES[protocol]] if protocol in _TABLES else []


def _nameless(protocol: str) -> str:
    if protocol.startswith("UNIX"):
        return "unix socket"
    return f"{escape(protocol, 20)} socket" if protocol else "socket"


def find_internet(data: bytes, inode: int, prefix: str) -> Endpoint | None:
    """The socket in the text of /proc/net/{tcp,tcp6,udp,udp6}; None when it is not there.

    The other end of a connection; of one that was accepted here, the client's host and our port: its own
    port means nothing to anyone. The address it listens on or is bound to, else.
    """
    number = b"%d" % inode
    for line in _lines_with(data, b" %b " % number):
        # sl local remote st queues timer retransmits uid timeout inode ...
        fields = line.split(None, 10)
        if len(fields) < 10 or fields[9] != number:
            continue
        try:
            local, port = from_proc(fields[1])
            remote, remote_port = from_proc(fields[2])
        except ValueError:
            continue
        if remote_port:
            if not prefix and _is_listening(data, fields[1]):
                return Endpoint(f"client {host(remote)} of :{port}", True, True, True)
            # A UDP socket can be connected to another address at any time.
            return Endpoint(f"{prefix}{host(remote)}:{remote_port}", True, True, not prefix)
        if port:
            return Endpoint(f"{prefix}{host(local)}:{port}", True, False, fields[3] == _LISTEN)
        return None
    return None


def _is_listening(data: bytes, local: bytes) -> bool:
    """Whether a socket listens on this port; the table has those that listen first."""
    address, _, port = local.partition(b":")
    return b":%b %b:0000 %b " % (port, b"0" * len(address), _LISTEN) in data


def find_unix(data: bytes, inode: int, prefix: str = "") -> Endpoint | None:
    """The socket in the text of /proc/net/unix; None when it is not there.

    The table does not say what it is connected to: a path is its own, of the end that listened.
    """
    number = b"%d" % inode
    for line in _lines_with(data, b" %b" % number):
        # address references protocol flags type state inode [path]
        fields = line.split(None, 7)
        if len(fields) >= 7 and fields[6] == number:
            named = len(fields) == 8
            return Endpoint(unix_name(fields[7]) if named else "unix socket", named, False, named)
    return None


def _lines_with(data: bytes, text: bytes) -> list[bytes]:
    """The first lines that hold `text`."""
    lines = []
    at = -1
    for _ in range(_TRIES):
        at = data.find(text, at + 1)
        if at < 0:
            break
        start = data.rfind(b"\n", 0, at + 1) + 1
        end = data.find(b"\n", at + 1)
        at = end if end >= 0 else len(data)
        lines.append(data[start:at])
    return lines
