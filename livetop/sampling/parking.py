"""What threads of a CPython without a GIL wait for among themselves: the world that is stopped, a lock of
an object.

They wait in the parking lot (Python/parking_lot.c): each on a semaphore in an entry of its own C stack, in
front of which stands the address that it waits for. That tells a stopped world (the state word of the
thread itself) from an object that another thread uses (the mutex in its head) and from what the interpreter
guards, which is contention, and all of them from locks of the program.
"""

from __future__ import annotations

import struct

from livetop.cpython.layout import Layout
from livetop.cpython.threads import ThreadState
from livetop.profile.states import State
from livetop.target.errors import TargetError
from livetop.target.memory import Memory
from livetop.target.text import escape

from .waiting import is_futex

STOPPED = "stop the world"
COLLECTING = "stop the world (gc)"
INTERPRETER = "lock of the interpreter"

# struct wait_entry: park_arg, addr, sema; the futex is the semaphore's first word.
_BEFORE = 8
# Frames of the semaphore's functions between the stack pointer and the entry.
_STACK = 1 << 14
# PyObject of free-threaded builds (Include/object.h): ob_tid, 16 bits, ob_mutex, ...; objects are aligned.
_MUTEX = 10
_ALIGNED = 15
# Locks and events of an interpreter lie in this much of its structure (of 195 KB and more); the thread that
# stops the world waits for the others at one of them.
_INTERPRETER = 1 << 16
# Names of types longer than this are cut.
_NAME = 64
# A class, its metaclass ..., type itself, which is its own.
_METACLASSES = 4

_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")


class ParkingLot:
    """Tells why threads of one process wait. What it reads is bounded: a few words for one answer."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout

    def of(self, thread: ThreadState, syscall: bytes) -> tuple[State, str] | None:
        """(state, reason) of a thread that is blocked in `syscall`, as /proc/PID/task/TID/syscall reads.

        None when it waits for something else, a lock of the program for one. Raises nothing.
        """
        if not is_futex(syscall):
            return None
        try:
            words = syscall.split()
            futex, sp = int(words[1], 16), int(words[-2], 16)
            if not 0 <= futex - sp < _STACK:
                return None
            return self._waits_at(thread, self._word(futex - _BEFORE))
        except (ValueError, IndexError, TargetError):
            # It has woken up: the words are others by now.
            return None

    def _waits_at(self, thread: ThreadState, address: int) -> tuple[State, str] | None:
        o = self._layout
        if o.thread_state is not None and address == thread.address + o.thread_state:
            return State.WAIT, COLLECTING if self._collects(thread) else STOPPED
        if 0 <= address - thread.interpreter.address < _INTERPRETER:
            return State.WAIT, COLLECTING if self._collects(thread) else INTERPRETER
        if address & _ALIGNED == _MUTEX:
            name = self._type_name(address - _MUTEX)
            return (State.WAIT, f"lock of {name}") if name else None
        return None

    def _collects(self, thread: ThreadState) -> bool:
        at = self._layout.gc_collecting
        if at is None:
            return False
        return bool(_I32.unpack(self._memory.read(thread.interpreter.address + at, 4))[0])

    def _type_name(self, address: int) -> str:
        """The name of an object's type, escaped; "" when there is no object."""
        o = self._layout
        kind = above = self._word(address + o.object_type)
        for _ in range(_METACLASSES):
            below, above = above, self._word(above + o.object_type)
            if below == above:
                break
        else:
            return ""
        name, end, _ = self._memory.read(self._word(kind + o.type_name), _NAME).partition(b"\0")
        return escape(name.rpartition(b".")[2]) if end else ""

    def _word(self, address: int) -> int:
        found: int = _U64.unpack(self._memory.read(address, 8))[0]
        return found


__all__ = ["COLLECTING", "INTERPRETER", "STOPPED", "ParkingLot"]
