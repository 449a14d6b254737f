"""What a target states of itself: `_Py_DebugOffsets`, which `_PyRuntime` begins with from 3.13 on.

Source: pycore_debug_offsets.h (3.13: pycore_runtime.h).
Versions insert words in the middle, so their order is a table; what it leaves out is in `tables.BESIDE`.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise
from typing import Any

from .fields import FRAME, Layout, LayoutError, with_object_head
from .tables import BESIDE

DEBUG_COOKIE = b"xdebugpy"
DEBUG_OFFSETS_HEAD = struct.Struct("<8sQQ")

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
    (3, 15): """
        rt.size rt.finalizing rt.interpreters_head
        is.size is.id is.next is.threads_head is.threads_main is.gc is.imports_modules is.sysdict is.builtins
        is.ceval_gil is.gil is.gil_enabled is.gil_locked is.gil_holder
        is.code_object_generation is.tlbc_generation
        ts.size ts.prev ts.next ts.interp ts.current_frame ts.base_frame
        ts.last_profiled_frame ts.last_profiled_frame_seq ts.thread_id ts.native_thread_id
        ts.datastack_chunk ts.status ts.holds_gil ts.gil_requested ts.current_exception ts.exc_state
        exc.value
        frame.size frame.previous frame.executable frame.instr_ptr frame.localsplus frame.owner
        frame.stackpointer frame.tlbc_index
        code.size code.filename code.name code.qualname code.linetable code.firstlineno code.argcount
        code.localsplusnames code.localspluskinds code.adaptive code.co_tlbc
        object.size object.type type.size type.name type.repr type.flags type.basicsize type.dictoffset
        heap_type.size heap_type.cached_keys
        tuple.size tuple.item tuple.ob_size list.size list.item list.ob_size
        set.size set.used set.table set.mask
        dict.size dict.keys dict.values float.size float.value long.size long.tag long.digit
        bytes.size bytes.ob_size bytes.value
        unicode.size unicode.state unicode.length unicode.ascii_size unicode.compact_size
        gc.size gc.collecting gc.frame gc.generation_stats_size gc.generation_stats
        gen.size gen.name gen.iframe gen.frame_state
    """,
}

# field of Layout: the word that states it, or two: their sum or difference
_STATED: dict[str, str] = {
    "interpreters_head": "rt.interpreters_head",
    "interpreter_next": "is.next",
    "interpreter_id": "is.id",
    "threads_head": "is.threads_head",
    "interpreter_gil": "is.ceval_gil",
    "gc_collecting": "is.gc + gc.collecting",
    "gc_frame": "gc.frame + is.gc",
    "modules": "is.imports_modules",
    "interpreter_code_generation": "is.code_object_generation",
    "gil_last_holder": "is.gil_holder - is.gil",
    "gil_locked": "is.gil_locked - is.gil",
    "thread_next": "ts.next",
    "native_thread_id": "ts.native_thread_id",
    "thread_id": "ts.thread_id",
    "current_frame": "ts.current_frame",
    "base_frame": "ts.base_frame",
    "datastack_chunk": "ts.datastack_chunk",
    "frame_size": "frame.size",
    "frame_code": "frame.executable",
    "frame_previous": "frame.previous",
    "frame_instruction": "frame.instr_ptr",
    "frame_owner": "frame.owner",
    "frame_values": "frame.localsplus",
    "frame_stack": "frame.stackpointer",
    "code_size": "code.size",
    "code_filename": "code.filename",
    "code_name": "code.name",
    "code_qualname": "code.qualname",
    "code_firstlineno": "code.firstlineno",
    "code_linetable": "code.linetable",
    "code_adaptive": "code.adaptive",
    "object_head": "object.size",
    "object_type": "object.type",
    "object_size": "bytes.ob_size",
    "type_name": "type.name",
    "type_flags": "type.flags",
    "type_basicsize": "type.basicsize",
    "type_dictoffset": "type.dictoffset",
    "heap_cached_keys": "heap_type.cached_keys",
    "tuple_items": "tuple.item",
    "list_items": "list.item",
    "set_used": "set.used",
    "set_mask": "set.mask",
    "set_table": "set.table",
    "dict_keys": "dict.keys",
    "dict_values": "dict.values",
    "long_tag": "long.tag",
    "long_digits": "long.digit",
    "bytes_value": "bytes.value",
    "unicode_state": "unicode.state",
    "unicode_length": "unicode.length",
    "ascii_size": "unicode.ascii_size",
    "compact_size": "unicode.compact_size",
    "generator_name": "gen.name",
    "generator_frame": "gen.iframe",
    "generator_state": "gen.frame_state",
}
# The same in free-threaded builds only.
_STATED_FREE = {
    "gil_enabled": "is.gil_enabled",
    "frame_tlbc_index": "frame.tlbc_index",
    "code_tlbc": "code.co_tlbc",
}

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
# sizeof(PyObject): without and with free threading; trace references add two words.
_HEAD, _FREE_HEAD, _LARGEST_HEAD = 16, 32, 64
_NEWEST = max(DEBUG_OFFSETS_WORDS)


def words_of(version: tuple[int, int]) -> list[str]:
    """The order of the words of a version; that of the newest known one for what came later."""
    return DEBUG_OFFSETS_WORDS[min(version, _NEWEST)].split()


def debug_offsets_size(version: tuple[int, int]) -> int:
    """Bytes of `_Py_DebugOffsets` that are read for this version."""
    return DEBUG_OFFSETS_HEAD.size + 8 * len(words_of(version))


def from_debug_offsets(version: tuple[int, int], data: bytes) -> Layout:
    """The layout that the target's own `_Py_DebugOffsets` (`data`, from its cookie on) states.

    A version that is not known yet is taken for the newest that is. Raises LayoutError when an offset lies
    outside any structure CPython could have, or not where the fields around it are.
    """
    names = words_of(version)
    words = struct.unpack_from(f"<{len(names)}Q", data, DEBUG_OFFSETS_HEAD.size)
    free_threaded = bool(DEBUG_OFFSETS_HEAD.unpack_from(data)[2])
    o = dict(zip(names, words, strict=True))
    _check(o)
    stated: dict[str, Any] = dict.fromkeys(_STATED_FREE)
    stated |= {field: _value(o, said) for field, said in _STATED.items() if _all_in(o, said)}
    stated["datastack_top"] = stated["datastack_chunk"] + 8
    if free_threaded:
        stated |= {field: _value(o, said) for field, said in _STATED_FREE.items() if _all_in(o, said)}
    head = _FREE_HEAD if free_threaded else _HEAD
    beside = BESIDE[min(version, _NEWEST), free_threaded]
    plain = Layout(
        version=min(version, _NEWEST),
        build="free-threaded" if free_threaded else "release",
        free_threaded=free_threaded,
        **{**beside, **stated, "object_head": head},
    )
    if stated["object_head"] == head:
        return plain
    # The tables are of builds without trace references; what the target states is right already.
    build = "free-threaded trace-refs" if free_threaded else "trace-refs"
    shifted = with_object_head(plain, stated["object_head"], build)
    return replace(shifted, **stated)


def _check(o: dict[str, int]) -> None:
    """Raises LayoutError for offsets that no CPython states."""
    wild = [name for name, value in o.items() if value > _REASONABLE]
    if wild:
        raise LayoutError(f"the target's debug offsets are damaged ({wild[0]} = {o[wild[0]]})")
    for order in _IN_ORDER:
        for before, after in pairwise(order.split()):
            if o[before] + 8 > o[after]:
                raise LayoutError(f"the target's debug offsets are damaged ({before} = {o[before]})")
    if o["frame.owner"] >= FRAME:
        raise LayoutError(f"the target's debug offsets are damaged (frame.owner = {o['frame.owner']})")
    if not _HEAD <= o["object.size"] <= _LARGEST_HEAD:
        raise LayoutError(f"the target's debug offsets are damaged (object.size = {o['object.size']})")


def _all_in(o: dict[str, int], said: str) -> bool:
    """Whether this version states the words that are wanted."""
    return all(word in o for word in said.split()[::2])


def _value(o: dict[str, int], said: str) -> int:
    """One word, or the sum or difference of two."""
    first, *rest = said.split()
    if not rest:
        return o[first]
    sign, second = rest
    return o[first] + o[second] if sign == "+" else o[first] - o[second]
