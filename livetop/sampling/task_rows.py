"""Tasks as they are told: to the interface, in a message, and to whoever asks for a dump."""

from __future__ import annotations

from collections.abc import Sequence

from livetop.cpython.code import Code
from livetop.cpython.greenlets import PARKED, RUNNING, UNREADABLE, GreenletInfo
from livetop.cpython.tasks import TaskInfo
from livetop.target.errors import MemoryFault, ProcessGone
from livetop.wire.messages import Task, Tasks

from .member import Member

# Of one message: tasks, coroutines of each, and names of those that await one.
MAX_ROWS = 1_000
_MAX_FRAMES = 8
_MAX_AWAITERS = 4
# Those that do something come first, where not all are told.
_ORDER = {"running": 0, "ready": 1, "waiting": 2}


def tasks_message(members: Sequence[Member], now: float) -> Tasks:
    """What there is to tell of the tasks of these processes. Their files are defined by it."""
    rows: list[Task] = []
    total, whole = 0, True
    refusals: list[str] = []
    for member in members:
        try:
            watch = member.sampler.watch_tasks()
            watch.look(now)
        except (ProcessGone, MemoryFault):
            # The next tick meets it, too, and says so.
            continue
        if watch.refusal and not watch.greenlets.used:
            refusals.append(watch.refusal)
            continue
        greenlets = list(watch.greenlets.infos.values())
        rows += [_greenlet(member, greenlet) for greenlet in greenlets[: MAX_ROWS - len(rows)]]
        total += len(greenlets)
        total += len(watch.infos)
        whole &= watch.whole
        infos = sorted(watch.infos.values(), key=lambda info: _ORDER.get(info.state, 3))
        for info in infos[: MAX_ROWS - len(rows)]:
            rows.append(
                Task(
                    info.address,
                    member.number,
                    info.name,
                    "task",
                    info.state,
                    info.waits_for,
                    _frames(member, info.frames),
                    max(0, len(info.frames) - _MAX_FRAMES),
                    names_of_awaiters(info, watch.infos),
                    watch.share(info.address),
                    _tid(member, info),
                )
            )
    note = refusals[0] if refusals and not rows else ""
    return Tasks(rows, total, whole and len(rows) == total, note)


def _frames(member: Member, frames: Sequence[tuple[Code, int]]) -> list[tuple[str, int, int]]:
    names = member.names
    return [(code.name, names.definitions.file(code, names), line) for code, line in frames[:_MAX_FRAMES]]


def _greenlet(member: Member, info: GreenletInfo) -> Task:
    watch = member.sampler.watch_tasks()
    frames = watch.greenlets.frames(info)
    return Task(
        info.address,
        member.number,
        info.name,
        "greenlet",
        RUNNING if info.state == RUNNING else PARKED,
        UNREADABLE if info.state == UNREADABLE else info.waits_for,
        _frames(member, frames),
        max(0, len(frames) - _MAX_FRAMES),
        [],
        watch.share(info.address) if watch.greenlets.tells_running else None,
        _tid(member, info),
    )


def names_of_awaiters(info: TaskInfo, infos: dict[int, TaskInfo]) -> list[str]:
    """The names of some of those that wait for a task."""
    return [infos[address].name for address in info.awaited_by[:_MAX_AWAITERS] if address in infos]


def _tid(member: Member, info: TaskInfo | GreenletInfo) -> int:
    thread = member.sampler.roster.by_state.get(info.thread)
    return thread.tid if thread is not None else 0
