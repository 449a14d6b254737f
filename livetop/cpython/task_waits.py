"""What a task waits for, in words, and which other tasks that are.

The future that it waits for says it when it is a task or gather's; else the innermost function of asyncio in
its await chain does (Lib/asyncio), and the tasks are in a local variable of that function.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .code import Code
from .coroutines import Coroutines, Link
from .layout import Layout
from .objects import ObjectReader
from .strings import ObjectError
from .task_lists import TaskLists
from .task_members import Members, TaskMembers
from .task_records import TaskRecords
from .type_names import TypeNames

_F64 = struct.Struct("<d")
_MAX_TYPE = 60
_NONE = ("", "")
# A future in Python is awaited by a generator of its own.
_FUTURES = frozenset({("futures", "__await__"), ("futures", "__iter__")})


class _Known(NamedTuple):
    """A function in which tasks wait. `word`: what it is called; `self` puts the type of its object before.

    `tasks`: where its tasks are: its first argument itself (`one`), the members of that (`set`), or of its
    attribute of this name.
    """

    word: str
    own: bool = False
    tasks: str = ""


# (module of asyncio, function without its class) -> what waiting in it is.
_KNOWN: dict[tuple[str, str], _Known] = {
    ("tasks", "sleep"): _Known("sleep"),
    ("tasks", "__sleep0"): _Known("sleep"),
    ("tasks", "_wait"): _Known("wait", tasks="set"),
    ("tasks", "wait_for"): _Known("wait_for", tasks="one"),
    ("tasks", "_wait_for_one"): _Known("as_completed"),
    ("taskgroups", "__aexit__"): _Known("TaskGroup", tasks="_tasks"),
    ("taskgroups", "_aexit"): _Known("TaskGroup", tasks="_tasks"),
    ("locks", "acquire"): _Known("acquire", own=True),
    ("locks", "wait"): _Known("wait", own=True),
    ("locks", "_wait"): _Known("wait", own=True),
    ("queues", "get"): _Known("get", own=True),
    ("queues", "put"): _Known("put", own=True),
    ("queues", "join"): _Known("join", own=True),
    ("streams", "_wait_for_data"): _Known("stream data"),
    ("streams", "_drain_helper"): _Known("a stream's drain"),
    ("streams", "wait_closed"): _Known("a stream's close"),
    ("threads", "to_thread"): _Known("to_thread"),
    ("runners", "run"): _Known("run"),
    ("base_events", "serve_forever"): _Known("connections"),
    ("base_events", "getaddrinfo"): _Known("getaddrinfo"),
    ("base_events", "sock_connect"): _Known("a connection"),
    ("base_events", "shutdown_default_executor"): _Known("the executor's end"),
    ("selector_events", "sock_connect"): _Known("a connection"),
    ("selector_events", "sock_accept"): _Known("connections"),
    ("selector_events", "sock_recv"): _Known("socket data"),
    ("selector_events", "sock_recv_into"): _Known("socket data"),
    ("selector_events", "sock_sendall"): _Known("a socket's buffer"),
    ("base_subprocess", "_wait"): _Known("a subprocess"),
    ("subprocess", "communicate"): _Known("a subprocess"),
}


class Wait(NamedTuple):
    """What a task waits for, escaped, and the addresses of the tasks that may be."""

    text: str
    tasks: tuple[int, ...]


class TaskWaits:
    """Tells what tasks of one process wait for."""

    def __init__(
        self,
        memory: Memory,
        layout: Layout,
        objects: ObjectReader,
        types: TypeNames,
        coroutines: Coroutines,
        lists: TaskLists,
        records: TaskRecords,
    ) -> None:
        self._memory = memory
        self._o = layout
        self._types = types
        self._coroutines = coroutines
        self._members = TaskMembers(lists)
        self._records = records
        self._objects = objects

    def forget(self) -> None:
        """Begin a look: what tasks wait for is read afresh."""
        self._members.forget()

    def renew(self) -> None:
        """Go on with a look that takes long."""
        self._members.renew()

    def of(
        self, waiter: int, kind: int, links: Sequence[Link], places: Sequence[tuple[Code, int] | None]
    ) -> Wait:
        """What a task waits for: a future of type `kind`, in these coroutines (outermost first)."""
        lineage = self._types.lineage(kind)
        name = lineage[0] if lineage else ""
        if self._is_task(lineage):
            return Wait("task", (waiter,))
        if "_GatheringFuture" in (base.rpartition(".")[2] for base in lineage):
            count, tasks = self._children(waiter)
            return Wait(f"gather of {count}" if count else "gather", tasks)
        for link, place in zip(links[::-1], places[::-1], strict=True):
            function = _asyncio_function(place[0]) if place is not None else _NONE
            if function in _FUTURES:
                continue
            if function in _KNOWN:
                return self._known(_KNOWN[function], link)
            break
        return Wait(name.rpartition(".")[2][:_MAX_TYPE] or "a future", ())

    @staticmethod
    def _is_task(lineage: Sequence[str]) -> bool:
        return any(name in ("_asyncio.Task", "_PyTask", "Task") for name in lineage)

    def _children(self, gathering: int) -> Members:
        try:
            return self._members.of_list(self._objects.attribute(gathering, "_children"))
        except (ObjectError, MemoryFault):
            return Members(0, ())

    def _known(self, known: _Known, link: Link) -> Wait:
        text = known.word
        tasks: tuple[int, ...] = ()
        try:
            first = self._coroutines.local(link, 0)
            if known.own:
                (kind,) = self._types.of([first])
                owner = self._types.name(kind).rpartition(".")[2][:_MAX_TYPE]
                text = f"{owner}.{text}" if owner else text
            elif known.tasks == "one":
                tasks = (first,)
            elif known.tasks:
                held = first if known.tasks == "set" else self._objects.attribute(first, known.tasks)
                count, tasks = self._members.of_set(held)
                text = f"{text} of {count}"
            elif text == "sleep":
                text = f"sleep({self._seconds(first)})"
        except (ObjectError, MemoryFault):
            pass
        return Wait(text, tasks)

    def _seconds(self, number: int) -> str:
        """A float's or an int's value, "" for anything else. Raises MemoryFault."""
        (kind,) = self._types.of([number])
        name = self._types.name(kind)
        if name == "float":
            value = _F64.unpack(self._memory.read(number + self._o.object_head, 8))[0]
            return f"{value:.3g}" if value < 100 else f"{value:.0f}"
        return str(self._records.integer(number)) if name == "int" else ""


def _asyncio_function(code: Code) -> tuple[str, str]:
    """(module of asyncio, name without classes) of a function; ("", "") of any other's."""
    folder, _, file = code.file.rpartition("/")
    if not folder.endswith("/asyncio") and folder != "asyncio":
        return _NONE
    return file.removesuffix(".py"), code.name.rpartition(".")[2]
