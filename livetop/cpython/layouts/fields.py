"""What a layout is: the offsets of one version and build of CPython.

Sizes and offsets are bytes, on 64-bit machines. A field is None where that version has no such thing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields, replace

# What is read of each _PyInterpreterFrame: all but its values.
FRAME = 80
# struct _PyStackChunk: previous, size, top (an index of words), data; the same since 3.11.
CHUNK = struct.Struct("<QQQ")
CHUNK_DATA = CHUNK.size


class LayoutError(ValueError):
    """The offsets of a target make no sense, or its version has no table; one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The offsets of one version and build."""

    version: tuple[int, int]
    build: str = "release"
    """release, debug, trace-refs, free-threaded, or free-threaded debug."""
    free_threaded: bool = False

    frames: str
    """heap: PyFrameObject (to 3.10); interpreter: _PyInterpreterFrame (3.11 on)."""
    lines: str
    """lnotab (to 3.9), pairs (3.10: co_linetable of PEP 626) or locations (3.11 on)."""
    values_kind: str
    """Where an instance keeps its attributes: in a `dict` at tp_dictoffset (to 3.10); behind a `pointer`
    before it (3.11); `tagged` (3.12: a dict's pointer unless bit 0 is set: then of values, one less);
    `inline` (3.13 on: in itself, or in a dict)."""
    stack_kind: str
    """What `frame_stack` is: a `pointer` behind the innermost value (0 while a heap frame runs), or a number
    of values: `depth` from the pointer at `frame_values` on, `index` from the words at `frame_values` on."""

    # PyObject, PyVarObject
    object_head: int
    """Size of PyObject: 16, or 32 where objects have two words more (trace refs, free-threaded)."""
    object_type: int
    object_size: int

    # _PyRuntimeState; in 3.6 the variable `interp_head`
    interpreters_head: int
    runtime_gil: int | None
    """The one GIL of all interpreters lies in the runtime (3.7 to 3.11)."""
    runtime_gc_collecting: int | None
    """The flag of a running collection, where the runtime has it (3.7, 3.8)."""

    # PyInterpreterState
    interpreter_next: int
    interpreter_id: int | None
    threads_head: int
    interpreter_gil: int | None
    """Pointer to the interpreter's GIL (3.12 on)."""
    gc_collecting: int | None
    """The flag of a running collection, where the interpreter has it (3.9 on)."""
    gc_frame: int | None
    """Pointer to the frame that set off the running collection (3.15 on)."""
    modules: int
    interpreter_code_generation: int | None
    """Counts code objects that were freed (3.14 on)."""

    # struct _gil_runtime_state; in 3.6 the variable `_PyThreadState_Current`
    gil_last_holder: int
    gil_locked: int | None
    """None: a holder that is not null holds it (3.6)."""
    gil_attached: int | None
    """From the GIL on: the runtime's pointer to the thread state that is attached, null without one (3.7 to
    3.11). It knows at once of switches to subinterpreters, the GIL only later."""
    gil_switch_number: int | None
    gil_size: int
    """The whole structure: the condition variables and mutexes that a waiting thread's futex lies in."""
    gil_enabled: int | None
    """In free-threaded builds only: not 0 while the GIL is in use all the same."""

    # PyThreadState
    thread_next: int
    native_thread_id: int | None
    """The thread's id in the system (3.11 on)."""
    thread_id: int
    """threading.get_ident(): the address of its `struct pthread`."""
    thread_state: int | None
    """int: 0 detached, 1 attached, 2 suspended (3.13 on; pycore_pystate.h)."""
    cframe: int | None
    """Pointer to the _PyCFrame that holds the current frame (3.11, 3.12)."""
    cframe_mark: int | None
    """Pointer to a CFrame on the C stack of the evaluation loop, that holds no frame (3.10)."""
    cframe_previous: int
    current_frame: int
    """In the thread state, or, where `cframe` is set, in the _PyCFrame."""
    base_frame: int | None
    """Pointer to the frame that ends every stack and runs nothing (3.15 on)."""
    datastack_chunk: int
    datastack_top: int

    # PyFrameObject, _PyInterpreterFrame
    frame_size: int
    """Bytes to read of a frame: those of all the fields below but its values."""
    frame_code: int
    frame_previous: int
    frame_instruction: int
    """f_lasti, an int (heap frames), prev_instr or instr_ptr."""
    instruction_unit: int
    """Bytes of bytecode that a step of f_lasti stands for."""
    frame_state: int | None
    """A byte of heap frames (f_executing, f_state) that is `frame_executing` while they run."""
    frame_executing: int | None
    frame_unwinding: int | None
    """The same byte while a frame looks for a handler, which may call destructors (3.10)."""
    frame_is_entry: int | None
    """A flag in the frames that an evaluation loop begins with (3.11)."""
    frame_owner: int
    hidden_owner: int
    """Owners from this one on are not Python frames (the C stack's entry frames)."""
    frame_tlbc_index: int | None
    """int32: which of the code's copies of bytecode a frame runs (free-threaded, 3.14 on)."""
    frame_values: int
    frame_stack: int

    # PyCodeObject
    code_size: int
    code_flags: int
    code_filename: int
    code_name: int
    code_qualname: int
    """co_name where there is no co_qualname (to 3.10)."""
    code_firstlineno: int
    code_linetable: int
    code_code: int | None
    """Pointer to the bytes object of the bytecode (to 3.10)."""
    code_adaptive: int
    """The bytecode itself (3.11 on)."""
    code_tlbc: int | None
    """Pointer to _PyCodeArray {size, pointers to copies of the bytecode} (free-threaded, 3.14 on)."""

    # PyGenObject, PyCoroObject, PyAsyncGenObject
    generator_frame: int
    """Pointer to its frame (to 3.10, null at its end), or the frame itself."""
    generator_name: int
    generator_qualname: int
    generator_state: int | None
    """int8 gi_frame_state (3.11 on; pycore_frame.h)."""

    # PyASCIIObject, PyCompactUnicodeObject, PyBytesObject
    ascii_size: int
    compact_size: int
    unicode_length: int
    unicode_state: int
    kind_mask: int
    """The bits of the 32-bit `state` that hold the bytes a character: 1, 2 or 4."""
    compact_mask: int
    ascii_mask: int
    bytes_value: int

    # PyLongObject
    long_tag: int | None
    """lv_tag (3.12 on): digits << 3 | sign; before, ob_size has the digits' number and the sign."""
    long_digits: int

    # PyTypeObject, PyHeapTypeObject
    type_name: int
    type_basicsize: int
    type_itemsize: int
    type_flags: int
    type_dictoffset: int
    heap_cached_keys: int

    # Instances: pycore_object.h
    managed_dict: int | None
    """Before the object: pointer to its dict (3.11 on)."""
    values_at: int | None
    values_head: int
    """Bytes before the first value of a split dict's values."""

    # PyModuleObject, PyListObject, PyTupleObject, PyDictObject, PySetObject, PyWeakReference
    module_dict: int
    list_items: int
    tuple_items: int
    dict_keys: int
    dict_values: int
    keys_size: int | None
    """dk_size: slots of the table of indices (to 3.10)."""
    keys_log2_bytes: int | None
    """dk_log2_index_bytes: log2 of the bytes of the table of indices (3.11 on)."""
    keys_kind: int | None
    """dk_kind: 0 where entries have a hash of their own (3.11 on; before, all have)."""
    keys_count: int
    keys_indices: int
    set_used: int
    set_mask: int
    set_table: int
    weakref_object: int


# Fields that count from the start of an object: they move with the size of its head.
_OF_OBJECTS = (
    "object_head", "object_type", "object_size", "code_", "generator_", "ascii_size", "compact_size",
    "unicode_", "bytes_", "long_", "type_", "heap_", "module_dict", "list_", "tuple_", "dict_", "set_",
    "weakref_",
)  # fmt: skip
_OF_HEAP_FRAMES = ("frame_size", "frame_code", "frame_previous", "frame_instruction", "frame_state",
                   "frame_values", "frame_stack")  # fmt: skip


def with_object_head(layout: Layout, size: int, build: str) -> Layout:
    """The layout of a build whose objects begin with `size` bytes instead (Include/object.h)."""
    by = size - layout.object_head
    moved: dict[str, int] = {}
    for field in fields(layout):
        value = getattr(layout, field.name)
        heap = layout.frames == "heap"
        of_object = field.name.startswith(_OF_OBJECTS) or (heap and field.name in _OF_HEAP_FRAMES)
        if field.name == "values_at":
            # Behind the head, not before the object.
            of_object = layout.values_kind == "inline"
        if of_object and isinstance(value, int) and (value or field.name != "code_adaptive"):
            moved[field.name] = value + by
    return replace(layout, build=build, **moved)  # type: ignore[arg-type]


# Of elf.h. glibc's pthread_mutex_t has 48 bytes there, 40 elsewhere, and a GIL has two.
_AARCH64 = 183
_LARGER_MUTEXES = 2 * 8


def on_machine(layout: Layout, machine: int) -> Layout:
    """The layout on a machine (e_machine): what lies behind the GIL's mutexes may be elsewhere."""
    if machine != _AARCH64 or not layout.gil_size:
        return layout
    return replace(layout, gil_size=layout.gil_size + _LARGER_MUTEXES, gil_attached=None)
