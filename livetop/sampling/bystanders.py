"""The children of a process that is watched alone: how busy they are while it does nearly nothing itself.

Who attaches to the master of a pool or a server sees an idle process; that its children work is worth a word.
"""

from __future__ import annotations

from typing import Final

from livetop.target.descendants import is_ours, list_descendants
from livetop.target.tasks import usage

from .errands import Errand, Errands

# Seconds between two looks.
_LOOK: Final = 1.0
# A process that uses more of a core than this is of interest itself: then nobody looks.
_IDLE: Final = 0.2
# Children that are looked at.
_MOST: Final = 256


class Bystanders:
    """What the last look found; times are monotonic seconds. `errand` None: without a limit."""

    def __init__(self, pid: int, now: float, errand: Errand | None = None) -> None:
        self.count = 0
        """Descendants that live; 0 while the process itself is busy."""
        self.cpu = 0.0
        """Cores that they use together."""
        self._pid = pid
        self._looked = now
        self._errand = errand or Errands().errand("finding")
        self._own = self._own_cpu() or 0.0
        self._used: dict[int, float] = {}
        self._ours: dict[int, bool] = {}

    def look(self, now: float) -> None:
        """Look, if it is time to."""
        passed = now - self._looked
        if passed < _LOOK or not self._errand.allows(now):
            return
        self._looked = now
        with self._errand:
            self._measure(passed)

    def _own_cpu(self) -> float | None:
        used = usage(self._pid)
        return None if used is None else used.cpu

    def _measure(self, passed: float) -> None:
        self.count, self.cpu = 0, 0.0
        known, self._used = self._used, {}
        before, own = self._own, self._own_cpu()
        if own is None:
            return
        self._own = own
        if own - before > _IDLE * passed:
            return
        pids = list_descendants(self._pid, _MOST)
        self._ours = {pid: self._ours[pid] if pid in self._ours else is_ours(pid) for pid in pids}
        for pid in pids:
            used = None if self._ours[pid] else usage(pid)
            if used is not None:
                self._used[pid] = used.cpu
        self.count = len(self._used)
        # A child tells how busy it is once it has been looked at twice.
        self.cpu = sum(max(0.0, cpu - known.get(pid, cpu)) for pid, cpu in self._used.items()) / passed
