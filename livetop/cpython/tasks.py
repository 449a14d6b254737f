"""All asyncio tasks of a process: what each is called, where it is, what it waits for, and who awaits it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .code import Code, CodeReader
from .coroutines import Chain, Coroutines
from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError
from .task_layouts import COROUTINES, TASKS, TaskLayout
from .task_lists import MAX_TASKS, TaskAddress, TaskLists
from .task_look import TaskLook
from .task_members import TaskMembers
from .task_records import TaskRecord, TaskRecords
from .task_waits import TaskWaits
from .threads import Interpreter
from .type_names import TypeNames

RUNNING, READY, WAITING = "running", "ready", "waiting"
_MAX_AWAITERS = 64
# Tasks, and what they await, that are linked between two looks at the clock.
_LINKED = 500
# Seconds for which names of types and members of containers are believed: another may lie there then.
_BELIEVED = 1.0


@dataclass(slots=True)
class TaskInfo:
    """One task.

    `frames`: (code, line) of its coroutines, innermost first; of one that runs, of its own coroutine only.
    `own_name`: the program named it. `waits_for`: "" unless it waits. `awaits`, `awaited_by`: addresses of
    other tasks; of the latter some may be gone, or no tasks. `root`: address of its coroutine's frame, 0 when
    it has none; `code`: that of its code object. `thread`: address of the thread state that runs its loop, 0
    when that is not known.
    """

    address: int
    name: str
    own_name: bool
    state: str
    coroutine: str
    frames: list[tuple[Code, int]]
    waits_for: str
    root: int
    code: int
    thread: int
    loop: int
    stamp: tuple[int, bytes] = (0, b"")
    """(address, bytes that are there as long as it is the same task with the same name)."""
    awaits: tuple[int, ...] = ()
    awaited_by: list[int] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What stacks are grouped by: its name, or, as Task-7 tells nobody anything, its coroutine."""
        return self.name if self.own_name or not self.coroutine else self.coroutine


class Tasks:
    """Reads the tasks of one process; None of it can be had for a version without tables (`supported`)."""

    def __init__(
        self, memory: Memory, layout: Layout, codes: CodeReader, stated: TaskLayout | None = None
    ) -> None:
        self._memory = memory
        self._types = TypeNames(memory, layout)
        objects = ObjectReader(memory, layout)
        self._objects = objects
        self._coroutines = Coroutines(memory, layout, COROUTINES[layout.version], self._types, codes)
        self._lists = TaskLists(memory, layout, objects)
        self._records = TaskRecords(memory, layout, objects, self._types, stated)
        self._awaiting = TaskMembers(self._lists)
        self._waits = TaskWaits(
            memory, layout, objects, self._types, self._coroutines, self._lists, self._records
        )

    @staticmethod
    def supported(layout: Layout) -> bool:
        """Whether the tasks of this version can be read."""
        return layout.version in COROUTINES and layout.version in TASKS

    def read(
        self, interpreters: Sequence[Interpreter], threads: Sequence[int], now: float
    ) -> dict[int, TaskInfo]:
        """All tasks by address, as they are at about this moment: the program runs on meanwhile.

        `threads`: addresses of thread states.
        """
        look = TaskLook(lambda look: self._look(look, interpreters, threads, sliced=False), MAX_TASKS)
        look.advance(now, float("inf"))
        return look.infos

    def look(self, interpreters: Sequence[Interpreter], threads: Sequence[int]) -> TaskLook:
        """The same, a slice at a time. There is one such look at a time."""
        return TaskLook(lambda look: self._look(look, interpreters, threads, sliced=True))

    def running(
        self, interpreters: Sequence[Interpreter], threads: Sequence[int], now: float
    ) -> dict[int, TaskInfo]:
        """Only those that run now: some of what `read` finds, at once."""
        found = self._lists.running(interpreters, threads, self._records.layout)
        look = TaskLook(lambda look: self._all_of(look, [TaskAddress(task, 0) for task in found]), MAX_TASKS)
        look.advance(now, float("inf"))
        return look.infos

    def _look(
        self, look: TaskLook, interpreters: Sequence[Interpreter], threads: Sequence[int], *, sliced: bool
    ) -> Iterator[None]:
        self._types.forget()
        self._objects.forget()
        self._waits.forget()
        self._awaiting.forget()
        found: list[TaskAddress] = []
        lists = self._lists
        yield from lists.look(interpreters, threads, self._records.layout, found, sliced=sliced)
        whole, began = lists.whole, look.now
        yield from self._all_of(look, found)
        # Where some have ended since they were found, others have begun.
        look.whole = whole and (len(look.infos) == len(found) or look.now - began <= _BELIEVED)

    def _all_of(self, look: TaskLook, found: Sequence[TaskAddress]) -> Iterator[None]:
        """Read these tasks, some at a time, and what they have to do with each other."""
        at, fresh = 0, look.now
        while at < len(found):
            if look.now - fresh > _BELIEVED:
                fresh = look.now
                self._types.forget()
                self._waits.renew()
                self._awaiting.renew()
            began = monotonic()
            some = found[at : at + look.at_once]
            at += len(some)
            self._some_of(look, dict(some))
            look.adapt(monotonic() - began)
            yield
        yield from self._link(look)

    def _some_of(self, look: TaskLook, thread_of: dict[int, int]) -> None:
        # Those that are done are only kept by who wants their result: asyncio does not list them either.
        records = [one for one in self._records.read(list(thread_of)) if one is not None and not one.done]
        chains = self._coroutines.chains([record.coro for record in records], look.now, look.links)
        look.links -= sum(len(chain.links) + 1 for chain in chains)
        futures = self._records.futures([record.waiter for record in records])
        known: list[TaskRecord] = []
        for record, chain, future in zip(records, chains, futures, strict=True):
            info = self._info(record, chain, future, thread_of[record.address], look.now)
            if info is not None:
                look.infos[info.address] = info
                known.append(record)
        for record, woken in zip(known, self._records.woken_by(known), strict=True):
            awaiters = tuple(self._awaiters(record)) if record.awaited_by else ()
            if woken or awaiters:
                look.woken[record.address] = (woken, *awaiters[:_MAX_AWAITERS]) if woken else awaiters

    def _info(
        self, record: TaskRecord, chain: Chain, future: tuple[int, bool], thread: int, now: float
    ) -> TaskInfo | None:
        if not (chain.links or record.name or record.number):
            # Nothing of it can be told from garbage.
            return None
        links = chain.links
        places = [self._coroutines.place(link, now) for link in links]
        frames = [place for place in reversed(places) if place is not None]
        kind, done = future
        state = RUNNING if chain.state == RUNNING else WAITING if record.waiter and not done else READY
        waits = ""
        awaits: tuple[int, ...] = ()
        if state == WAITING:
            waits, awaits = self._waits.of(record.waiter, kind, links, places)
        coroutine = frames[-1][0].name if frames else ""
        name = record.name or (f"Task-{record.number}" if record.number else coroutine or "task")
        root = links[0] if links else None
        return TaskInfo(
            record.address,
            name,
            record.name is not None,
            state,
            coroutine,
            frames,
            waits,
            root.frame if root else 0,
            root.code if root else 0,
            thread,
            record.loop,
            record.stamp,
            awaits,
        )

    def _link(self, look: TaskLook) -> Iterator[None]:
        """Say of each task by whom it is awaited, and name the task that one waits for."""
        infos = look.infos
        done = 0
        for info in infos.values():
            info.awaits = tuple(address for address in info.awaits if address in infos)
            for address in info.awaits:
                _add(infos[address].awaited_by, info.address)
                done += 1
                if not done % _LINKED:
                    yield
            if info.waits_for in ("task", "wait_for") and info.awaits:
                info.waits_for = f"{info.waits_for} {infos[info.awaits[0]].name}"
            done += 1
            if not done % _LINKED:
                yield
        for task, awaiters in look.woken.items():
            by = infos[task].awaited_by
            for address in awaiters:
                if len(by) >= _MAX_AWAITERS:
                    break
                _add(by, address)
            done += 1
            if not done % _LINKED:
                yield

    def _awaiters(self, record: TaskRecord) -> Sequence[int]:
        """Those that CPython itself says await a task (3.14 on): futures among them."""
        if not record.awaited_by_is_set:
            return [record.awaited_by]
        try:
            return self._awaiting.of_set(record.awaited_by).addresses
        except (ObjectError, MemoryFault):
            return []


def _add(known: list[int], address: int) -> None:
    if len(known) < _MAX_AWAITERS and address not in known:
        known.append(address)


def awaiters_of(infos: dict[int, TaskInfo], address: int, limit: int = 16) -> list[TaskInfo]:
    """The task, the first one that awaits it, the first one that awaits that ...: innermost first."""
    found: list[TaskInfo] = []
    seen: set[int] = set()
    while address in infos and address not in seen and len(found) < limit:
        seen.add(address)
        info = infos[address]
        found.append(info)
        address = next((task for task in info.awaited_by if task in infos), 0)
    return found


__all__ = ["MAX_TASKS", "TaskInfo", "Tasks", "awaiters_of"]
