"""asyncio's tasks in a dump: each with its await chain, what it waits for, and who awaits it."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

from livetop.cpython.asyncio_module import stated_layout
from livetop.cpython.code import Code, CodeReader
from livetop.cpython.greenlet_search import GreenletSearch
from livetop.cpython.greenlets import Greenlets
from livetop.cpython.objects import ObjectReader
from livetop.cpython.runtime import Runtime
from livetop.cpython.tasks import RUNNING, WAITING, TaskInfo, Tasks
from livetop.cpython.threads import Interpreter
from livetop.cpython.type_names import TypeNames
from livetop.target.memory import Memory
from livetop.target.process import Process

from .greenlets import name_by_stack, uses_greenlets

# Seconds that looking for greenlets may take.
_SEARCH = 5.0


class Seen(NamedTuple):
    """A thread's stack: its object in the dump, addresses of its frames, and (code, line) of them.

    Frames are innermost first; there may be some of C code, which have no address.
    """

    thread: dict[str, Any]
    addresses: list[int]
    frames: list[tuple[Code, int]]


def dump_tasks(
    process: Process,
    memory: Memory,
    runtime: Runtime,
    codes: CodeReader,
    interpreters: Sequence[Interpreter],
    states: Sequence[int],
    seen: Sequence[Seen],
) -> list[dict[str, Any]]:
    """The objects of all tasks, those that run first; says of each thread in `seen` which task it runs.

    `states`: addresses of all thread states. Of at most MAX_TASKS tasks, and of greenlets behind them.
    """
    for one in seen:
        one.thread["task"] = None
    greenlets = _greenlets(memory, runtime, codes, interpreters, states, seen)
    if not Tasks.supported(runtime.layout):
        return greenlets
    tasks = Tasks(memory, runtime.layout, codes, stated_layout(process, memory))
    infos = tasks.read(interpreters, states, monotonic())
    by_root = {info.root: info for info in infos.values() if info.root}
    running: dict[int, Seen] = {}
    for one in seen:
        info = next((by_root[address] for address in one.addresses if address in by_root), None)
        if info is not None:
            one.thread["task"] = info.name
            running[info.address] = one
    order = {RUNNING: 0, WAITING: 2}
    chosen = sorted(infos.values(), key=lambda info: (order.get(info.state, 1), not info.own_name, info.name))
    return [_object(info, infos, running.get(info.address)) for info in chosen] + greenlets


def _object(info: TaskInfo, infos: dict[int, TaskInfo], seen: Seen | None) -> dict[str, Any]:
    frames = _frames(info.frames)
    if seen is not None:
        # It runs: what it has called by now is on the thread's stack.
        ends = [at for at, (code, _) in enumerate(seen.frames) if code.address == info.code]
        frames = seen.thread["frames"][: ends[-1] + 1] if ends else frames
    return {
        "name": info.name,
        "kind": "task",
        "state": RUNNING if seen is not None else info.state,
        "thread": seen.thread["tid"] if seen is not None else None,
        "waiting_on": info.waits_for or None if seen is None else None,
        "awaited_by": [infos[address].name for address in info.awaited_by if address in infos],
        "frames": frames,
    }


def _greenlets(
    memory: Memory,
    runtime: Runtime,
    codes: CodeReader,
    interpreters: Sequence[Interpreter],
    states: Sequence[int],
    seen: Sequence[Seen],
) -> list[dict[str, Any]]:
    """The objects of greenlets, those that run first; a thread's main one only while another one runs."""
    layout = runtime.layout
    if not uses_greenlets(ObjectReader(memory, layout), layout, list(interpreters)):
        return []
    types = TypeNames(memory, layout)
    search = GreenletSearch(memory, layout, types)
    search.advance(interpreters, _SEARCH)
    types.forget()
    infos = Greenlets(memory, layout, types, codes).read(search.found, states, monotonic())
    found = [
        _greenlet(info.name, info.state, None, info.waits_for, _frames(info.frames))
        for info in infos.values()
        if info.state != RUNNING
    ]
    # Those that run are where their threads are.
    for one in seen:
        name = name_by_stack(one.frames)
        if name:
            one.thread["task"] = name
            found.append(_greenlet(name, RUNNING, one.thread["tid"], "", one.thread["frames"]))
    return sorted(found, key=lambda one: (one["state"] != RUNNING, one["name"]))


def _greenlet(
    name: str, state: str, tid: int | None, waits_for: str, frames: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "greenlet",
        "state": state,
        "thread": tid,
        "waiting_on": waits_for or None,
        "awaited_by": [],
        "frames": frames,
    }


def _frames(frames: Sequence[tuple[Code, int]]) -> list[dict[str, Any]]:
    return [
        {"file": code.file, "line": line, "function": code.name, "kind": code.kind} for code, line in frames
    ]
