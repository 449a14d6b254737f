"""Why a blocked thread waits, in words: of which file, on which address, for what."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from livetop.profile.states import State
from livetop.target.addresses import from_sockaddr
from livetop.target.descriptors import Descriptors, Resource
from livetop.target.errors import TargetError
from livetop.target.memory import RemoteMemory
from livetop.target.syscalls import CALLS, Call, Kind
from livetop.target.tasks import Task
from livetop.target.text import escape

from .errands import Errand, Errands
from .waiting import waiting_name

LIMIT = 80
"""Characters of a reason."""

# A descriptor's number may mean another file a moment later, and what lies at an address another thing;
# seconds for which an answer of a kind is believed while the thread is in what looks like the same call.
_LIVES = {
    Kind.FILE: 1.0, Kind.EPOLL: 2.0, Kind.FCNTL: 1.0, Kind.FUTEX: 5.0,
    Kind.POLL: 0.1, Kind.SELECT: 0.1, Kind.CONNECT: 0.5, Kind.SENDTO: 0.5, Kind.PATH: 0.1,
}  # fmt: skip
_OUTSIDE_LIVES = 0.2
_REFUSED_LIVES = 0.2
_FOREVER = float("inf")

_THREADS = 8192
_FILES = 4096
# So many different answers; a server's thousand clients must not fill the model.
_ANSWERS = 1000

# Descriptors of one poll, select or epoll that are looked at; bits of a select's map; bytes of a path.
_LOOKED_AT = 8
_SELECT_BITS = 4096
_PATH_BYTES = 256
_PAGE = 4096

# include/uapi/linux/futex.h and fcntl.h
_FUTEX_WAIT, _FUTEX_PRIVATE, _FUTEX_COMMAND = (0, 9), 128, 127
_SET_LOCK_AND_WAIT = (7, 38)

_Resolver = Callable[["Reasons", Call, int, list[int], float], str]


class Reasons:
    """Why the threads of one process wait.

    An answer is at most `LIMIT` characters, escaped, and is kept for a while. New ones are found out as
    `errand` allows (None: without a limit); until it does, the answer is the call's mere word.
    """

    def __init__(self, pid: int, errand: Errand | None = None) -> None:
        self._pid = pid
        self._memory = RemoteMemory(pid)
        self._descriptors = Descriptors(pid)
        self._errand = errand or Errands().errand("reasons")
        self._threads: dict[int, tuple[bytes, float, str]] = {}
        self._files: dict[tuple[bytes, int], tuple[float, str]] = {}
        self._answers: set[str] = set()

    def of(self, tid: int, syscall: bytes, state: State, now: float) -> str:
        """Why the thread waits, of which /proc/PID/task/TID/syscall reads `syscall`; "" if it cannot be told.

        `now` is in monotonic seconds. Raises nothing.
        """
        if state is State.GIL:
            return "GIL"
        known = self._threads.get(tid)
        if known is not None and known[0] == syscall and now < known[1]:
            return known[2]
        if state is not State.WAIT and state is not State.IDLE:
            return ""
        until, text = self._find(tid, syscall, state, now)
        if len(self._threads) >= _THREADS:
            self._threads.clear()
        self._threads[tid] = syscall, until, text
        return text

    def _find(self, tid: int, syscall: bytes, state: State, now: float) -> tuple[float, str]:
        """(until when it is believed, the answer)."""
        number, _, rest = syscall.partition(b" ")
        call = CALLS.get(number)
        if call is None:
            if number == b"-1":
                return now + _OUTSIDE_LIVES, self._outside(tid)
            return _FOREVER, waiting_name(syscall, state)
        word = call.word
        if call.kind is Kind.WORD:
            return _FOREVER, word
        try:
            # The stack pointer and the program counter follow.
            arguments = [int(text, 16) for text in rest.split(b" ", 6)[:6]]
        except ValueError:
            return _FOREVER, word
        if len(arguments) < 6 or (call.kind is Kind.FUTEX and arguments[1] & _FUTEX_PRIVATE):
            return _FOREVER, word
        shared = call.kind is Kind.FILE or call.kind is Kind.EPOLL
        key = number, arguments[call.at]
        stale: tuple[float, str] | None = None
        if shared:
            stale = self._files.get(key)
            if stale is not None and now < stale[0]:
                return stale
        if not self._errand.allows(now):
            if stale is not None:
                return now + _REFUSED_LIVES, stale[1]
            # It may well be the same call still.
            last = self._threads.get(tid)
            return now + _REFUSED_LIVES, last[2] if last is not None and last[0] == syscall else word
        found = now + _LIVES[call.kind], self._resolve(call, tid, arguments, now)
        if shared:
            if len(self._files) >= _FILES:
                self._files.clear()
            self._files[key] = found
        return found

    def _resolve(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        """Look it up; keep the account of the time that takes."""
        with self._errand:
            try:
                text = _RESOLVERS[call.kind](self, call, tid, arguments, now)
            except TargetError:
                # Its memory has changed, or it is gone.
                text = call.word
        if text not in self._answers:
            if len(self._answers) >= _ANSWERS:
                return call.word
            self._answers.add(text)
        return text

    def _outside(self, tid: int) -> str:
        """Blocked outside any system call: the letter of /proc/PID/stat tells why."""
        state = Task(self._pid, tid).state()
        return "stopped" if state in ("T", "t") else "page fault" if state == "D" else ""

    # ------------------------------------------------------------------ by kind of call

    def _file(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        return self._on(call, self._descriptors.look(tid, _int(arguments[call.at]), now))

    @staticmethod
    def _on(call: Call, found: Resource | None) -> str:
        if found is None:
            return call.word
        link = call.link
        if found.socket and (link == "of" or not found.peer):
            link = "on"
        return _phrase(f"{call.word} {link}", found.text)

    def _fcntl(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        if _int(arguments[1]) in _SET_LOCK_AND_WAIT:
            call = call._replace(word="file lock")
        return self._file(call, tid, arguments, now)

    def _epoll(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        fds = self._descriptors.epoll(tid, _int(arguments[0]), now)
        return self._any_of(call, tid, fds[:_LOOKED_AT], len(fds), now) if fds else call.word

    def _poll(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        address, count = arguments[:2]
        if count == 0:
            return "sleep"
        fds: list[int] = []
        if count <= _LOOKED_AT:
            # struct pollfd; a negative descriptor is passed over.
            array = self._memory.read(address, 8 * count)
            fds = [fd for fd, _ in struct.iter_unpack("=iI", array) if fd >= 0]
            count = len(fds)
        return self._any_of(call, tid, fds, count, now)

    def _select(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        bits, *maps = arguments[:4]
        maps = [address for address in maps if address]
        if _int(bits) <= 0 or not maps:
            return "sleep"
        if bits > _SELECT_BITS:
            return call.word
        wanted = 0
        for address in maps:
            # The kernel reads whole words (fs/select.c, FDS_BYTES).
            wanted |= int.from_bytes(self._memory.read(address, (bits + 63) // 64 * 8), "little")
        wanted &= (1 << bits) - 1
        if not wanted:
            return "sleep"
        fds: list[int] = []
        rest = wanted
        while rest and len(fds) < _LOOKED_AT:
            fds.append((rest & -rest).bit_length() - 1)
            rest &= rest - 1
        return self._any_of(call, tid, fds, wanted.bit_count(), now)

    def _any_of(self, call: Call, tid: int, fds: list[int], count: int, now: float) -> str:
        """One of several: named when only one has a name, as the others can wake the thread up, no more."""
        if count == 0:
            return call.word
        if count <= len(fds):
            found = [self._descriptors.look(tid, fd, now) for fd in dict.fromkeys(fds)]
            named = [one for one in found if one is not None and one.named]
            if len(named) == 1:
                return self._on(call, named[0])
            if not named and call.kind is Kind.EPOLL:
                return call.word
            texts = {one.text if one is not None else "" for one in found}
            if len(texts) == 1 and found[0] is not None:
                return self._on(call, found[0]) + ("s" if len(found) > 1 and not named else "")
        return f"{call.word} on {_about(count)} descriptors"

    def _connect(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        return self._to(call, tid, arguments, arguments[1:3], now)

    def _sendto(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        return self._to(call, tid, arguments, arguments[4:6], now)

    def _to(self, call: Call, tid: int, arguments: list[int], where: list[int], now: float) -> str:
        address, size = where
        if address and 0 < size <= 128:
            text = from_sockaddr(self._memory.read(address, size))
            if text is not None:
                return _phrase(f"{call.word} to", text)
        return self._file(call, tid, arguments, now)

    def _path(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        """Up to the end of the page and then some: what lies behind the path may not be mapped."""
        address = arguments[call.at]
        first = min(_PATH_BYTES, _PAGE - address % _PAGE)
        path = self._memory.read(address, first)
        if b"\0" not in path and first < _PATH_BYTES:
            path += self._memory.read(address + first, _PATH_BYTES - first)
        path, end, _ = path.partition(b"\0")
        return _phrase(f"{call.word} {call.link}", escape(path) if end else escape(path) + "…")

    def _futex(self, call: Call, tid: int, arguments: list[int], now: float) -> str:
        """A futex that the kernel or another process is to wake up; glibc marks all others as private."""
        command, value = _int(arguments[1]), _int(arguments[2])
        if command & _FUTEX_COMMAND in _FUTEX_WAIT and not command & _FUTEX_PRIVATE:
            if value == 0:
                # What sem_wait() expects of a semaphore shared between processes, as multiprocessing's are.
                return "lock between processes"
            # pthread_join() expects the other thread's id, which the kernel clears when it ends.
            if value > 0 and value != tid and os.path.exists(f"/proc/{self._pid}/task/{value}"):
                return "end of a thread"
        return call.word


_RESOLVERS: dict[Kind, _Resolver] = {
    Kind.FILE: Reasons._file,
    Kind.EPOLL: Reasons._epoll,
    Kind.POLL: Reasons._poll,
    Kind.SELECT: Reasons._select,
    Kind.CONNECT: Reasons._connect,
    Kind.SENDTO: Reasons._sendto,
    Kind.PATH: Reasons._path,
    Kind.FUTEX: Reasons._futex,
    Kind.FCNTL: Reasons._fcntl,
}


def _int(register: int) -> int:
    """A C int from a register, of which the upper half means nothing."""
    register &= 0xFFFFFFFF
    return register - (1 << 32) if register >> 31 else register


def _phrase(words: str, text: str) -> str:
    """Of a long text the end: a path's last part tells most."""
    room = LIMIT - len(words) - 1
    return f"{words} {text if len(text) <= room else '…' + text[1 - room :]}"


def _about(count: int) -> str:
    """Exact when there are few: a number that changes all the time would be a new reason each time."""
    for least in (1000, 100, 10):
        if count >= least:
            return f"{least}+"
    return str(count)
