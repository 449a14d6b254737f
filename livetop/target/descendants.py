"""The descendants of a process, found as they come, whether their parents live or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, NamedTuple

from .discover import is_livetop
from .errors import NoSuchProcess
from .process import read_argv
from .procfs import Stat, read_file, read_stat

# Descendants that are followed at once; beyond it new ones are only counted.
MOST: Final = 4096


class Descendant(NamedTuple):
    """A process that was born to one of ours; see `Stat`."""

    pid: int
    parent: int
    start_time: int
    group: int
    session: int


class Descendants:
    """Who of /proc descends from a process.

    A look costs one listing of /proc, and a file for each process that was not there at the last look. What
    was found to descend from the root goes on to, when its parent has died and another was given to it. One
    whose parent died before it was looked at is found by the session or process group that it is in, if one
    of ours leads it: a session is only ever inherited, and nobody but a pipeline's shell puts a process that
    is not its own into a group, as it starts. livetop itself, and what it starts, does not belong.
    """

    def __init__(self, root: int) -> None:
        self.crowd = 0
        """How many were not taken up for want of room."""
        self._known: set[int] = set()
        self._family: dict[int, Descendant] = {}
        # Of the dead those whose session or group has members of the family: their PIDs cannot be given away.
        self._leaders: set[int] = set()
        self._root = root
        self._first = True
        stat = _stat(root)
        if stat is not None:
            self._family[root] = _descendant(stat)

    def __contains__(self, pid: int) -> bool:
        return pid in self._family

    def __len__(self) -> int:
        return len(self._family)

    def look(self) -> tuple[list[Descendant], list[int]]:
        """The descendants that are new, parents first, and the PIDs that have ended (the root's, too)."""
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        gone = [pid for pid in self._family if pid not in pids]
        for pid in gone:
            del self._family[pid]
        if gone:
            led = {pid for one in self._family.values() for pid in (one.group, one.session)}
            self._leaders = led & {*gone, *self._leaders}
        fresh = {stat.pid: stat for pid in pids - self._known if (stat := _stat(pid)) is not None}
        found = self._related(fresh)
        self._known = pids
        self._first = False
        return found, gone

    def disown(self, pid: int) -> None:
        """This one is none of ours after all, and what it starts from now on is not either."""
        if pid != self._root:
            self._family.pop(pid, None)

    def _related(self, fresh: dict[int, Stat]) -> list[Descendant]:
        """Those of the new processes that descend from the family, which they join."""
        found: list[Descendant] = []
        # Parents are older than their children; where the clock does not tell, another round does.
        left = sorted(fresh.values(), key=lambda stat: (stat.start_time, stat.pid))
        grown = True
        while grown and left:
            grown = False
            rest = []
            for stat in left:
                if not self._belongs(stat, fresh):
                    rest.append(stat)
                elif not is_ours(stat.pid):
                    grown = True
                    if len(self._family) >= MOST:
                        self.crowd += 1
                        continue
                    one = self._family[stat.pid] = _descendant(stat)
                    found.append(one)
            left = rest
        return found

    def _belongs(self, stat: Stat, fresh: dict[int, Stat]) -> bool:
        family = self._family
        if stat.kernel_thread or stat.pid in family:
            return False
        if stat.parent in family:
            return True
        if stat.session in family or stat.session in self._leaders:
            return True
        # A pipeline that was there before us has its members from its shell.
        orphan = stat.parent not in fresh and not self._first
        return orphan and (stat.group in family or stat.group in self._leaders) and _was_adopted(stat)


def has_children(pid: int) -> bool:
    """Whether a process has any."""
    found, _ = Descendants(pid).look()
    return bool(found)


def list_descendants(pid: int, most: int) -> list[int]:
    """PIDs of children, theirs and so on, at most `most` of them, the nearest first.

    As the threads of their parents list them, a file for each; not where CONFIG_PROC_CHILDREN is off.
    """
    found: dict[int, None] = {}
    waiting = [pid]
    for parent in waiting:
        for child in _children(parent, most):
            if child not in found and child != pid and len(found) < most:
                found[child] = None
                waiting.append(child)
    return list(found)


def _children(pid: int, most: int) -> Iterator[int]:
    """The children of some of a process's threads: only so many are looked at, the main one first."""
    try:
        threads = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
    except OSError:
        return
    for thread in threads[:most]:
        try:
            # A PID and its space take less than 16 bytes.
            text = read_file(f"/proc/{pid}/task/{thread}/children", 16 * most)
        except OSError:
            continue
        yield from (int(word) for word in text.split()[:most])


def _was_adopted(stat: Stat) -> bool:
    """Whether the parent that it has now is one that adopts orphans, and no shell that starts pipelines."""
    parent = _stat(stat.parent)
    return parent is None or parent.pid == 1 or parent.session != stat.session


def _descendant(stat: Stat) -> Descendant:
    return Descendant(stat.pid, stat.parent, stat.start_time, stat.group, stat.session)


def _stat(pid: int) -> Stat | None:
    try:
        return read_stat(pid)
    except NoSuchProcess:
        return None


def is_ours(pid: int) -> bool:
    """Whether a process is this one, or another livetop."""
    return pid == os.getpid() or is_livetop(read_argv(pid))
