"""Rows of the Threads view: each thread with what it used and does; those that run no Python on demand."""

from __future__ import annotations

from dataclasses import dataclass

from livetop.profile.info import ThreadInfo
from livetop.profile.model import Profile
from livetop.profile.rows import Row
from livetop.tui.choice import Choice
from livetop.tui.entries import Entry, HotRows, Page

_WORDS = {"running": "running", "gil": "GIL", "wait": "waiting", "idle": "idle", "gone": "ended", "": ""}


@dataclass(slots=True)
class ThreadEntry(Entry):
    """A thread's row."""

    info: ThreadInfo | None = None

    @property
    def state(self) -> str:
        """What it does, in a word; "" where that is not known."""
        return _WORDS.get(self.info.state, self.info.state) if self.info else ""

    @property
    def language(self) -> str:
        """What there is to say of a thread that runs no Python."""
        return "" if self.info is None or self.info.python else "no Python"

    @property
    def runs_python(self) -> bool:
        return self.info is None or self.info.python

    @property
    def text(self) -> str:
        return f"{self.row.function} {self.row.tid or ''} {self.state} {self.language}"


class ThreadRows(HotRows):
    """Threads, from refresh to refresh."""

    def __init__(self) -> None:
        super().__init__("thread")

    def collect(self, profile: Profile, choice: Choice, now: float) -> Page:
        """The rows of this moment; `now` in seconds of a steady clock."""
        page = super().collect(profile, choice, now)
        known = {entry.key: entry for entry in page.entries}
        entries: list[Entry] = []
        for info in profile.threads.values():
            entry = known.get(("thread", info.id))
            listed = info.is_listed or choice.foreign
            alive = info.state != "gone" and choice.process in (None, info.process)
            if entry is not None or (alive and listed and choice.thread in (None, info.id)):
                entries.append(_entry(profile, info, entry))
        return Page(entries, page.native_known, page.seconds, page.duration)


def _entry(profile: Profile, info: ThreadInfo, entry: Entry | None) -> ThreadEntry:
    if entry is None:
        row = _without_time(profile, info)
        return ThreadEntry(row.key, row, 0.0, 0.0, 0.0, 0.0, info=info)
    return ThreadEntry(
        entry.key,
        entry.row,
        entry.own_share,
        entry.total_share,
        entry.own,
        entry.total,
        entry.trend,
        info=info,
    )


def _without_time(profile: Profile, info: ThreadInfo) -> Row:
    process = profile.processes.get(info.process)
    key, pid = ("thread", info.id), process.pid if process else None
    return Row(key, "", None, info.name, "", pid, None, 0.0, 0.0, 0.0, 0.0, kind="thread", tid=info.tid)
