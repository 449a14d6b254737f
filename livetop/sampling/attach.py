"""From a PID to a process that can be sampled."""

from __future__ import annotations

from time import monotonic, sleep
from typing import NamedTuple

from livetop.cpython.runtime import Runtime, find_runtime
from livetop.target.descendants import has_children
from livetop.target.errors import MemoryFault, NotReadable, ProcessGone, TargetError
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process, open_process
from livetop.wire.messages import Configure

# A Python that is just starting is waited for.
_STARTING = 3.0
# Seconds that a program which livetop has started may take to become a Python.
_BECOMING = 10.0


class Found(NamedTuple):
    """A process that can be sampled."""

    process: Process
    memory: RemoteMemory
    runtime: Runtime


def attach(pid: int, *, nonblocking: bool, starting: float = 0.0) -> Found:
    """Find out what a process is and where its CPython lies.

    `starting`: for so many seconds a process that is no Python yet may still become one.
    Raises TargetError in all its kinds; each says what to do next.
    """
    deadline = monotonic() + starting
    while True:
        try:
            process = open_process(pid, traced=nonblocking)
            memory = RemoteMemory(pid)
            runtime = find_runtime(process, memory)
            if not starting or has_threads(memory, runtime):
                return Found(process, memory, runtime)
        except ProcessGone:
            raise NotReadable(f"process {pid} exited while livetop attached to it") from None
        except (NotReadable, MemoryFault):
            if monotonic() >= deadline:
                raise
        if monotonic() >= deadline:
            raise NotReadable(f"process {pid} has started no Python thread yet: try again")
        sleep(0.005)


def again(pid: int, *, nonblocking: bool) -> Found | TargetError:
    """Attach after exec: the new program, or why it cannot be read."""
    try:
        return attach(pid, nonblocking=nonblocking, starting=_STARTING)
    except TargetError as error:
        return error


def has_threads(memory: RemoteMemory, runtime: Runtime) -> bool:
    """Whether some Python thread has begun."""
    o = runtime.layout
    head = int.from_bytes(memory.read(runtime.address + o.interpreters_head, 8), "little")
    return bool(head and int.from_bytes(memory.read(head + o.threads_head, 8), "little"))


def find_root(pid: int, configure: Configure, launched: bool) -> Found | None:
    """Attach to the process that was asked for.

    None when it is no Python, but may have children that are, and those are wanted. Raises TargetError.
    """
    following = configure.subprocesses
    starting = _BECOMING if launched and not following else 0.0
    try:
        return attach(pid, nonblocking=configure.nonblocking, starting=starting)
    except NotReadable:
        if following and (launched or has_children(pid)):
            return None
        raise
