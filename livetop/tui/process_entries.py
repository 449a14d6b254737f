"""Rows of the Processes view: each process that was read, with what it used, and children that are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from livetop.export.process_names import command, state_of
from livetop.profile.info import ProcessInfo
from livetop.profile.model import Profile
from livetop.profile.rows import Row
from livetop.tui.choice import Choice
from livetop.tui.entries import Entry, HotRows, Page


@dataclass(slots=True)
class ProcessEntry(Entry):
    """A process's row; `threads` that live."""

    info: ProcessInfo | None = None
    threads: int = 0

    @property
    def command(self) -> str:
        return command(self.info.argv) if self.info else self.row.function

    @property
    def state(self) -> str:
        """What there is to say beside its name, "" for one that is watched."""
        return state_of(self.info) if self.info else ""

    @property
    def text(self) -> str:
        python = self.info.python if self.info else ""
        return f"{self.row.process} {self.command} {python} {self.state}"


class ProcessRows(HotRows):
    """Processes, from refresh to refresh."""

    def __init__(self) -> None:
        super().__init__("process")

    def collect(self, profile: Profile, choice: Choice, now: float) -> Page:
        """The rows of this moment; `now` in seconds of a steady clock."""
        page = super().collect(profile, choice, now)
        known = {entry.key: entry for entry in page.entries}
        alive = Counter(thread.process for thread in profile.threads.values() if thread.state != "gone")
        entries: list[Entry] = []
        for info in profile.processes.values():
            entry = known.get(("process", info.id))
            if entry is None and not _is_worth_a_row(info):
                continue
            entries.append(_entry(info, entry, alive[info.id] if info.state == "watched" else 0))
        return Page(entries, page.native_known, page.seconds, page.duration)


def _is_worth_a_row(info: ProcessInfo) -> bool:
    """Whether a process is, that used no time: one that lives, or a Python that could not be read."""
    return info.state not in ("gone", "starting") or (info.is_read and not info.parent)


def _entry(info: ProcessInfo, entry: Entry | None, threads: int) -> ProcessEntry:
    row = entry.row if entry is not None else _without_time(info)
    return ProcessEntry(
        row.key,
        row,
        entry.own_share if entry else 0.0,
        entry.total_share if entry else 0.0,
        entry.own if entry else 0.0,
        entry.total if entry else 0.0,
        entry.trend if entry else 0,
        info=info,
        threads=threads,
    )


def _without_time(info: ProcessInfo) -> Row:
    key = ("process", info.id)
    name = " ".join(info.argv)
    return Row(key, "", None, name, "", info.pid, None, 0.0, 0.0, 0.0, 0.0, kind="process")
