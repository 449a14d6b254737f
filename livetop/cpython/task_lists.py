"""Where a process keeps its asyncio tasks: the addresses of all of them.

From 3.14 on tasks of asyncio's own class are in linked lists, one a thread, and one an interpreter for those
whose thread has ended (Modules/_asynciomodule.c, register_task). Others, and all of them before, are in sets
of module asyncio.tasks: a WeakSet of all (`_all_tasks`, from 3.12 on `_scheduled_tasks`), and those that run
before they were ever scheduled (`_eager_tasks`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
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
# Slots of a set, and nodes of a list, between two looks at the clock.
_SLOTS_AT_ONCE = 2048
_NODES_AT_ONCE = 256
# Nodes that have left a list since, of the last ones of a walk, until it begins anew; how often it may.
_STEPS_BACK = 64
_WALKS = 3

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
        # The nodes of all lists in the last look, and where each was: many of a long list are read at once.
        self._order: list[int] = []
        self._places: dict[int, int] = {}
        self.whole = True
        """Whether the last look found all tasks there are."""

    def find(
        self, interpreters: Sequence[Interpreter], threads: Iterable[int], layout: TaskLayout
    ) -> list[TaskAddress]:
        """The tasks of these interpreters and thread states (addresses), each once, at most MAX_TASKS."""
        found: list[TaskAddress] = []
        for _ in self.look(interpreters, threads, layout, found, sliced=False):
            pass
        return found

    def look(
        self,
        interpreters: Sequence[Interpreter],
        threads: Iterable[int],
        layout: TaskLayout,
        result: list[TaskAddress],
        *,
        sliced: bool,
    ) -> Iterator[None]:
        """Find them, with a pause now and then in which the program runs on, if it is `sliced`."""
        self.whole = True
        found: dict[int, int] = {}
        if layout.node is not None:
            yield from self._follow_lists(interpreters, threads, layout, found, sliced)
        for interpreter in interpreters:
            for address, weak in self._sets_of(interpreter):
                try:
                    slots = self._slots(address)
                except (ObjectError, MemoryFault):
                    continue
                for at in range(0, len(slots), 16 * _SLOTS_AT_ONCE):
                    self._take_members(_keys(slots[at : at + 16 * _SLOTS_AT_ONCE]), weak, found)
                    yield
        result += [TaskAddress(task, thread) for task, thread in found.items()]

    def _take_members(self, members: list[int], weak: bool, found: dict[int, int]) -> None:
        if weak:
            at = self._o.weakref_object
            data = self._memory.read_many([(reference + at, 8) for reference in members])
            members = [_U64.unpack(word)[0] for word in data if word]
        for task in members:
            if len(found) >= MAX_TASKS:
                self.whole = False
                break
            if task:
                found.setdefault(task, 0)

    # ------------------------------------------------------------------ linked lists (3.14 on)

    def _follow_lists(
        self,
        interpreters: Iterable[Interpreter],
        threads: Iterable[int],
        layout: TaskLayout,
        found: dict[int, int],
        sliced: bool,
    ) -> Iterator[None]:
        assert layout.head_of_thread is not None and layout.head_of_interpreter is not None
        heads = [(state, state + layout.head_of_thread) for state in threads]
        heads += [(0, interpreter.address + layout.head_of_interpreter) for interpreter in interpreters]
        assert layout.node is not None
        order: list[int] = []
        for thread, head in heads:
            yield from self._walk(head, thread, layout.node, found, order, sliced)
            if len(found) >= MAX_TASKS:
                self.whole = False
                break
        self._order = order
        self._places = {node: place for place, node in enumerate(order)}

    def _walk(
        self, head: int, thread: int, at: int, found: dict[int, int], order: list[int], sliced: bool
    ) -> Iterator[None]:
        """Go through one list. `at`: where the node is in a task."""
        ahead: dict[int, bytes | None] = {}
        walked: list[int] = []
        seen: set[int] = set()
        walks = count = 0
        node = self._follow(head, ahead)
        while node and node != head and len(found) < MAX_TASKS:
            # Threads take tasks over from others, and garbage leads in circles.
            if node in seen or (not walks and node - at in found):
                break
            seen.add(node)
            walked.append(node)
            found.setdefault(node - at, thread)
            count += 1
            if count % _NODES_AT_ONCE:
                node = self._follow(node, ahead)
                continue
            yield
            ahead.clear()
            if sliced and not self._is_linked(walked, seen):
                walks += 1
                if walks >= _WALKS:
                    self.whole = False
                    break
                walked.clear()
                seen.clear()
            node = self._follow(walked[-1] if walked else head, ahead)
        order += walked

    def _is_linked(self, walked: list[int], seen: set[int]) -> bool:
        """Step back to the last node that is still in the list; False when it was left long ago.

        One that leaves it has no neighbours any more, or its memory is used for something else
        (Include/internal/pycore_llist.h: next, prev).
        """
        for _ in range(_STEPS_BACK):
            if not walked:
                return False
            node = walked[-1]
            try:
                (following,) = _U64.unpack(self._memory.read(node, 8))
                if _U64.unpack(self._memory.read(following + 8, 8))[0] == node:
                    return True
            except MemoryFault:
                pass
            seen.discard(walked.pop())
        return False

    def _follow(self, node: int, ahead: dict[int, bytes | None]) -> int:
        """The node behind this one, 0 where that cannot be read."""
        data = ahead.get(node)
        if data is None:
            place = self._places.get(node)
            if place is not None:
                # Those that were behind it in the last look are read, too.
                some = self._order[place : place + _NODES_AT_ONCE]
                ahead.update(zip(some, self._memory.read_many([(one, 8) for one in some]), strict=True))
                data = ahead[node]
        if data is None:
            try:
                data = self._memory.read(node, 8)
            except MemoryFault:
                return 0
        following: int = _U64.unpack(data)[0]
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
        return _keys(self._slots(address))

    def _slots(self, address: int) -> bytes:
        """The table of a set. Raises ObjectError, MemoryFault."""
        o = self._o
        low = min(o.set_mask, o.set_table)
        data = self._memory.read(address + low, max(o.set_mask, o.set_table) + 8 - low)
        (mask,) = _U64.unpack_from(data, o.set_mask - low)
        (table,) = _U64.unpack_from(data, o.set_table - low)
        if mask & (mask + 1) or mask >= 1 << 40:
            raise ObjectError(f"no set at {address:#x}")
        if mask >= _MAX_SLOTS:
            self.whole = False
        return self._memory.read(table, 16 * min(mask + 1, _MAX_SLOTS))

    def items(self, address: int) -> list[int]:
        """What a list holds, at most MAX_TASKS of it. Raises ObjectError, MemoryFault."""
        _, count = self.list_size(address)
        (items,) = _U64.unpack(self._memory.read(address + self._o.list_items, 8))
        return list(struct.unpack(f"<{count}Q", self._memory.read(items, 8 * count))) if count else []


def _keys(slots: bytes) -> list[int]:
    """What the slots of a set hold: (key, hash) each."""
    return [key for key, hashed in struct.iter_unpack("<QQ", slots) if key and hashed != _DELETED]
