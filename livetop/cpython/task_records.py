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
from livetop.target.text import escape

from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError
from .task_layouts import TASKS, TaskLayout, moved
from .type_names import TypeNames

_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")
_MAX_NAME = 200
# Characters of a name that are read with its head: more than most have.
_USUAL_NAME = 40
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

    def futures(self, addresses: Sequence[int]) -> list[tuple[int, bool]]:
        """(type, whether it is done, False where that is not known) of each future; (0, False) of none."""
        at = self._o.object_type
        size = max(layout.future_state for layout in self._layouts.values()) + 4
        heads = self._memory.read_many([(address, size) for address in addresses])
        found: list[tuple[int, bool]] = []
        for head in heads:
            if head is None:
                found.append((0, False))
                continue
            (kind,) = _U64.unpack_from(head, at)
            state_at = self._state_of(kind)
            found.append((kind, bool(state_at and _I32.unpack_from(head, state_at)[0] != PENDING)))
        return found

    def _state_of(self, kind: int) -> int:
        """Where the state is in futures of this type, 0 where that is not known."""
        if not FUTURES.intersection(self._types.lineage(kind)):
            return 0
        if len(self._layouts) == 1:
            return self.layout.future_state
        size = self._types.size_of(kind, "_asyncio.Future") or self._types.size_of(kind, NATIVE)
        beyond = _task_beyond_future(self.layout)
        return self._layouts.get(size + beyond, self._layouts.get(size, self.layout)).future_state

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
        o = self._o
        named = [
            (index, record) for index, record in enumerate(records) if record is not None and record.number
        ]
        size = o.ascii_size + _USUAL_NAME
        heads = self._memory.read_many([(record.number, size) for _, record in named])
        for (index, record), head in zip(named, heads, strict=True):
            at, name, number = record.number, None, 0
            kind = _U64.unpack_from(head, o.object_type)[0] if head is not None else self._types.of([at])[0]
            if self._types.name(kind) == "int":
                number = self.integer(at)
            elif "str" in self._types.lineage(kind):
                name = (self._short_text(head) if head is not None else None) or self._text(at)
            prefix, _, digits = (name or "").partition("-")
            if prefix == "Task" and digits.isdecimal() and len(digits) < 20:
                name, number = None, int(digits)
            records[index] = record._replace(name=name, number=number)

    def _short_text(self, head: bytes) -> str | None:
        """The text of a str object that was read already; None where it is not as short and plain as most."""
        o = self._o
        (length,) = _U64.unpack_from(head, o.unicode_length)
        (state,) = _U32.unpack_from(head, o.unicode_state)
        if not (state & o.ascii_mask and state & o.compact_mask and length <= _USUAL_NAME):
            return None
        return escape(head[o.ascii_size : o.ascii_size + length].decode("ascii", "replace"))

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
