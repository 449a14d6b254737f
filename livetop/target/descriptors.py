"""What the file descriptors of a process lead to, in words."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from .procfs import read_file, read_status
from .sockets import Sockets
from .text import escape

# An epoll descriptor's list is written by the kernel as a whole, with its lock held: not for one with
# thousands of sockets.
_EPOLL_DESCRIPTORS = 256
_EPOLL_BYTES = 64 << 10
# Seconds for which the size of a process's table of descriptors is believed.
_SIZE_LIVES = 2.0

_SOCKET = re.compile(r"socket:\[(\d{1,20})\]\Z")
_ANONYMOUS = re.compile(r"anon_inode:\[?([^\]]*)\]?\Z")
_TERMINAL = re.compile(r"/dev/(pts/\d+|tty\d*|console)\Z")


class Resource(NamedTuple):
    """What a descriptor leads to.

    `text` is escaped. `named`: it says which one, and not only of what kind. `peer`: a socket whose other
    end is known.
    """

    text: str
    named: bool = True
    socket: bool = False
    peer: bool = False


class Descriptors:
    """The descriptors of one process. Times are monotonic seconds.

    They are asked for by thread as well: those of a process are hidden once its first thread has ended.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._sockets = Sockets(pid)
        self._table: tuple[float, int] = (-_SIZE_LIVES, 0)

    def look(self, tid: int, fd: int, now: float) -> Resource | None:
        """What the descriptor leads to at this moment; None when that cannot be told."""
        path = f"/proc/{self._pid}/task/{tid}/fd/{fd}"
        try:
            link = os.readlink(path)
        except OSError:
            # Closed meanwhile, or the thread is gone, or we may not look.
            return None
        socket = _SOCKET.match(link)
        if socket is None:
            return of_link(link)
        end = self._sockets.look(tid, int(socket[1]), path, now)
        return Resource(end.text, end.named, True, end.peer)

    def epoll(self, tid: int, fd: int, now: float) -> list[int] | None:
        """The descriptors that an epoll descriptor watches; None when that cannot be told cheaply."""
        read_at, size = self._table
        if now - read_at >= _SIZE_LIVES:
            # Slots, a power of two: as many descriptors as it has ever had open at once fit in.
            text = read_status(f"{self._pid}/task/{tid}").get("FDSize", "")
            size = int(text) if text.isdecimal() and len(text) < 12 else 0
            self._table = now, size
        if not 0 < size <= _EPOLL_DESCRIPTORS:
            return None
        try:
            return epoll_targets(read_file(f"/proc/{self._pid}/task/{tid}/fdinfo/{fd}", _EPOLL_BYTES))
        except OSError:
            return None


def of_link(link: str) -> Resource:
    """What a link of /proc/PID/fd means that is no socket."""
    if link.startswith("/"):
        return Resource("terminal") if _TERMINAL.match(link) else Resource(escape(link))
    if link.startswith("pipe:"):
        return Resource("pipe", named=False)
    anonymous = _ANONYMOUS.match(link)
    return Resource(escape(anonymous[1] if anonymous else link, 80), named=False)


def epoll_targets(text: bytes) -> list[int]:
    """The descriptors in the `tfd:` lines of an epoll descriptor's /proc/PID/fdinfo (fs/eventpoll.c)."""
    return [int(number) for number in re.findall(rb"^tfd:\s+(\d{1,10})\s", text, re.MULTILINE)]
