"""Where the fields that livetop reads lie, one table a CPython version.

Sizes and offsets are bytes. 3.11 and 3.12 are tables, computed with offsetof() from the internal
headers (patch releases of a minor version agree). From 3.13 on `_Py_DebugOffsets` at the start of
`_PyRuntime` says most of it itself (pycore_runtime.h), and `from_debug_offsets` reads it live; what
it leaves out stands in `BESIDE_DEBUG_OFFSETS`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

DEBUG_COOKIE = b"xdebugpy"


@dataclass(frozen=True, slots=True)
class Layout:
    """The offsets of one version; None where that version has no such field."""

    version: tuple[int, int]
    # _PyRuntimeState
    interpreters_head: int
    runtime_gil: int | None
    """The one GIL of all interpreters lies in the runtime (3.11)."""
    # PyInterpreterState
    interpreter_next: int
    interpreter_id: int
    threads_head: int
    interpreter_gil: int | None
    """Pointer to the interpreter's GIL (3.12 on)."""
    gc_collecting: int
    modules: int
    # struct _gil_runtime_state
    gil_last_holder: int
    gil_locked: int
    gil_switch_number: int
    gil_size: int
    """At least the condition variables and mutexes that a waiting thread's futex lies in."""
    # PyThreadState
    thread_next: int
    native_thread_id: int
    thread_id: int
    cframe: int | None
    """Pointer to the _PyCFrame that holds the current frame (3.11, 3.12)."""
    current_frame: int
    """In the thread state, or, where `cframe` is set, in the _PyCFrame."""
    datastack_chunk: int
    datastack_top: int
    # _PyInterpreterFrame
    frame_code: int
    frame_previous: int
    frame_instruction: int
    frame_owner: int
    hidden_owner: int
    """Owners from this one on are not Python frames (the C stack's entry frames)."""
    # PyCodeObject
    code_size: int
    code_filename: int
    code_name: int
    code_qualname: int
    code_firstlineno: int
    code_linetable: int
    code_adaptive: int
    # PyUnicodeObject, PyBytesObject, PyObject
    ascii_size: int
    compact_size: int
    # Where an instance keeps its attributes: pycore_object.h
    heap_cached_keys: int
    values_kind: str
    """pointer, tagged (a dict's pointer unless bit 0 is set: then values, one less) or inline."""
    values_at: int
    frame_is_entry: int | None = None
    """A flag in the frames that an evaluation loop begins with (3.11)."""
    cframe_previous: int = 16
    unicode_length: int = 16
    unicode_state: int = 32
    bytes_value: int = 32
    object_type: int = 8
    object_size: int = 16
    # PyModuleObject, PyDictObject, PyDictKeysObject: the same from 3.11 to 3.14.
    module_dict: int = 16
    dict_keys: int = 32
    dict_values: int = 40
    managed_dict: int = -24


# What is read of each _PyInterpreterFrame: all but its values.
FRAME = 80
# struct _PyStackChunk: previous, size, top (an index of words), data; the same since 3.11.
CHUNK = struct.Struct("<QQQ")
CHUNK_DATA = CHUNK.size

TABLES: dict[tuple[int, int], Layout] = {
    (3, 11): Layout(
        version=(3, 11),
        interpreters_head=40,
        runtime_gil=360,
        interpreter_next=0,
        interpreter_id=48,
        threads_head=16,
        interpreter_gil=None,
        gc_collecting=848,
        modules=888,
        gil_last_holder=8,
        gil_locked=16,
        gil_switch_number=24,
        gil_size=216,
        thread_next=8,
        native_thread_id=160,
        thread_id=152,
        cframe=56,
        current_frame=8,
        datastack_chunk=296,
        datastack_top=304,
        frame_code=32,
        frame_previous=48,
        frame_instruction=56,
        frame_is_entry=68,
        frame_owner=69,
        hidden_owner=3,
        code_size=192,
        code_filename=112,
        code_name=120,
        code_qualname=128,
        code_firstlineno=72,
        code_linetable=136,
        code_adaptive=184,
        ascii_size=48,
        compact_size=72,
        heap_cached_keys=872,
        values_kind="pointer",
        values_at=-32,
    ),
    (3, 12): Layout(
        version=(3, 12),
        interpreters_head=40,
        runtime_gil=None,
        interpreter_next=0,
        interpreter_id=8,
        threads_head=72,
        interpreter_gil=384,
        gc_collecting=312,
        modules=944,
        gil_last_holder=8,
        gil_locked=16,
        gil_switch_number=24,
        gil_size=216,
        thread_next=8,
        native_thread_id=144,
        thread_id=136,
        cframe=56,
        current_frame=0,
        datastack_chunk=232,
        datastack_top=240,
        frame_code=0,
        frame_previous=8,
        frame_instruction=56,
        frame_owner=70,
        hidden_owner=3,
        code_size=200,
        code_filename=112,
        code_name=120,
        code_qualname=128,
        code_firstlineno=68,
        code_linetable=136,
        code_adaptive=192,
        ascii_size=40,
        compact_size=56,
        heap_cached_keys=880,
        values_kind="tagged",
        values_at=-24,
    ),
}

# What _Py_DebugOffsets of a version does not tell: (field, value).
BESIDE_DEBUG_OFFSETS: dict[tuple[int, int], dict[str, int]] = {
    (3, 13): {
        "hidden_owner": 3,
        "compact_size": 56,
        "gil_switch_number": 24,
        "gil_size": 216,
        "heap_cached_keys": 880,
        "values_at": 24,
    },
    (3, 14): {
        # FRAME_OWNED_BY_INTERPRETER: the local of _PyEval_EvalFrameDefault; FRAME_OWNED_BY_CSTACK is 4.
        "hidden_owner": 3,
        "compact_size": 56,
        "gil_switch_number": 24,
        "gil_size": 216,
        "heap_cached_keys": 880,
        "values_at": 24,
    },
}

# The order of the 64-bit words of struct _Py_DebugOffsets after cookie, version, free_threaded.
DEBUG_OFFSETS_WORDS: dict[tuple[int, int], str] = {
    (3, 13): """
        rt.size rt.finalizing rt.interpreters_head
        is.size is.id is.next is.threads_head is.gc is.imports_modules is.sysdict is.builtins
        is.ceval_gil is.gil is.gil_enabled is.gil_locked is.gil_holder
        ts.size ts.prev ts.next ts.interp ts.current_frame ts.thread_id ts.native_thread_id
        ts.datastack_chunk ts.status
        frame.size frame.previous frame.executable frame.instr_ptr frame.localsplus frame.owner
        code.size code.filename code.name code.qualname code.linetable code.firstlineno code.argcount
        code.localsplusnames code.localspluskinds code.adaptive
        object.size object.type type.size type.name type.repr type.flags
        tuple.size tuple.item tuple.ob_size list.size list.item list.ob_size
        dict.size dict.keys dict.values float.size float.value long.size long.tag long.digit
        bytes.size bytes.ob_size bytes.value
        unicode.size unicode.state unicode.length unicode.ascii_size
        gc.size gc.collecting
    """,
    (3, 14): """
        rt.size rt.finalizing rt.interpreters_head
        is.size is.id is.next is.threads_head is.threads_main is.gc is.imports_modules is.sysdict is.builtins
        is.ceval_gil is.gil is.gil_enabled is.gil_locked is.gil_holder
        is.code_object_generation is.tlbc_generation
        ts.size ts.prev ts.next ts.interp ts.current_frame ts.thread_id ts.native_thread_id
        ts.datastack_chunk ts.status
        frame.size frame.previous frame.executable frame.instr_ptr frame.localsplus frame.owner
        frame.stackpointer frame.tlbc_index
        code.size code.filename code.name code.qualname code.linetable code.firstlineno code.argcount
        code.localsplusnames code.localspluskinds code.adaptive code.co_tlbc
        object.size object.type type.size type.name type.repr type.flags
        tuple.size tuple.item tuple.ob_size list.size list.item list.ob_size
        set.size set.used set.table set.mask
        dict.size dict.keys dict.values float.size float.value long.size long.tag long.digit
        bytes.size bytes.ob_size bytes.value
        unicode.size unicode.state unicode.length unicode.ascii_size
        gc.size gc.collecting
    """,
}

DEBUG_OFFSETS_HEAD = struct.Struct("<8sQQ")
_REASONABLE = 1 << 20
# Fields that are read together lie so, each 8 bytes or more behind the one before.
_IN_ORDER = (
    "frame.executable frame.previous frame.instr_ptr frame.owner",
    "ts.current_frame ts.datastack_chunk",
    "unicode.length unicode.state",
    "is.gil is.gil_holder is.gil_locked",
    *(f"code.{field} code.size" for field in ["filename", "name", "qualname", "linetable", "firstlineno"]),
    "object.type bytes.ob_size code.size",
)


class LayoutError(ValueError):
    """The offsets of a target make no sense, or its version has no table; one line."""


def debug_offsets_size(version: tuple[int, int]) -> int:
    """Bytes of `_Py_DebugOffsets` that are read for this version."""
    return DEBUG_OFFSETS_HEAD.size + 8 * len(DEBUG_OFFSETS_WORDS[version].split())


def from_debug_offsets(version: tuple[int, int], data: bytes) -> Layout:
    """The layout that the target's own `_Py_DebugOffsets` (`data`, from its cookie on) states.

    Raises LayoutError when an offset lies outside any structure CPython could have, or not where the
    fields around it are.
    """
    names = DEBUG_OFFSETS_WORDS[version].split()
    words = struct.unpack_from(f"<{len(names)}Q", data, DEBUG_OFFSETS_HEAD.size)
    o = dict(zip(names, words, strict=True))
    wild = [name for name, value in o.items() if value > _REASONABLE]
    if wild:
        raise LayoutError(f"the target's debug offsets are damaged ({wild[0]} = {o[wild[0]]})")
    for order in _IN_ORDER:
        for before, after in pairwise(order.split()):
            if o[before] + 8 > o[after]:
                raise LayoutError(f"the target's debug offsets are damaged ({before} = {o[before]})")
    if o["frame.owner"] >= FRAME:
        raise LayoutError(f"the target's debug offsets are damaged (frame.owner = {o['frame.owner']})")
    beside = BESIDE_DEBUG_OFFSETS[version]
    return Layout(
        version=version,
        interpreters_head=o["rt.interpreters_head"],
        runtime_gil=None,
        interpreter_next=o["is.next"],
        interpreter_id=o["is.id"],
        threads_head=o["is.threads_head"],
        interpreter_gil=o["is.ceval_gil"],
        gc_collecting=o["is.gc"] + o["gc.collecting"],
        modules=o["is.imports_modules"],
        gil_last_holder=o["is.gil_holder"] - o["is.gil"],
        gil_locked=o["is.gil_locked"] - o["is.gil"],
        gil_switch_number=beside["gil_switch_number"],
        gil_size=beside["gil_size"],
        thread_next=o["ts.next"],
        native_thread_id=o["ts.native_thread_id"],
        thread_id=o["ts.thread_id"],
        cframe=None,
        current_frame=o["ts.current_frame"],
        datastack_chunk=o["ts.datastack_chunk"],
        datastack_top=o["ts.datastack_chunk"] + 8,
        frame_code=o["frame.executable"],
        frame_previous=o["frame.previous"],
        frame_instruction=o["frame.instr_ptr"],
        frame_owner=o["frame.owner"],
        hidden_owner=beside["hidden_owner"],
        code_size=o["code.size"],
        code_filename=o["code.filename"],
        code_name=o["code.name"],
        code_qualname=o["code.qualname"],
        code_firstlineno=o["code.firstlineno"],
        code_linetable=o["code.linetable"],
        code_adaptive=o["code.adaptive"],
        ascii_size=o["unicode.ascii_size"],
        compact_size=beside["compact_size"],
        heap_cached_keys=beside["heap_cached_keys"],
        values_kind="inline",
        values_at=beside["values_at"],
        unicode_length=o["unicode.length"],
        unicode_state=o["unicode.state"],
        bytes_value=o["bytes.value"],
        object_type=o["object.type"],
        object_size=o["bytes.ob_size"],
    )
