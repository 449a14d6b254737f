"""The rows of a table as the screen shows them: of the window, with their time since the reset."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from livetop.profile.model import Profile
from livetop.profile.rows import By, Key, Row, Table
from livetop.tui.choice import Choice

SLOW = 1.0
"""Seconds between two looks at everything since the reset: those figures need no more."""
TREND_AGE = 5.0
"""Seconds back to what a share is compared with."""


@dataclass(slots=True)
class Entry:
    """One row. Shares are of the window (or since the reset, when that is chosen), seconds since the reset.

    `row` names it and holds the window's details; `text` is what the filter looks at; `trend` is 1, 0
    or -1.
    """

    key: Key
    row: Row
    own_share: float
    total_share: float
    own: float
    total: float
    trend: int = 0

    @property
    def native(self) -> float | None:
        """The native part of its own time; of a library's row, all or nothing."""
        if self.row.kind == "library":
            return 0.0 if self.row.function in ("[python]", "[system]", "[not split]") else 1.0
        return self.row.native_share

    @property
    def system(self) -> float:
        """The kernel's part of its own time, 0 where it is not known."""
        if self.row.kind == "library":
            return float(self.row.function == "[system]")
        return self.row.system_share or 0.0

    @property
    def waiting(self) -> float:
        """The part of its own time that was not spent on a core: of wall time only."""
        return min(1.0, self.row.off_core / self.row.own) if self.row.own > 0 else 0.0

    @property
    def runs_python(self) -> bool:
        """Whether its time may be Python's: not that of a thread without a Python frame."""
        return not (self.row.kind == "special" and self.row.function.startswith("[thread: "))

    @property
    def location(self) -> str:
        """Where it is: module:line, without the line where there is none."""
        place = self.row.module or self.row.file
        return place if self.row.line is None or not place else f"{place}:{self.row.line}"

    @property
    def in_order(self) -> str:
        """`location` as it sorts: line 9 before line 10."""
        return f"{self.row.module or self.row.file}:{self.row.line or 0:9}"

    @property
    def text(self) -> str:
        return f"{self.row.function} {self.row.module}:{self.row.line} {self.row.file}"

    @property
    def interval(self) -> float | None:
        """Half the width of the 95 % interval of `own_share`; None when it is not known."""
        low, high = self.row.own_low, self.row.own_high
        return None if low is None or high is None else (high - low) / 2


@dataclass(frozen=True, slots=True)
class Page:
    """What one refresh shows: entries in no particular order, and what their shares are of."""

    entries: list[Entry] = field(default_factory=list)
    native_known: bool = False
    seconds: float = 0.0
    duration: float = 0.0


class HotRows:
    """Lines or functions, kept from refresh to refresh: since-reset figures and trends once a second."""

    def __init__(self, by: By) -> None:
        self.by = by
        self._since = Table(Choice().since_reset(by))
        self._since_at = float("-inf")
        self._absent: dict[Key, Row] = {}
        self._history: deque[tuple[float, dict[Key, float]]] = deque()

    def forget(self) -> None:
        """Everything is looked at afresh next time: the profile was reset."""
        self._since_at = float("-inf")
        self._history.clear()

    def collect(self, profile: Profile, choice: Choice, now: float) -> Page:
        """The rows of this moment; `now` in seconds of any steady clock."""
        wanted = choice.since_reset(self.by)
        if wanted != self._since.query:
            self.forget()
        slow = now - self._since_at >= SLOW
        if slow:
            self._since = profile.rows(wanted)
            self._since_at = now
            self._absent.clear()
        table = profile.rows(choice.query(self.by)) if choice.recent else self._since
        entries = self._entries(table)
        if slow and choice.recent:
            self._remember(now, entries)
        self._mark_trends(now, entries)
        return Page(entries, table.native_known or self._since.native_known, table.seconds, table.duration)

    def _entries(self, table: Table) -> list[Entry]:
        if table is self._since:
            return [
                Entry(row.key, row, row.own_share, row.total_share, row.own, row.total) for row in table.rows
            ]
        recent = {row.key: row for row in table.rows}
        entries = []
        for since in self._since.rows:
            row = recent.pop(since.key, None)
            if row is None:
                row = self._absent.get(since.key)
                if row is None:
                    row = self._absent[since.key] = _without_window(since)
                entries.append(Entry(since.key, row, 0.0, 0.0, since.own, since.total))
            else:
                entries.append(
                    Entry(
                        row.key,
                        row,
                        row.own_share,
                        row.total_share,
                        max(row.own, since.own),
                        max(row.total, since.total),
                    )
                )
        # Lines that ran for the first time since the last slow look: their window is all there is.
        entries.extend(
            Entry(row.key, row, row.own_share, row.total_share, row.own, row.total) for row in recent.values()
        )
        return entries

    def _remember(self, now: float, entries: list[Entry]) -> None:
        self._history.append((now, {entry.key: entry.own_share for entry in entries if entry.own_share}))
        while len(self._history) > 1 and self._history[1][0] <= now - TREND_AGE:
            self._history.popleft()

    def _mark_trends(self, now: float, entries: list[Entry]) -> None:
        if not self._history or now - self._history[0][0] < TREND_AGE:
            return
        before = self._history[0][1]
        for entry in entries:
            then = before.get(entry.key, 0.0)
            change = entry.own_share - then
            # As much as the interval of the share itself is noise, and less than a point is not news.
            if abs(change) > max(0.01, entry.interval or 0.0, 0.1 * then):
                entry.trend = 1 if change > 0 else -1


def _without_window(row: Row) -> Row:
    """A row that did not run in the window: its name only, so that no old figure passes for a new one."""
    return Row(
        row.key,
        row.file,
        row.line,
        row.function,
        row.module,
        row.process,
        row.task,
        0.0,
        0.0,
        0.0,
        0.0,
        kind=row.kind,
        file_id=row.file_id,
        function_id=row.function_id,
        tid=row.tid,
    )
