"""Where a process keeps its asyncio tasks: the addresses of all of them.

From 3.14 on tasks of asyncio's own class are in linked lists, one a thread, and one an interpreter for those
whose thread has ended (Modules/_asynciomodule.c, register_task). Others, and all of them before, are in sets
of module asyncio.tasks: a WeakSet of all (`_all_tasks`, from 3.12 on `_scheduled_tasks`), and those that run
before they were ever scheduled (`_eager_tasks`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError
from .task_layouts import TaskLayout
from .threads import Interpreter

MAX_TASKS = 20_000
"""Tasks of one process that are looked at; how many more there are is not counted."""
_MAX_SLOTS = 1 << 17
_MAX_LOOPS = 1024
_DELETED = (1 << 64) - 1

_U64 = struct.Struct("<Q")
_WEAK_SETS = ("_scheduled_tasks", "_all_tasks")
_SETS = ("_eager_tasks",)


class TaskAddress(NamedTuple):
    """A task's address, and that of the thread state whose list it is in (0: not known)."""

    address: int
    thread: int


class TaskLists:
    """Finds the tasks of one process. Raises MemoryFault only where the process itself cannot be read."""

    def __init__(self, memory: Memory, layout: Layout, objects: ObjectReader) -> None:
        self._memory = memory
        self._o = layout
        self._objects = objects
        # The names of asyncio.tasks in each interpreter: found once, as sys.modules may be large.
        self._names: dict[Interpreter, int] = {}
        # node -> next node, as of the last look: most of a long list is read ahead at once.
        self._next: dict[int, int] = {}
        self.whole = True
        """Whether the last look found all tasks there are."""

    def find(
        self, interpreters: Sequence[Interpreter], threads: Iterable[int], layout: TaskLayout
    ) -> list[TaskAddress]:
        """The tasks of these interpreters and thread states (addresses), each once, at most MAX_TASKS."""
        self.whole = True
        found: dict[int, int] = {}
        if layout.node is not None:
            self._follow_lists(interpreters, threads, layout, found)
        for interpreter in interpreters:
            for address, weak in self._sets_of(interpreter):
                try:
                    members = self.members(address)
                    if weak:
                        at = self._o.weakref_object
                        data = self._memory.read_many([(reference + at, 8) for reference in members])
                        members = [_U64.unpack(word)[0] for word in data if word]
                except (ObjectError, MemoryFault):
                    continue
                for task in members:
                    if len(found) >= MAX_TASKS:
                        self.whole = False
                        break
                    if task:
                        found.setdefault(task, 0)
        return [TaskAddress(task, thread) for task, thread in found.items()]

    # ------------------------------------------------------------------ linked lists (3.14 on)

    def _follow_lists(
        self,
        interpreters: Iterable[Interpreter],
        threads: Iterable[int],
        layout: TaskLayout,
        found: dict[int, int],
    ) -> None:
        assert layout.head_of_thread is not None and layout.head_of_interpreter is not None
        heads = [(state, state + layout.head_of_thread) for state in threads]
        heads += [(0, interpreter.address + layout.head_of_interpreter) for interpreter in interpreters]
        known = list(self._next)
        ahead = dict(zip(known, self._memory.read_many([(node, 8) for node in known]), strict=True))
        self._next = {}
        assert layout.node is not None
        for thread, head in heads:
            node = self._follow(head, ahead)
            while node and node != head and len(found) < MAX_TASKS:
                task = node - layout.node
                if task in found:
                    # Threads that take tasks over from others, or garbage that leads in circles.
                    break
                found[task] = thread
                node = self._follow(node, ahead)
            if len(found) >= MAX_TASKS:
                self.whole = False
                return

    def _follow(self, node: int, ahead: dict[int, bytes | None]) -> int:
        """The node behind this one, 0 where that cannot be read."""
        data = ahead.get(node)
        if data is None:
            try:
                data = self._memory.read(node, 8)
            except MemoryFault:
                return 0
        following: int = _U64.unpack(data)[0]
        self._next[node] = following
        return following

    # ------------------------------------------------------------------ sets

    def running(
        self, interpreters: Sequence[Interpreter], threads: Iterable[int], layout: TaskLayout
    ) -> list[int]:
        """Only the tasks that run now, one a loop at most."""
        if layout.running_task is not None:
            data = self._memory.read_many([(state + layout.running_task, 8) for state in threads])
            return [task for word in data if word and (task := _U64.unpack(word)[0])]
        found: list[int] = []
        for interpreter in interpreters:
            names = self._names_of(interpreter)
            if names:
                try:
                    loops = self._objects.item(names, "_current_tasks")
                    entries = self._objects.entries(self._objects.pointer(loops + self._o.dict_keys))
                    found += [task for _, _, task in islice(entries, _MAX_LOOPS) if task]
                except (ObjectError, MemoryFault):
                    continue
        return found

    def _names_of(self, interpreter: Interpreter) -> int:
        """The address of the dict of asyncio.tasks, 0 while that is not imported."""
        known = self._names.get(interpreter)
        if known is None:
            objects = self._objects
            try:
                modules = objects.pointer(interpreter.address + self._o.modules)
                module = objects.item(modules, "asyncio.tasks")
                known = self._names[interpreter] = objects.pointer(module + self._o.module_dict)
            except (ObjectError, MemoryFault):
                return 0
        return known

    def _sets_of(self, interpreter: Interpreter) -> list[tuple[int, bool]]:
        """The addresses of the `set` objects of tasks, and whether they hold weak references."""
        objects = self._objects
        found: list[tuple[int, bool]] = []
        names = self._names_of(interpreter)
        if not names:
            return found
        for name in (*_WEAK_SETS, *_SETS):
            try:
                # Not kept: while the module is being imported its own sets give way to those of _asyncio.
                address = objects.item(names, name)
                if name in _WEAK_SETS:
                    # weakref.WeakSet: Lib/_weakrefset.py
                    address = self._objects.attribute(address, "data")
                found.append((address, name in _WEAK_SETS))
            except (ObjectError, MemoryFault):
                continue
        if not found:
            self._names.pop(interpreter, None)
        return found

    def set_size(self, address: int) -> tuple[int, int]:
        """How many a set holds, and in how many slots. Raises ObjectError, MemoryFault."""
        # PySetObject: used, mask.
        data = self._memory.read(address + self._o.set_mask - 8, 16)
        used, mask = _U64.unpack_from(data)[0], _U64.unpack_from(data, 8)[0]
        if mask & (mask + 1) or mask >= 1 << 40 or used > mask:
            raise ObjectError(f"no set at {address:#x}")
        return used, min(mask + 1, _MAX_SLOTS)

    def list_size(self, address: int) -> tuple[int, int]:
        """How many a list holds, and in how many slots. Raises ObjectError, MemoryFault."""
        (size,) = _U64.unpack(self._memory.read(address + self._o.object_size, 8))
        if size >= 1 << 40:
            raise ObjectError(f"no list at {address:#x}")
        return size, min(size, MAX_TASKS)

    def members(self, address: int) -> list[int]:
        """What a set holds. Raises ObjectError, MemoryFault."""
        o = self._o
        low = min(o.set_mask, o.set_table)
        data = self._memory.read(address + low, max(o.set_mask, o.set_table) + 8 - low)
        (mask,) = _U64.unpack_from(data, o.set_mask - low)
        (table,) = _U64.unpack_from(data, o.set_table - low)
        if mask & (mask + 1) or mask >= 1 << 40:
            raise ObjectError(f"no set at {address:#x}")
        if mask >= _MAX_SLOTS:
            self.whole = False
        slots = self._memory.read(table, 16 * min(mask + 1, _MAX_SLOTS))
        return [key for key, hashed in struct.iter_unpack("<QQ", slots) if key and hashed != _DELETED]

    def items(self, address: int) -> list[int]:
        """What a list holds, at most MAX_TASKS of it. Raises ObjectError, MemoryFault."""
        _, count = self.list_size(address)
        (items,) = _U64.unpack(self._memory.read(address + self._o.list_items, 8))
        return list(struct.unpack(f"<{count}Q", self._memory.read(items, 8 * count))) if count else []
