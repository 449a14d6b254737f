"""Where coroutines and asyncio's tasks keep what livetop reads of them, one table a CPython version.

Beside `Layout`. The structs of Modules/_asynciomodule.c are in no header: their offsets were found on live
objects whose fields' values were known (tests/integration/test_task_layouts.py does it again on each
interpreter found). From 3.14 on the section `.AsyncioDebug` says most of them itself. Offsets are bytes, and
those of objects count as for a head of 16 bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields, replace

HEAD = 16


@dataclass(frozen=True, slots=True)
class CoroutineLayout:
    """How a suspended coroutine shows what it awaits.

    `suspended`: values of the frame's state that may mean "suspended in an await"; `proof`: what else must be
    so: the instruction that comes next is `yield_from` (YIELD_FROM), or a `resume` (RESUME with an argument
    of 2 or 3: Objects/genobject.c, _PyGen_yf), or nothing.
    """

    suspended: frozenset[int]
    executing: int
    proof: str
    top: int
    """How many words below the top of its stack the awaited object is."""
    first_local: int
    """Where the first local variable is in the frame."""


@dataclass(frozen=True, slots=True)
class TaskLayout:
    """TaskObj, and the FutureObj that it begins with.

    None where a version has no such field. `node`, `head_*` and `running_task`: tasks are in linked lists,
    one a thread and one an interpreter (3.14 on); `awaited_by` is a task or a set of tasks.
    """

    size: int
    future_state: int
    """int: 0 pending, 1 cancelled, 2 finished."""
    waiter: int
    """The future that it waits for, null when it is scheduled or runs."""
    coro: int
    name: int
    """A str, an int until somebody asks for it (3.12 on), or null."""
    loop: int = 16
    awaited_by: int | None = None
    awaited_by_is_set: int | None = None
    node: int | None = None
    head_of_interpreter: int | None = None
    head_of_thread: int | None = None
    running_task: int | None = None
    """In the thread state."""


# The frame's f_executing (3.8, 3.9), f_state (3.10) or gi_frame_state (enum _framestate in pycore_frame.h).
COROUTINES: dict[tuple[int, int], CoroutineLayout] = {
    (3, 8): CoroutineLayout(frozenset({0}), 1, "yield_from", 1, 360),
    (3, 9): CoroutineLayout(frozenset({0}), 1, "yield_from", 1, 360),
    (3, 10): CoroutineLayout(frozenset({-1}), 0, "yield_from", 1, 352),
    (3, 11): CoroutineLayout(frozenset({-1}), 0, "resume", 1, 72),
    (3, 12): CoroutineLayout(frozenset({-1}), 0, "resume", 1, 72),
    (3, 13): CoroutineLayout(frozenset({-1}), 0, "", 1, 72),
    (3, 14): CoroutineLayout(frozenset({-1}), 0, "", 1, 80),
    (3, 15): CoroutineLayout(frozenset({2, 3}), 4, "", 2, 80),
}

# The first is the usual one, others are told by their size: 3.10.6 put an exception's traceback into futures.
TASKS: dict[tuple[int, int], tuple[TaskLayout, ...]] = {
    (3, 8): (TaskLayout(144, future_state=72, waiter=104, coro=112, name=120),),
    (3, 9): (TaskLayout(184, future_state=80, waiter=144, coro=152, name=160),),
    (3, 10): (
        TaskLayout(192, future_state=88, waiter=152, coro=160, name=168),
        TaskLayout(184, future_state=80, waiter=144, coro=152, name=160),
    ),
    (3, 11): (TaskLayout(176, future_state=88, waiter=128, coro=136, name=144),),
    (3, 12): (TaskLayout(176, future_state=88, waiter=128, coro=136, name=144),),
    (3, 13): (TaskLayout(144, future_state=96, waiter=112, coro=120, name=128),),
    (3, 14): (
        TaskLayout(
            168, future_state=104, waiter=120, coro=128, name=136, awaited_by=96, awaited_by_is_set=109,
            node=152, head_of_interpreter=10880, head_of_thread=880, running_task=872,
        ),
    ),
    (3, 15): (
        TaskLayout(
            168, future_state=104, waiter=120, coro=128, name=136, awaited_by=96, awaited_by_is_set=109,
            node=152, head_of_interpreter=10856, head_of_thread=1048, running_task=1032,
        ),
    ),
}  # fmt: skip
_OF_OBJECTS = (
    "size", "future_state", "waiter", "coro", "name", "loop", "awaited_by", "awaited_by_is_set", "node",
)  # fmt: skip

# struct _Py_AsyncioModuleDebugOffsets, the same in 3.14 and 3.15: of a task its size, name, awaited_by,
# is_task, awaited_by_is_set, coro, node; of an interpreter its size and list; of a thread its size, running
# loop, running task and list.
DEBUG_OFFSETS = struct.Struct("<13Q")
_REASONABLE = 1 << 20


def moved(layout: TaskLayout, object_head: int) -> TaskLayout:
    """The layout of a build whose objects have a head of another size."""
    by = object_head - HEAD
    found = {field.name: getattr(layout, field.name) for field in fields(layout)}
    return replace(
        layout, **{name: at + by for name, at in found.items() if name in _OF_OBJECTS and at is not None}
    )


def from_debug_offsets(data: bytes) -> TaskLayout | None:
    """The layout that `.AsyncioDebug` states; None when it makes no sense.

    What it leaves out lies beside what it says: the waiter before the coroutine, a future's state behind the
    futures that await it.
    """
    words = DEBUG_OFFSETS.unpack_from(data)
    size, name, awaited_by, is_task, is_set, coro, node, _, interpreter, _, _, running, thread = words
    if max(words) > _REASONABLE or not 0 < awaited_by < is_task < is_set < coro < name < node < size:
        return None
    return TaskLayout(
        size,
        future_state=awaited_by + 8,
        waiter=coro - 8,
        coro=coro,
        name=name,
        loop=_loop_of(awaited_by),
        awaited_by=awaited_by,
        awaited_by_is_set=is_set,
        node=node,
        head_of_interpreter=interpreter,
        head_of_thread=thread,
        running_task=running,
    )


def _loop_of(awaited_by: int) -> int:
    """The loop is the first field behind the object's head, ten words before those that await it."""
    return awaited_by - 80
