"""What children used that nobody could read: the kernel adds it up for the parent that waits for them.

A process's cutime and cstime grow by all that a child used, and by what that child waited for in its turn,
once the child has been waited for (man 5 proc_pid_stat). Less what was charged to children that were watched,
that is the CPU time of those that were never read, and of the others before they were found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from livetop.target.errors import NoSuchProcess
from livetop.target.procfs import clock_ticks, read_stat

from .settling import Settled
from .watched import Remainder


class _Account:
    """One process that lives. Everything is in seconds of CPU time."""

    __slots__ = ("credit", "known", "row", "seen", "waited")

    def __init__(self, waited: float, known: float) -> None:
        self.row = Remainder(waited, "ended children")
        self.waited = self.seen = waited
        """What it waited for so far, now and when its row was settled last."""
        self.known = known
        """Used by it and those it waited for, and charged already, or before the session."""
        self.credit = 0.0
        """What ended children are known to have used since its row was settled last."""


class EndedChildren:
    """The CPU time of children that have ended, by the process that waited for them.

    A child that nobody waits for (SIGCHLD ignored) is in no counter; what is known of it is then taken from
    what its parent's other children used: rather too little is charged than the same time twice.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._accounts: dict[int, _Account] = {}
        self._begun = False

    def begin(self, children: Iterable[int]) -> None:
        """With the first look for children: what these, and the root, have used so far is of the past."""
        if self._begun:
            return
        self._begun = True
        # The root last: a child that ends meanwhile is not charged with a past that nobody knows.
        for pid in (*children, self._root):
            try:
                stat = read_stat(pid)
            except NoSuchProcess:
                continue
            waited = stat.waited / clock_ticks()
            self._accounts[pid] = _Account(waited, waited + stat.cpu / clock_ticks())

    def settled(self, pid: int, own: float, waited: float) -> None:
        """A process that is watched: seconds charged to it just now, and what it has waited for so far."""
        account = self._account(pid)
        account.known += own
        account.waited = max(account.waited, waited)

    def ended(self, pid: int, parent: int, living: set[int]) -> None:
        """A process is no more; its `parent` has waited for it, or soon will. `living`: those we know of."""
        account = self._accounts.pop(pid, None)
        if account is None:
            return
        heir = self._account(parent if parent in living else self._root)
        heir.credit += account.known
        heir.known += account.known

    def settle(self, living: set[int]) -> list[tuple[int, list[Settled]]]:
        """What is to be charged, by the PID of the parent."""
        grown = [(pid, one) for pid, one in self._accounts.items() if one.waited > one.seen]
        if not (grown and self._begun):
            return []
        for pid in list(self._accounts):
            if pid != self._root and not os.path.exists(f"/proc/{pid}"):
                if pid in living:
                    # It may have been waited for: what it is known to have used comes soon.
                    return []
                self.ended(pid, self._root, living)
        charged: list[tuple[int, list[Settled]]] = []
        for pid, one in grown:
            rows: list[Settled] = [*one.row.settle(one.waited, one.credit)]
            one.seen, one.credit = one.waited, 0.0
            one.known += sum(seconds.own for _, _, seconds in rows)
            if rows:
                charged.append((pid, rows))
        return charged

    def _account(self, pid: int) -> _Account:
        """A process that is not known of began in this session: all that it waits for counts."""
        return self._accounts.setdefault(pid, _Account(0.0, 0.0))
