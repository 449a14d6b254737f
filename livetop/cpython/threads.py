"""Interpreters and their thread states: who exists, by which OS thread, and who holds the GIL."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .checks import THREAD_INTERPRETER
from .layout import Layout
from .native_ids import NativeIds
from .runtime import Runtime

_U64 = struct.Struct("<Q")

# Far more than any process has; a list that is longer is garbage.
MAX_INTERPRETERS = 256
MAX_THREADS = 1 << 15


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter: addresses of its structure and of the GIL its threads share.

    Of its garbage collector, 0 for what is not known: `collecting` is the address of the int that is not 0
    while it is at work, `collected` that of `COLLECTED` bytes that change when it has done its work, and
    `collector` that of the pointer to the frame that set it off (3.15 on).
    """

    address: int
    gil: int
    collecting: int = 0
    collected: int = 0
    collector: int = 0

    @property
    def collection_words(self) -> tuple[int, ...]:
        """What says whether it collects, and in which frame that was set off: address, size, address ..."""
        words = (self.collecting, 4) if self.collecting else ()
        return (*words, self.collector, 8) if self.collecting and self.collector else words


COLLECTED = 72
"""Size of struct gc_generation_stats[3]."""


@dataclass(frozen=True, slots=True)
class ThreadState:
    """One PyThreadState: its address, the OS thread it says it runs on, and its interpreter."""

    address: int
    tid: int
    ident: int
    interpreter: Interpreter


def read_interpreters(memory: Memory, runtime: Runtime) -> list[Interpreter]:
    """Return the interpreters, newest first, as CPython lists them, each once. Raises MemoryFault."""
    o = runtime.layout
    found: dict[int, Interpreter] = {}
    (address,) = _U64.unpack(memory.read(runtime.address + o.interpreters_head, 8))
    while address and address not in found and len(found) < MAX_INTERPRETERS:
        if o.interpreter_gil is not None:
            (gil,) = _U64.unpack(memory.read(address + o.interpreter_gil, 8))
        else:
            gil = runtime.holder if o.runtime_gil is None else runtime.address + o.runtime_gil
        found[address] = Interpreter(address, gil, *_collector(runtime, address))
        (address,) = _U64.unpack(memory.read(address + o.interpreter_next, 8))
    return list(found.values())


def _collector(runtime: Runtime, interpreter: int) -> tuple[int, int, int]:
    """Where an interpreter's garbage collector is told of: see `Interpreter`."""
    o = runtime.layout
    if o.gc_frame is not None and o.gc_collecting is not None:
        return interpreter + o.gc_collecting, 0, interpreter + o.gc_frame
    if o.gc_collecting is not None:
        flag = interpreter + o.gc_collecting
    elif o.runtime_gc_collecting is not None:
        flag = runtime.address + o.runtime_gc_collecting
    else:
        return runtime.collecting, runtime.collected, 0
    # struct _gc_runtime_state: generation_stats, then collecting (to 3.14; 3.15 has a pointer to them).
    return flag, flag - COLLECTED, 0


class _Fields:
    """What is read of each PyThreadState: the list's link and the ids, in one region."""

    def __init__(self, layout: Layout) -> None:
        fields = [layout.thread_next, layout.thread_id, THREAD_INTERPRETER]
        if layout.native_thread_id is not None:
            fields.append(layout.native_thread_id)
        self.low = min(fields)
        self.size = max(fields) + 8 - self.low
        self.next = layout.thread_next - self.low
        self.ident = layout.thread_id - self.low
        self.owner = THREAD_INTERPRETER - self.low
        self.tid = layout.native_thread_id - self.low if layout.native_thread_id is not None else None


def read_threads(
    memory: Memory,
    runtime: Runtime,
    interpreter: Interpreter,
    known: dict[int, ThreadState],
    ids: NativeIds,
    most: int = MAX_THREADS,
) -> tuple[list[ThreadState], bool]:
    """Return an interpreter's thread states, newest first, and whether the list was read to its end.

    `known` (by address) lets all states of the last time be fetched by one read; only a state that is
    new costs one more. A list that changes meanwhile may lose its tail, which is the oldest threads.
    What is not this interpreter's ends the list, as do `most` of them. `ids` finds the OS threads of versions
    that do not tell them. Raises MemoryFault, ProcessGone.
    """
    fields = _Fields(runtime.layout)
    (head,) = _U64.unpack(memory.read(interpreter.address + runtime.layout.threads_head, 8))
    addresses = [address for address, state in known.items() if state.interpreter == interpreter]
    regions = [(address + fields.low, fields.size) for address in addresses]
    ahead = dict(zip(addresses, memory.read_many(regions), strict=True))
    seen: dict[int, bytes] = {}
    address = head
    while address and address not in seen and len(seen) < most:
        data = ahead.get(address)
        if data is None:
            try:
                data = memory.read(address + fields.low, fields.size)
            except MemoryFault:
                break
        if _U64.unpack_from(data, fields.owner)[0] != interpreter.address:
            break
        seen[address] = data
        (address,) = _U64.unpack_from(data, fields.next)
    idents = [_U64.unpack_from(data, fields.ident)[0] for data in seen.values()]
    if fields.tid is None:
        tids = ids.of(idents)
    else:
        tids = [_U64.unpack_from(data, fields.tid)[0] for data in seen.values()]
    found: list[ThreadState] = []
    for at, tid, ident in zip(seen, tids, idents, strict=True):
        state = known.get(at)
        if state is None or (state.tid, state.ident, state.interpreter) != (tid, ident, interpreter):
            state = ThreadState(at, tid, ident, interpreter)
        # A state that is not bound to an OS thread yet (3.12 on: created by another thread) has tid 0.
        if 0 < tid < 1 << 31:
            found.append(state)
    return found, not address
