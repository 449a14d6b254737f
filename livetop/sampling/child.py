"""A descendant of the target that is not watched, or not yet."""

from __future__ import annotations

import os
from typing import Final

from livetop.target.process import read_argv
from livetop.target.procfs import boot_time, clock_ticks, read_stat
from livetop.target.text import escape
from livetop.wire import messages as m

STARTING: Final = "starting"
UNREADABLE: Final = "unreadable"
OTHER: Final = "other"
CROWD: Final = "crowd"
"""It could be watched if there were not so many already."""

# Seconds until a process that is no Python (yet) is looked at again, at first.
_SOON: Final = 0.05
# Seconds until one that may not be read is tried again: it may be given the right.
MUCH_LATER: Final = 30.0


class Child:
    """`number` is its id in messages, 0 while it has none; `due` and `since` are monotonic seconds.

    `reason` says why it is not watched; `generation` changes when it runs another program.
    """

    __slots__ = (
        "_argv",
        "_started",
        "due",
        "generation",
        "number",
        "parent",
        "pid",
        "python",
        "reason",
        "since",
        "state",
        "wait",
    )

    def __init__(self, pid: int, parent: int, number: int, now: float) -> None:
        self.pid = pid
        self.parent = parent
        self.number = number
        self.python = ""
        self.reason = ""
        self.generation = b""
        self._argv: list[str] = []
        self._started = 0.0
        self.start_over(now)

    def start_over(self, now: float) -> None:
        """It may run something else now."""
        self.state = STARTING
        self.since = self.due = now
        self.wait = _SOON

    def postpone(self, now: float) -> None:
        """Look again later, and the next time later still."""
        self.due = now + self.wait
        self.wait *= 2

    def settle(self, state: str, reason: str, due: float) -> None:
        """It is known for now why it is not watched. Raises NoSuchProcess."""
        self.state, self.reason, self.due = state, reason, due
        self.identify()

    def forbid(self, reason: str, now: float) -> None:
        """It may not be read, for now."""
        self.state, self.reason, self.due = UNREADABLE, reason, now + MUCH_LATER

    def identify(self) -> None:
        """Look at its command line. Raises NoSuchProcess."""
        stat = read_stat(self.pid)
        self._argv = read_argv(self.pid) or [f"[{escape(stat.name, 64)}]"]
        self._started = boot_time() + stat.start_time / clock_ticks()

    def describe(self, state: str = "") -> m.Process:
        """What the interface is told of it."""
        return m.Process(
            self.number,
            self.pid,
            self._argv,
            self.python,
            "",
            escape(os.uname().nodename, 256),
            self._started,
            "",
            self.parent,
            state or (UNREADABLE if self.state == CROWD else self.state),
            self.reason or (f"process {self.pid} was never read" if state else ""),
        )
