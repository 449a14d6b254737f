"""Settling: from what samples left in the accounts to cells and seconds, a thread at a time."""

from __future__ import annotations

from livetop.cpython.code import Code
from livetop.cpython.tree import Place, StackTree
from livetop.target.tasks import usage

from .account import UNREAD, Account, Cells, Seconds
from .roster import Roster
from .watched import Remainder, Stranger, Watched

# A holder of the GIL that used less CPU than this may be blocked with the GIL held: ask the kernel.
_BUSY = 0.9

# A thread, its cells by (key, state), and its seconds.
Settled = tuple[Watched | Stranger | Remainder, Cells, Seconds]


class Settler:
    """Settles the accounts of all threads of one process. Times are monotonic seconds."""

    def __init__(self, pid: int, roster: Roster, tree: StackTree) -> None:
        self._pid = pid
        self._roster = roster
        self._tree = tree
        used = usage(pid)
        self._remainder = Remainder(used.cpu if used else 0.0)
        self.waited = used.waited if used else 0.0
        """Seconds of CPU of children that the process has waited for so far."""

    def settle(self, now: float, *, gone: bool = False) -> list[Settled]:
        """Settle the accounts of all threads. Code that was replaced meanwhile is not named.

        `gone`: the process has exited, so that nothing can be compared with its memory any more.
        """
        self._tree.now = now
        threads = self._roster.everyone()
        places = {key for thread in threads for key in _keys(thread.account) if isinstance(key, Place)}
        # Young code was compared at each sample, so those samples are right whatever became of it since.
        young = set(self._tree.young)
        replaced = set() if gone else self._tree.verify(places)
        unnamed, ended = _touched(places, replaced - young), _touched(places, replaced)
        settled: list[Settled] = []
        for thread in threads:
            account = thread.account
            if unnamed:
                account.rename(unnamed)
            if account.last_key in ended:
                account.last_key = UNREAD
            if not (thread.warm or account.asleep or account.last_key is UNREAD):
                # No poll since the last settlement: it has slept on, as far as it has not run.
                account.sleeps_on(now)
            cells: Cells = {}
            system = thread.system_seconds(max(1e-3, now - account.settled)) if account.running else 0.0
            seconds = account.settle(now, thread.task.times(), cells, system)
            thread.sees_syscall = account.busy < _BUSY
            if seconds.own and not thread.warm and self._roster.threads.get(thread.tid) is thread:
                # It ran between two polls: the next one could not tell any more.
                self._roster.heat(thread, now)
            settled.append((thread, cells, seconds))
        for stranger in self._roster.strangers.values():
            settled += stranger.settle()
        for stranger in self._roster.left:
            settled += stranger.settle(gone=True)
        used = usage(self._pid)
        if used is not None:
            self.waited = used.waited
            settled += self._remainder.settle(used.cpu, sum(seconds.own for _, _, seconds in settled))
        self._roster.forget_gone()
        return settled


def _touched(places: set[Place], codes: set[Code]) -> set[Place | str]:
    """Those places that have one of these codes on their stack."""
    if not codes:
        return set()
    return {place for place in places if any(code in codes for code, _ in place.frames())}


def _keys(account: Account) -> list[Place | str]:
    """Everything that a settlement of this account will name."""
    seen = [*account.running, *account.queued, *(key for key, *_ in account.asleep), account.last_key]
    return seen + account.verdicts.places
