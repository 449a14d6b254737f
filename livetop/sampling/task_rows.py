"""Tasks as they are told: to the interface, in a message, and to whoever asks for a dump."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

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
# Seconds that beginning to look at the tasks of processes may take at once.
_BEGINNING = 0.005
# Those that do something come first, where not all are told.
_ORDER = {"running": 0, "ready": 1, "waiting": 2}


def tasks_message(members: Sequence[Member], now: float) -> Tasks | None:
    """What there is to tell of the tasks of these processes, None while nothing is known yet.

    Their files are defined by it.
    """
    rows: list[Task] = []
    total, whole = 0, True
    refusals: list[str] = []
    watched = _watched(members)
    if watched and not any(member.sampler.watch_tasks().ready(now) for member in watched):
        return None
    whole = len(watched) == len(members)
    for member in watched:
        watch = member.sampler.watch_tasks()
        if watch.refusal and not watch.greenlets.used:
            refusals.append(watch.refusal)
            continue
        greenlets = list(watch.greenlets.infos.values())
        rows += [_greenlet(member, greenlet) for greenlet in greenlets[: MAX_ROWS - len(rows)]]
        total += len(greenlets)
        known = watch.listed
        total += len(known)
        whole &= watch.whole
        infos = sorted(known.values(), key=lambda info: _ORDER.get(info.state, 3))
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
                    names_of_awaiters(info, known),
                    watch.share(info.address),
                    _tid(member, info),
                )
            )
    note = refusals[0] if refusals and not rows else ""
    return Tasks(rows, total, whole and len(rows) == total, note)


def _watched(members: Sequence[Member]) -> list[Member]:
    """Those whose tasks are looked at, from now on at least: to begin with all at once may take too long."""
    found: list[Member] = []
    until = monotonic() + _BEGINNING
    for member in members:
        try:
            if member.sampler.subject.tasks is None:
                if monotonic() >= until:
                    continue
                member.sampler.watch_tasks()
            found.append(member)
        except (ProcessGone, MemoryFault):
            # The next tick meets it, too, and says so.
            continue
    return found


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
