"""Interpreters and their thread states: who exists, by which OS thread, and who holds the GIL."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .runtime import Runtime

_U64 = struct.Struct("<Q")

# Far more than any process has; a list that is longer is garbage or a cycle.
MAX_INTERPRETERS = 256
MAX_THREADS = 1 << 15


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter: addresses of its structure and of the GIL its threads share."""

    address: int
    gil: int


@dataclass(frozen=True, slots=True)
class ThreadState:
    """One PyThreadState: its address, the OS thread it says it runs on, and its interpreter."""

    address: int
    tid: int
    ident: int
    interpreter: Interpreter


def read_interpreters(memory: Memory, runtime: Runtime) -> list[Interpreter]:
    """Return the interpreters, newest first, as CPython lists them. Raises MemoryFault."""
    o = runtime.layout
    found: list[Interpreter] = []
    (address,) = _U64.unpack(memory.read(runtime.address + o.interpreters_head, 8))
    while address and len(found) < MAX_INTERPRETERS:
        if o.interpreter_gil is None:
            assert o.runtime_gil is not None
            gil = runtime.address + o.runtime_gil
        else:
            (gil,) = _U64.unpack(memory.read(address + o.interpreter_gil, 8))
        found.append(Interpreter(address, gil))
        (address,) = _U64.unpack(memory.read(address + o.interpreter_next, 8))
    return found


def read_threads(
    memory: Memory, runtime: Runtime, interpreter: Interpreter, known: dict[int, ThreadState]
) -> tuple[list[ThreadState], bool]:
    """Return an interpreter's thread states, newest first, and whether the list was read to its end.

    `known` (by address) lets all states of the last time be fetched by one read; only a state that is
    new costs one more. A list that changes meanwhile may lose its tail, which is the oldest threads.
    """
    o = runtime.layout
    low = min(o.thread_next, o.native_thread_id, o.thread_id)
    size = max(o.thread_next, o.native_thread_id, o.thread_id) + 8 - low
    at_next, at_tid, at_ident = o.thread_next - low, o.native_thread_id - low, o.thread_id - low
    (head,) = _U64.unpack(memory.read(interpreter.address + o.threads_head, 8))
    addresses = [address for address, state in known.items() if state.interpreter == interpreter]
    ahead = dict(zip(addresses, memory.read_many([(a + low, size) for a in addresses]), strict=True))
    found: list[ThreadState] = []
    seen: set[int] = set()
    address = head
    while address and address not in seen and len(seen) < MAX_THREADS:
        seen.add(address)
        data = ahead.get(address)
        if data is None:
            try:
                data = memory.read(address + low, size)
            except MemoryFault:
                break
        (following,) = _U64.unpack_from(data, at_next)
        (tid,) = _U64.unpack_from(data, at_tid)
        (ident,) = _U64.unpack_from(data, at_ident)
        state = known.get(address)
        if state is None or state.tid != tid or state.ident != ident:
            state = ThreadState(address, tid, ident, interpreter)
        # A state that is not bound to an OS thread yet (3.12 on: created by another thread) has tid 0.
        if 0 < tid < 1 << 31:
            found.append(state)
        address = following
    return found, not address
