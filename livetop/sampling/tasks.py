"""Which asyncio task a thread runs, and which tasks there are: one process under watch.

A coroutine's frame stays at its address as long as the coroutine lives, so a stack tells its task by the
addresses of its frames: nothing is added to what a tick reads. What is known of tasks is looked up afresh
once a second, and when a coroutine is met that is not known, as far as errands allow. A look at many tasks is
done in slices between ticks; what was known before stands until it is complete.
"""

from __future__ import annotations

import struct
from collections import Counter, deque

from livetop.cpython.asyncio_module import stated_layout
from livetop.cpython.code import Code, CodeReader
from livetop.cpython.runtime import Runtime
from livetop.cpython.task_look import TaskLook
from livetop.cpython.tasks import TaskInfo, Tasks, awaiters_of
from livetop.cpython.tree import Place
from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory
from livetop.target.process import Process

from .errands import Errands
from .greenlets import GreenletWatch
from .roster import Roster
from .task_places import TaskPlaces
from .watched import Watched

# Seconds between two looks at all tasks, and of looking at once: ticks must not wait for long.
_EVERY = 1.0
_SLICE = 0.002
# Seconds after which what was found of many tasks is told before all were looked at.
_PATIENCE = 2.0
# Seconds that shares are of, in stretches of so many.
_STRETCHES = 5
_STRETCH = 1.0
_MAX_AWAITERS = 8
_MAX_PLACES = 20_000
# CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR (Include/cpython/code.h).
_COROUTINE = 0x80 | 0x100 | 0x200
_U32 = struct.Struct("<I")


class TaskWatch:
    """The tasks of one process. Times are monotonic seconds.

    `stacks`: whether samples are charged to places below their task. Without tables for this version
    (`refusal`) there are no tasks.
    """

    def __init__(
        self,
        process: Process,
        memory: Memory,
        runtime: Runtime,
        codes: CodeReader,
        roster: Roster,
        errands: Errands,
    ) -> None:
        self.stacks = False
        self.infos: dict[int, TaskInfo] = {}
        """By the task's address."""
        self.greenlets = GreenletWatch(memory, runtime.layout, codes, roster, errands)
        self.places = TaskPlaces()
        self.refusal = ""
        self._memory = memory
        self._flags_at = runtime.layout.code_flags
        self._roster = roster
        self._reader: Tasks | None = None
        if Tasks.supported(runtime.layout):
            self._reader = Tasks(memory, runtime.layout, codes, stated_layout(process, memory))
        else:
            self.refusal = "tasks of this version cannot be read"
        self._by_frame: dict[int, TaskInfo] = {}
        self._labels: dict[int, tuple[str, ...]] = {}
        self._coroutines: dict[Code, bool] = {}
        self._roots: dict[Place, Code | None] = {}
        self._looking = errands.errand("tasks")
        self._meeting = errands.errand("meeting")
        # The look that is under way, when it began, and what was met meanwhile.
        self._look: TaskLook | None = None
        self._looked = float("-inf")
        self._met: dict[int, TaskInfo] = {}
        # Whether a look was completed, and has found all there are.
        self._complete = self._whole = False
        self._asked = 0.0
        self._stretched = 0.0
        self._samples: deque[Counter[int]] = deque([Counter()], maxlen=_STRETCHES)

    @property
    def whole(self) -> bool:
        """Whether all tasks and greenlets there are were found."""
        return (self._reader is None or self._whole) and self.greenlets.whole

    @property
    def listed(self) -> dict[int, TaskInfo]:
        """The tasks to tell of, by address: until all were looked at once, those that were."""
        return self.infos if self._complete or self._look is None else {**self.infos, **self._look.infos}

    def ready(self, now: float) -> bool:
        """Whether there is something to tell: many tasks are not waited for for long."""
        self._asked = self._asked or now
        return self._complete or self._reader is None or now - self._asked >= _PATIENCE

    # ------------------------------------------------------------------ looking them up

    def look(self, now: float) -> None:
        """Go on with what is due, for a few milliseconds at most: several times a second, between ticks."""
        if now - self._stretched >= _STRETCH:
            self._stretched = now
            self._samples.append(Counter())
        if not self._roster.interpreters:
            # Nobody has looked who is there yet.
            return
        self.greenlets.look(now)
        if (self._look is not None or now - self._looked >= _EVERY) and self._looking.allows(now):
            self._go_on(now)

    def _go_on(self, now: float) -> bool:
        """Look at some tasks; True when all were looked at."""
        if self._reader is None:
            return False
        # One that fails is not gone on with.
        look, self._look = self._look, None
        if look is None:
            self._looked = now
            self._met.clear()
            look = self._reader.look(self._roster.interpreters, list(self._roster.by_state))
        with self._looking:
            if not look.advance(now, _SLICE):
                self._look = look
                return False
            self._take(look)
        return True

    def _take(self, look: TaskLook) -> None:
        """All tasks were looked at; those that began meanwhile are known if they were met."""
        met = {address: info for address, info in self._met.items() if address not in look.infos}
        self.infos = look.infos | {address: info for address, info in met.items() if self._is_same(info)}
        self._by_frame = {info.root: info for info in self.infos.values() if info.root}
        self._labels.clear()
        self._complete, self._whole = True, look.whole

    def _look_again(self, now: float) -> bool:
        """A coroutine that is not known was met: look its task up, if there is time for that."""
        if self._reader is None:
            return False
        if self._look is None and self._looking.allows(now) and self._go_on(now):
            return True
        if not self._meeting.allows(now):
            return False
        with self._meeting:
            found = self._reader.running(self._roster.interpreters, list(self._roster.by_state), now)
            for address, info in found.items():
                before = self.infos.get(address)
                if before is not None:
                    info.awaited_by = before.awaited_by
                self.infos[address] = self._met[address] = info
                self._by_frame[info.root] = info
                self._labels.pop(address, None)
        return True

    # ------------------------------------------------------------------ samples

    def key(self, thread: Watched, place: Place, now: float, *, running: bool) -> Place:
        """What a sample of this thread, whose stack was just parsed to `place`, is charged to."""
        info = self._current(thread, now)
        root = None
        if info is None:
            root = self._root_of(place)
            if root is not None and self._look_again(now):
                info = self._current(thread, now)
        greenlet = ""
        runs = info.address if info is not None else 0
        if info is None and root is None and self.greenlets.used:
            greenlet = self.greenlets.name(thread, place)
            if (one := self.greenlets.current(thread)) is not None:
                runs = one.address
        if running:
            self._samples[-1][runs] += 1
        if not self.stacks:
            return place
        if info is not None:
            return self.places.place(self._labels_of(info), place)
        if greenlet:
            return self.places.place((greenlet,), place, "greenlet")
        # A coroutine whose task has ended meanwhile, or that is run by something else than asyncio.
        return self.places.place((root.name,), place) if root is not None else place

    def current(self, thread: Watched, now: float) -> TaskInfo | None:
        """The task that a thread runs, whose stack was just parsed; None when it is not in any."""
        return self._current(thread, now)

    def _current(self, thread: Watched, now: float) -> TaskInfo | None:
        known = self._by_frame
        if not known:
            return None
        for frame in thread.reader.frames():
            info = known.get(frame)
            if info is None:
                continue
            if self._is_same(info):
                return info
            # Another coroutine lies there now.
            del known[frame]
            self.infos.pop(info.address, None)
            self._labels.pop(info.address, None)
            return None
        return None

    def _is_same(self, info: TaskInfo) -> bool:
        at, stamp = info.stamp
        try:
            return not at or self._memory.read(at, len(stamp)) == stamp
        except MemoryFault:
            return False

    def _labels_of(self, info: TaskInfo) -> tuple[str, ...]:
        found = self._labels.get(info.address)
        if found is None:
            labels: list[str] = []
            for task in awaiters_of(self.infos, info.address, _MAX_AWAITERS):
                if not labels or labels[-1] != task.label:
                    labels.append(task.label)
            found = self._labels[info.address] = tuple(reversed(labels)) or (info.label,)
        return found

    def _root_of(self, place: Place) -> Code | None:
        """The outermost coroutine of a stack."""
        if place in self._roots:
            return self._roots[place]
        if len(self._roots) >= _MAX_PLACES:
            self._roots.clear()
        found = next((code for code, _ in reversed(place.frames()) if self._is_coroutine(code)), None)
        self._roots[place] = found
        return found

    def _is_coroutine(self, code: Code) -> bool:
        if code.kind != "python":
            return False
        known = self._coroutines.get(code)
        if known is None:
            try:
                (flags,) = _U32.unpack(self._memory.read(code.address + self._flags_at, 4))
            except MemoryFault:
                flags = 0
            known = self._coroutines[code] = bool(flags & _COROUTINE)
        return known

    # ------------------------------------------------------------------ what was seen

    def share(self, address: int) -> float:
        """A task's part of all samples of running threads, lately."""
        whole = sum(stretch.total() for stretch in self._samples)
        return sum(stretch[address] for stretch in self._samples) / whole if whole else 0.0

    def forget_places(self) -> None:
        """The stack trees begin anew."""
        self.places.reset()
        self._roots.clear()
        self._coroutines.clear()
        self.greenlets.forget_places()
