"""Rows of the Tasks view: what every task does now, while the target lives; what each used, of a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from livetop.profile.info import TaskFrame, TaskList, TaskState
from livetop.profile.model import Profile
from livetop.profile.rows import Row
from livetop.tui.choice import Choice
from livetop.tui.entries import Entry, Page

_RANKS = {"running": 0, "ready": 1, "waiting": 2, "parked": 3}
_OWN_LIBRARY = ("asyncio/", "gevent/")
"""Modules whose lines say less than that of the program which waits there."""


@dataclass(slots=True)
class TaskEntry(Entry):
    """A task's row: its place is the program's own line. `task` is None in a snapshot."""

    task: TaskState | None = None
    frames: tuple[tuple[str, str], ...] = ()
    """(function, module:line), innermost first."""

    @property
    def state(self) -> str:
        return self.task.state if self.task else ""

    @property
    def state_order(self) -> str:
        """Its state as it sorts: those that run first."""
        return f"{_RANKS.get(self.state, 9)}{self.state}"

    @property
    def waits_for(self) -> str:
        return self.task.waits_for if self.task else ""

    @property
    def awaited_by(self) -> str:
        return ", ".join(self.task.awaited_by) if self.task else ""

    @property
    def coroutine(self) -> str:
        """What the task is of, where its name does not tell and it is known."""
        named = self.task is None or not self.task.name.startswith("Task-")
        return "" if named or not self.frames or (self.task and self.task.left_out) else self.frames[-1][0]

    @property
    def chain(self) -> str:
        """The coroutines that it is in, innermost first."""
        names = [f"{function} {place.rpartition('/')[2]}" for function, place in self.frames]
        left = self.task.left_out if self.task else 0
        return " < ".join([*names, *([f"({left} more)"] if left else [])])

    @property
    def text(self) -> str:
        places = " ".join(f"{function} {place}" for function, place in self.frames)
        return (
            f"{self.row.function} {self.coroutine} {self.state} {self.waits_for} {self.awaited_by} {places}"
        )


class TaskRows:
    """Tasks, from refresh to refresh."""

    def forget(self) -> None:
        """Nothing is kept."""

    def collect(self, profile: Profile, choice: Choice, now: float) -> Page:
        """The rows of this moment; `now` in seconds of a steady clock."""
        table = profile.rows(choice.query("task"))
        if profile.tasks is None:
            rows = [row for row in table.rows if row.task is not None or len(table.rows) > 1]
            entries: list[Entry] = [_of_row(row) for row in rows]
        else:
            entries = _of_list(profile, profile.tasks, choice)
        return Page(entries, False, table.seconds, table.duration)


def _of_row(row: Row) -> Entry:
    return TaskEntry(row.key, row, row.own_share, row.total_share, row.own, row.total)


def _of_list(profile: Profile, found: TaskList, choice: Choice) -> list[Entry]:
    tid = None
    if choice.thread is not None and (thread := profile.threads.get(choice.thread)) is not None:
        tid = thread.tid
    ranked = sorted(found.tasks, key=lambda task: (_RANKS.get(task.state, 9), task.name))
    # A task whose thread is not known may belong to any.
    return [_of_task(profile, task) for task in ranked if tid is None or task.tid in (0, tid)]


def _of_task(profile: Profile, task: TaskState) -> Entry:
    names = profile.names
    places = tuple((frame.function, f"{names.file(frame.file).module}:{frame.line}") for frame in task.frames)
    at = _own_frame(profile, task)
    file = names.file(at.file) if at is not None else None
    process = profile.processes.get(task.process)
    row = Row(
        ("task", task.process, task.id),
        file.name if file else "",
        at.line if at is not None else None,
        task.name,
        file.module if file else "",
        process.pid if process else None,
        task.name,
        0.0,
        0.0,
        task.share or 0.0,
        task.share or 0.0,
        kind=task.kind,
        file_id=at.file if at is not None else 0,
        tid=task.tid or None,
    )
    return TaskEntry(row.key, row, task.share or 0.0, task.share or 0.0, 0.0, 0.0, task=task, frames=places)


def _own_frame(profile: Profile, task: TaskState) -> TaskFrame | None:
    """The innermost line that is the program's own."""
    for frame in task.frames:
        if not profile.names.file(frame.file).module.startswith(_OWN_LIBRARY):
            return frame
    return task.frames[0] if task.frames else None


def why_no_tasks(profile: Profile, *, live: bool) -> str:
    """What to say where there are no rows."""
    found = profile.tasks
    if not live:
        return "no task was recorded: --async has samples go by their task"
    if found is None:
        return "asking for the tasks ..."
    return found.note or "no tasks of asyncio, and no greenlets, in this process"
