"""One look at all tasks of a process, a slice at a time: of many it takes most of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING

from .coroutines import MAX_LINKS

if TYPE_CHECKING:
    from .tasks import TaskInfo

# Seconds that reading some tasks is to take, which settles how many are read at once; at most so many.
_AIM = 0.001
_MOST = 64


class TaskLook:
    """What a look has found so far. `infos` are all tasks, by address, once `done`."""

    def __init__(self, steps: Callable[[TaskLook], Iterator[None]], at_once: int = 8) -> None:
        self.infos: dict[int, TaskInfo] = {}
        self.done = False
        self.whole = False
        """Whether all tasks there are were found; known once `done`."""
        self.now = 0.0
        """The time of this slice, in monotonic seconds."""
        self.at_once = at_once
        """How many tasks are read at once."""
        self.links = MAX_LINKS
        """How many coroutines may still be followed."""
        self.woken: dict[int, tuple[int, ...]] = {}
        """By address of a task: who awaits it, as it says itself."""
        self._steps = steps(self)
        self._failed = False

    def advance(self, now: float, seconds: float) -> bool:
        """Go on for about so long; True when it is complete. After an error it never is. See `Tasks.look`."""
        self.now = now
        if self._failed or self.done:
            return self.done
        deadline = monotonic() + seconds
        self._failed = True
        for _ in self._steps:
            if monotonic() >= deadline:
                self._failed = False
                return False
        self.done, self._failed = True, False
        return True

    def adapt(self, seconds: float) -> None:
        """Reading `at_once` tasks took so long."""
        if seconds > 2 * _AIM:
            self.at_once = max(1, self.at_once // 2)
        elif seconds < _AIM:
            self.at_once = min(max(_MOST, self.at_once), 2 * self.at_once)
