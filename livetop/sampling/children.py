"""The children of a target: found, tried until it is known what they run, named if they cannot be read."""

from __future__ import annotations

import contextlib
from time import monotonic
from typing import Final

from livetop.cpython.runtime import Runtime, Unreadable
from livetop.target.descendants import Descendants
from livetop.target.discover import describe, is_livetop
from livetop.target.errors import (
    AlreadyTraced,
    MemoryFault,
    NoSuchProcess,
    NotReadable,
    PermissionDenied,
    ProcessGone,
)
from livetop.target.memory import RemoteMemory
from livetop.target.process import open_process, read_argv, read_generation
from livetop.target.procfs import read_stat

from .attach import Found, attach, has_threads
from .child import CROWD, MUCH_LATER, OTHER, STARTING, UNREADABLE, Child
from .errands import Errand, Errands
from .member import Member

# Seconds between two looks for children, at the least.
_LOOK: Final = 0.1
# A process that is no Python yet is tried again soon at first, then ever more seldom, for so many seconds:
# starting a program takes some hundred milliseconds, and that program may only start the one that counts.
_STARTING: Final = 3.0
# What runs something else may call exec.
_AGAIN: Final = 1.0
# Seconds of trying at once: ticks must not wait for long.
_SLICE: Final = 0.005


class Children:
    """Finds the descendants of a process. Times are monotonic seconds."""

    def __init__(self, root: int, *, nonblocking: bool, errands: Errands, most: int) -> None:
        self.children: dict[int, Child] = {}
        """Those that live and are not watched, by PID."""
        self._ended: list[Child] = []
        self._descendants = Descendants(root)
        self._nonblocking = nonblocking
        self._most = most
        self._looked = float("-inf")
        self._finding = errands.errand("finding")
        self._trying = errands.errand("trying")

    def due(self, now: float) -> bool:
        """Whether a look is."""
        return now - self._looked >= _LOOK and self._finding.allows(now)

    def find(self, now: float, members: list[Member]) -> None:
        """Look for children."""
        self._looked = now
        with self._finding:
            found, gone = self._descendants.look()
            watched = {member.pid for member in members}
            for one in found:
                if one.pid not in watched:
                    self.children[one.pid] = Child(one.pid, one.parent, 0, now)
            self._ended += [child for pid in gone if (child := self.children.pop(pid, None)) is not None]

    def take_ended(self) -> list[Child]:
        """Those that have ended without having been watched, since this was asked last."""
        ended, self._ended = self._ended, []
        return ended

    def adopt(self, pid: int, parent: int, number: int, now: float) -> Child:
        """What this process runs (now) is to be found out; `number`: its id in messages, if it has one."""
        child = self.children[pid] = Child(pid, parent, number, now)
        with contextlib.suppress(NoSuchProcess):
            child.identify()
        return child

    @property
    def starting(self) -> bool:
        """Whether some child may still turn out to be one to watch."""
        return any(child.state == STARTING for child in self.children.values())

    def try_some(self, now: float, members: list[Member]) -> list[tuple[Child, Found | None]]:
        """Find out what children run, as many as may be.

        Returns those to be watched, which are no longer among `children`, and those whose state has changed.
        """
        news: list[tuple[Child, Found | None]] = []
        began = now
        for child in [child for child in self.children.values() if child.due <= now]:
            if began - now > _SLICE or not self._trying.allows(began):
                break
            known = child.state, child.reason
            with self._trying:
                found = self._try(child, began, members, len(members) + len(news) >= self._most)
            if found is not None:
                del self.children[child.pid]
                news.append((child, found))
            elif child.pid in self.children and (child.state, child.reason) != known:
                news.append((child, None))
            began = monotonic()
        return news

    def join(self) -> Errand:
        """Have what it costs to take a child up charged to trying: `with` this."""
        return self._trying

    def _try(self, child: Child, now: float, members: list[Member], full: bool) -> Found | None:
        try:
            if child.state in (OTHER, CROWD) and not self._has_changed(child, now, full):
                return None
            try:
                return self._read(child, members, full)
            except MemoryFault:
                self._wait(child, now, f"process {child.pid} has started no Python yet")
            except (PermissionDenied, AlreadyTraced, Unreadable) as error:
                child.python = error.identity.version if isinstance(error, Unreadable) else ""
                child.settle(UNREADABLE, str(error), now + MUCH_LATER)
            except NotReadable:
                words = describe(read_argv(child.pid))
                self._wait(child, now, f"process {child.pid} runs {words}, not a Python program")
        except (ProcessGone, NoSuchProcess):
            # Its parent may not collect it for long.
            self._ended.append(self.children.pop(child.pid))
        return None

    def _read(self, child: Child, members: list[Member], full: bool) -> Found | None:
        pid = child.pid
        stat = read_stat(pid)
        if stat.state in "ZX":
            raise ProcessGone(f"process {pid} has exited")
        if is_livetop(read_argv(pid)):
            self._descendants.disown(pid)
            del self.children[pid]
            return None
        child.generation = read_generation(pid)
        runtime = _same_image(child.generation, members)
        if runtime is None:
            found = attach(pid, nonblocking=self._nonblocking)
        else:
            found = Found(open_process(pid, traced=self._nonblocking), RemoteMemory(pid), runtime)
        if not has_threads(found.memory, found.runtime):
            raise NotReadable(f"process {pid} has started no Python thread yet")
        if full:
            reason = f"process {pid} is not watched: {self._most} others are already"
            child.settle(CROWD, reason, monotonic() + _AGAIN)
            return None
        return found

    def _has_changed(self, child: Child, now: float, full: bool) -> bool:
        """Whether what kept a child from being watched may be different now."""
        child.due = now + _AGAIN
        if child.state == CROWD:
            return not full
        if read_generation(child.pid) == child.generation:
            return False
        child.start_over(now)
        return True

    def _wait(self, child: Child, now: float, reason: str) -> None:
        """It is no Python, or none yet."""
        if now - child.since >= _STARTING:
            child.settle(OTHER, reason, now + _AGAIN)
        else:
            child.postpone(now)


def _same_image(generation: bytes, members: list[Member]) -> Runtime | None:
    """The runtime of the process that one was forked from: everything lies where it did."""
    for member in members:
        if member.process.generation == generation:
            return member.runtime
    return None
