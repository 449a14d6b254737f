"""Whether a layout fits what is in memory: asked before anything that is read with it is believed."""

from __future__ import annotations

import struct

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout, LayoutError

_U64 = struct.Struct("<Q")
# PyThreadState.interp, behind its two links; the same in all versions.
THREAD_INTERPRETER = 16
# The list of threads may change between two reads.
_TRIES = 5
# Words that PyObject may have before its type: none, or those of trace references or of free threading.
_HEADS = (16, 32)
# A type's name, behind its head and ob_size (Include/object.h): the same in all versions.
_NAME_BEHIND_HEAD = 8


def _pointer(memory: Memory, address: int) -> int:
    found: int = _U64.unpack(memory.read(address, 8))[0]
    return found


def head_of(memory: Memory, type_type: int) -> int:
    """Size of PyObject's head where objects have trace references or not, by `PyType_Type`, its own type.

    Raises LayoutError when there is no such type, MemoryFault.
    """
    for head in _HEADS:
        if _pointer(memory, type_type + head - 8) == type_type:
            return head
    raise LayoutError("its type of types is not where it should be")


def type_of_types(memory: Memory, address: int) -> int:
    """`PyType_Type`, found from any object; 0 when this is none. Raises nothing."""
    for head in _HEADS:
        try:
            kind = _pointer(memory, address + head - 8)
            meta = _pointer(memory, kind + head - 8)
            if meta and _pointer(memory, meta + head - 8) == meta and _named(memory, meta, head, b"type\0"):
                return meta
        except MemoryFault:
            continue
    return 0


def _named(memory: Memory, kind: int, head: int, name: bytes) -> bool:
    return memory.read(_pointer(memory, kind + head + _NAME_BEHIND_HEAD), len(name)) == name


def started(memory: Memory, runtime: int, layout: Layout) -> bool:
    """Whether there is an interpreter with a thread and modules. Raises MemoryFault."""
    interpreter = _pointer(memory, runtime + layout.interpreters_head)
    return bool(
        interpreter
        and _pointer(memory, interpreter + layout.threads_head)
        and _pointer(memory, interpreter + layout.modules)
    )


def check(memory: Memory, runtime: int, layout: Layout) -> None:
    """Raises LayoutError unless interpreters, threads and modules are where `layout` says; MemoryFault.

    What is not there yet, as Python is just starting, is not missed.
    """
    interpreter = _pointer(memory, runtime + layout.interpreters_head)
    if not interpreter:
        return
    try:
        if not _has_threads(memory, interpreter, layout):
            raise LayoutError("its threads are not where they should be")
        modules = _pointer(memory, interpreter + layout.modules)
        if modules and not _is_dict(memory, modules, layout):
            raise LayoutError("its modules are not where they should be")
    except MemoryFault:
        raise LayoutError("its structures are not where they should be") from None


def _has_threads(memory: Memory, interpreter: int, layout: Layout) -> bool:
    for _ in range(_TRIES):
        thread = _pointer(memory, interpreter + layout.threads_head)
        if not thread or _pointer(memory, thread + THREAD_INTERPRETER) == interpreter:
            return True
    return False


def _is_dict(memory: Memory, address: int, layout: Layout) -> bool:
    kind = _pointer(memory, address + layout.object_type)
    return _named(memory, kind, layout.object_head, b"dict\0")
