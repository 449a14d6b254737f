"""What each task is: its coroutine, its name, its state and the future that it waits for.

A task is asyncio's own in C (TaskObj; classes derived from it too), or an instance of a class in Python
(asyncio.tasks._PyTask), whose attributes say the same.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError
from .task_layouts import TASKS, TaskLayout, moved
from .type_names import TypeNames

_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")
_MAX_NAME = 200
# Digits of 30 bits of the largest int that is shown: a counter of tasks needs two.
_MAX_DIGITS = 4
NATIVE = "_asyncio.Task"
FUTURES = frozenset({NATIVE, "_asyncio.Future"})
PENDING = 0
# What wakes a task up -> where it has that task, behind its head: an object for it up to 3.9, then a bound C
# function (m_self).
_WAKE_UPS = {"TaskWakeupMethWrapper": 0, "builtin_function_or_method": 8}


class TaskRecord(NamedTuple):
    """One task as it lies in memory: addresses, and `done`.

    `name` is None for a task that has none of its own: asyncio calls it Task-N, and `number` is N where that
    is known.
    """

    address: int
    coro: int
    name: str | None
    number: int
    waiter: int
    done: bool
    loop: int
    awaited_by: int
    awaited_by_is_set: bool
    callback: int
    """The first of its callbacks: the wake-up of a task that awaits it, for one."""
    stamp: tuple[int, bytes]
    """(address, bytes) of its coroutine's and its name's addresses: what tells it from another one there."""


class TaskRecords:
    """Reads tasks of one process."""

    def __init__(
        self,
        memory: Memory,
        layout: Layout,
        objects: ObjectReader,
        types: TypeNames,
        stated: TaskLayout | None,
    ) -> None:
        self._memory = memory
        self._o = layout
        self._objects = objects
        self._types = types
        known = TASKS.get(layout.version, ())
        layouts = (stated,) if stated is not None else tuple(moved(one, layout.object_head) for one in known)
        self._layouts = {one.size: one for one in layouts}
        self.layout = layouts[0]
        """That of lists; those of tasks differ by the size of the object."""

    def read(self, addresses: Sequence[int]) -> list[TaskRecord | None]:
        """The tasks at these addresses; None where there is none (any more)."""
        size = max(self._layouts)
        heads = self._memory.read_many([(address, size) for address in addresses])
        found: list[TaskRecord | None] = []
        for address, head in zip(addresses, heads, strict=True):
            found.append(self._one(address, head) if head is not None else None)
        self._take_names(found)
        return found

    def _one(self, address: int, head: bytes) -> TaskRecord | None:
        (kind,) = _U64.unpack_from(head, self._o.object_type)
        if NATIVE not in self._types.lineage(kind):
            return self._in_python(address)
        layout = self._layout_of(kind)
        if layout is None:
            return None
        word = _U64.unpack_from
        is_set = layout.awaited_by_is_set
        return TaskRecord(
            address,
            word(head, layout.coro)[0],
            None,
            # The name's address, until all names are read at once.
            word(head, layout.name)[0],
            word(head, layout.waiter)[0],
            _I32.unpack_from(head, layout.future_state)[0] != PENDING,
            word(head, layout.loop)[0],
            word(head, layout.awaited_by)[0] if layout.awaited_by is not None else 0,
            bool(head[is_set]) if is_set is not None else False,
            word(head, layout.loop + 8)[0],
            (address + layout.coro, head[layout.coro : layout.name + 8]),
        )

    def _layout_of(self, kind: int) -> TaskLayout | None:
        """The layout that fits the size of asyncio's own class, of which this type is or is derived from."""
        if len(self._layouts) == 1:
            return self.layout
        size = self._types.size_of(kind, NATIVE)
        return self._layouts.get(size)

    def future_is_done(self, kind: int, address: int) -> bool:
        """Whether the future of this type at an address is done; False where that is not known."""
        lineage = self._types.lineage(kind)
        if not FUTURES.intersection(lineage):
            return False
        layout = self.layout
        if len(self._layouts) > 1:
            by = self._types.size_of(kind, "_asyncio.Future") + _task_beyond_future(self.layout)
            layout = self._layouts.get(by, layout)
        try:
            return bool(_I32.unpack(self._memory.read(address + layout.future_state, 4))[0] != PENDING)
        except MemoryFault:
            return False

    def woken_by(self, records: Sequence[TaskRecord]) -> list[int]:
        """The task that the first callback of each of these wakes up, 0 where it is another one."""
        head = self._o.object_head
        heads = self._memory.read_many([(record.callback, head + 16) for record in records])
        found: list[int] = []
        for data in heads:
            name = self._types.name(_U64.unpack_from(data, self._o.object_type)[0]) if data else ""
            at = _WAKE_UPS.get(name)
            found.append(_U64.unpack_from(data, head + at)[0] if data and at is not None else 0)
        return found

    # ------------------------------------------------------------------ tasks in Python

    def _attribute(self, instance: int, name: str) -> int:
        """The address of an instance's attribute, 0 when it has none."""
        try:
            return self._objects.attribute(instance, name)
        except (ObjectError, MemoryFault):
            return 0

    def _in_python(self, address: int) -> TaskRecord | None:
        coro = self._attribute(address, "_coro")
        if not coro:
            return None
        waiter, state = self._attribute(address, "_fut_waiter"), self._attribute(address, "_state")
        (kind,) = self._types.of([waiter])
        if self._types.name(kind) == "NoneType":
            waiter = 0
        return TaskRecord(
            address,
            coro,
            None,
            self._attribute(address, "_name"),
            waiter,
            bool(state) and self._text(state) not in ("PENDING", None),
            self._attribute(address, "_loop"),
            0,
            False,
            0,
            (0, b""),
        )

    # ------------------------------------------------------------------ names

    def _take_names(self, records: list[TaskRecord | None]) -> None:
        """Put the names, read all at once, in the place of their addresses."""
        named = [index for index, record in enumerate(records) if record is not None and record.number]
        kinds = self._types.of([records[index].number for index in named])  # type: ignore[union-attr]
        for index, kind in zip(named, kinds, strict=True):
            record = records[index]
            assert record is not None
            at, name, number = record.number, None, 0
            if self._types.name(kind) == "int":
                number = self.integer(at)
            elif "str" in self._types.lineage(kind):
                name = self._text(at)
            prefix, _, digits = (name or "").partition("-")
            if prefix == "Task" and digits.isdecimal() and len(digits) < 20:
                name, number = None, int(digits)
            records[index] = record._replace(name=name, number=number)

    def _text(self, address: int) -> str | None:
        try:
            return self._objects.text(address)[:_MAX_NAME]
        except (ObjectError, MemoryFault):
            return None

    def integer(self, address: int) -> int:
        """A small positive int's value, 0 for any other."""
        o = self._o
        at = o.long_tag if o.long_tag is not None else o.object_size
        try:
            (tag,) = _U64.unpack(self._memory.read(address + at, 8))
            count = tag >> 3 if o.long_tag is not None else tag
            if not 0 < count <= _MAX_DIGITS or (o.long_tag is not None and tag & 3):
                return 0
            digits = struct.unpack(f"<{count}I", self._memory.read(address + o.long_digits, 4 * count))
        except MemoryFault:
            return 0
        return sum(digit << 30 * place for place, digit in enumerate(digits))


def _task_beyond_future(layout: TaskLayout) -> int:
    """Bytes of TaskObj behind those of FutureObj (up to 3.10: the waiter is its first field)."""
    return layout.size - layout.waiter
