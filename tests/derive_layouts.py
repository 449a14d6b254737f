"""The layout tables, computed from CPython's own headers with a C compiler.

    python -m tests.derive_layouts               the tables of all interpreters with headers here
    python -m tests.derive_layouts 3.8 3.14t ... only these; behind a version `+debug`, `+refs`: such a build

A column of what it prints is a column of `livetop/cpython/layouts/tables.py`, which leaves out what targets
state of themselves (3.13 on).
"""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.build_targets import TESTING

VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

Value = int | str | None
# A C expression, a number, a word, or None; from which minor version on.
Rule = dict[int, Value]


class Unavailable(Exception):
    """No compiler, or no headers of this version: why, in one line."""


def _of(structure: str, *fields: str) -> str:
    return f"offsetof({structure}, {'.'.join(fields)})"


_IS, _TS, _RT = "PyInterpreterState", "PyThreadState", "_PyRuntimeState"
_GIL, _KEYS = "struct _gil_runtime_state", "keys_t"

# Words of the source that no header states are given as such: they come from the files named beside them.
WORDS: dict[str, Rule] = {
    "frames": {6: "heap", 11: "interpreter"},
    # Objects/lnotab_notes.txt, Objects/locations.md
    "lines": {6: "lnotab", 10: "pairs", 11: "locations"},
    # Objects/dictobject.c
    "values_kind": {6: "dict", 11: "pointer", 12: "tagged", 13: "inline"},
    # Objects/genobject.c (_PyGen_yf): where the innermost value of a frame's stack is found
    "stack_kind": {6: "pointer", 10: "depth", 11: "index", 14: "pointer"},
}

FIELDS: dict[str, Rule] = {
    "object_head": {6: "sizeof(PyObject)"},
    "object_type": {6: _of("PyObject", "ob_type")},
    "object_size": {6: _of("PyVarObject", "ob_size")},
    # _PyRuntimeState; before 3.7 the variable `interp_head` itself
    "interpreters_head": {6: 0, 7: _of(_RT, "interpreters.head")},
    "runtime_gil": {6: None, 7: _of(_RT, "ceval.gil"), 12: None},
    "runtime_gc_collecting": {6: None, 7: _of(_RT, "gc.collecting"), 9: None},
    # PyInterpreterState
    "interpreter_next": {6: _of(_IS, "next")},
    "interpreter_id": {6: None, 7: _of(_IS, "id")},
    "threads_head": {6: _of(_IS, "tstate_head"), 11: _of(_IS, "threads.head")},
    "interpreter_gil": {6: None, 12: _of(_IS, "ceval.gil")},
    "gc_collecting": {6: None, 9: _of(_IS, "gc.collecting")},
    "gc_frame": {6: None, 15: _of(_IS, "gc.frame")},
    "modules": {6: _of(_IS, "modules"), 12: _of(_IS, "imports.modules")},
    "interpreter_code_generation": {6: None, 14: _of(_IS, "_code_object_generation")},
    # struct _gil_runtime_state; before 3.7 the variable `_PyThreadState_Current`
    "gil_last_holder": {6: 0, 7: _of(_GIL, "last_holder")},
    "gil_locked": {6: None, 7: _of(_GIL, "locked")},
    "gil_attached": {
        6: None,
        7: f"{_of(_RT, 'gilstate.tstate_current')} - {_of(_RT, 'ceval.gil')}",
        12: None,
    },
    "gil_switch_number": {6: None, 7: _of(_GIL, "switch_number")},
    "gil_size": {6: 0, 7: f"sizeof({_GIL})"},
    "gil_enabled": {6: None, 13: "GIL_ENABLED"},
    # PyThreadState
    "thread_next": {6: _of(_TS, "next")},
    "native_thread_id": {6: None, 11: _of(_TS, "native_thread_id")},
    "thread_id": {6: _of(_TS, "thread_id")},
    "thread_state": {6: None, 13: _of(_TS, "state")},
    "cframe": {6: None, 11: _of(_TS, "cframe"), 13: None},
    "cframe_mark": {6: None, 10: _of(_TS, "cframe"), 11: None},
    "cframe_previous": {6: 0, 10: "offsetof(CFRAME, previous)", 13: 0},
    "current_frame": {
        6: _of(_TS, "frame"),
        11: "offsetof(CFRAME, current_frame)",
        13: _of(_TS, "current_frame"),
    },
    "base_frame": {6: None, 15: _of(_TS, "base_frame")},
    "datastack_chunk": {6: 0, 11: _of(_TS, "datastack_chunk")},
    "datastack_top": {6: 0, 11: _of(_TS, "datastack_top")},
    # PyFrameObject to 3.10, _PyInterpreterFrame
    "frame_size": {
        6: "(offsetof(FRAME, f_executing) + 8) & ~7",
        10: "(offsetof(FRAME, f_state) + 8) & ~7",
        11: "sizeof(FRAME)",
    },
    "frame_code": {6: "offsetof(FRAME, f_code)", 13: "offsetof(FRAME, f_executable)"},
    "frame_previous": {6: "offsetof(FRAME, f_back)", 11: "offsetof(FRAME, previous)"},
    "frame_instruction": {
        6: "offsetof(FRAME, f_lasti)",
        11: "offsetof(FRAME, prev_instr)",
        13: "offsetof(FRAME, instr_ptr)",
    },
    "instruction_unit": {6: 1, 10: 2},
    "frame_state": {6: "offsetof(FRAME, f_executing)", 10: "offsetof(FRAME, f_state)", 11: None},
    "frame_executing": {6: 1, 10: "FRAME_EXECUTING", 11: None},
    "frame_unwinding": {6: None, 10: "FRAME_UNWINDING", 11: None},
    "frame_is_entry": {6: None, 11: "offsetof(FRAME, is_entry)", 12: None},
    "frame_owner": {6: 0, 11: "offsetof(FRAME, owner)"},
    "hidden_owner": {
        6: 0,
        11: "FRAME_OWNED_BY_FRAME_OBJECT + 1",
        12: "FRAME_OWNED_BY_CSTACK",
        14: "FRAME_OWNED_BY_INTERPRETER",
    },
    "frame_tlbc_index": {6: None, 14: "TLBC_INDEX"},
    "frame_values": {
        6: "offsetof(FRAME, f_valuestack)",
        11: "offsetof(FRAME, localsplus)",
    },
    "frame_stack": {
        6: "offsetof(FRAME, f_stacktop)",
        10: "offsetof(FRAME, f_stackdepth)",
        11: "offsetof(FRAME, stacktop)",
        14: "offsetof(FRAME, stackpointer)",
    },
    # PyCodeObject
    "code_size": {6: "sizeof(PyCodeObject)"},
    "code_flags": {6: _of("PyCodeObject", "co_flags")},
    "code_filename": {6: _of("PyCodeObject", "co_filename")},
    "code_name": {6: _of("PyCodeObject", "co_name")},
    "code_qualname": {6: _of("PyCodeObject", "co_name"), 11: _of("PyCodeObject", "co_qualname")},
    "code_firstlineno": {6: _of("PyCodeObject", "co_firstlineno")},
    "code_linetable": {6: _of("PyCodeObject", "co_lnotab"), 10: _of("PyCodeObject", "co_linetable")},
    "code_code": {6: _of("PyCodeObject", "co_code"), 11: None},
    "code_adaptive": {6: 0, 11: _of("PyCodeObject", "co_code_adaptive")},
    "code_tlbc": {6: None, 14: "CODE_TLBC"},
    # PyGenObject, and with the same fields coroutines and asynchronous generators
    "generator_frame": {6: _of("PyGenObject", "gi_frame"), 11: _of("PyGenObject", "gi_iframe")},
    "generator_name": {6: _of("PyGenObject", "gi_name")},
    "generator_qualname": {6: _of("PyGenObject", "gi_qualname")},
    "generator_state": {6: None, 11: _of("PyGenObject", "gi_frame_state")},
    # str, bytes
    "ascii_size": {6: "sizeof(PyASCIIObject)"},
    "compact_size": {6: "sizeof(PyCompactUnicodeObject)"},
    "unicode_length": {6: _of("PyASCIIObject", "length")},
    "unicode_state": {6: _of("PyASCIIObject", "state")},
    "kind_mask": {6: "state_mask(7, 0, 0)"},
    "compact_mask": {6: "state_mask(0, 1, 0)"},
    "ascii_mask": {6: "state_mask(0, 0, 1)"},
    "bytes_value": {6: _of("PyBytesObject", "ob_sval")},
    # int: a sign and digits of 30 bits
    "long_tag": {6: None, 12: _of("PyLongObject", "long_value.lv_tag")},
    "long_digits": {6: _of("PyLongObject", "ob_digit"), 12: _of("PyLongObject", "long_value.ob_digit")},
    # PyTypeObject, PyHeapTypeObject
    "type_name": {6: _of("PyTypeObject", "tp_name")},
    "type_basicsize": {6: _of("PyTypeObject", "tp_basicsize")},
    "type_itemsize": {6: _of("PyTypeObject", "tp_itemsize")},
    "type_flags": {6: _of("PyTypeObject", "tp_flags")},
    "type_dictoffset": {6: _of("PyTypeObject", "tp_dictoffset")},
    "heap_cached_keys": {6: _of("PyHeapTypeObject", "ht_cached_keys")},
    # Where an instance keeps its attributes: pycore_object.h
    "managed_dict": {6: None, 11: -24, 13: "MANAGED_DICT_OFFSET"},
    "values_at": {6: None, 11: -32, 12: -24, 13: "sizeof(PyObject) + offsetof(PyDictValues, values)"},
    "values_head": {6: 0, 13: "offsetof(PyDictValues, values)"},
    # containers
    "module_dict": {6: "sizeof(PyObject)", 11: _of("PyModuleObject", "md_dict")},
    "list_items": {6: _of("PyListObject", "ob_item")},
    "tuple_items": {6: _of("PyTupleObject", "ob_item")},
    "dict_keys": {6: _of("PyDictObject", "ma_keys")},
    "dict_values": {6: _of("PyDictObject", "ma_values")},
    "keys_size": {6: _of(_KEYS, "dk_size"), 11: None},
    "keys_log2_bytes": {6: None, 11: _of(_KEYS, "dk_log2_index_bytes")},
    "keys_kind": {6: None, 11: _of(_KEYS, "dk_kind")},
    "keys_count": {6: _of(_KEYS, "dk_nentries")},
    "keys_indices": {6: _of(_KEYS, "dk_indices")},
    "set_used": {6: _of("PySetObject", "used")},
    "set_mask": {6: _of("PySetObject", "mask")},
    "set_table": {6: _of("PySetObject", "table")},
    "weakref_object": {6: _of("PyWeakReference", "wr_object")},
}

_SOURCE = """
#include "Python.h"
#include "structmember.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#if PY_VERSION_HEX < 0x030b0000
#include "frameobject.h"
/* Objects/dict-common.h, which is not installed */
typedef struct {
    Py_ssize_t dk_refcnt, dk_size; void *dk_lookup; Py_ssize_t dk_usable, dk_nentries; char dk_indices[];
} keys_t;
typedef PyFrameObject FRAME;
#else
#include "internal/pycore_frame.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"
#include "internal/pycore_moduleobject.h"
typedef PyDictKeysObject keys_t;
typedef _PyInterpreterFrame FRAME;
#endif
#if PY_VERSION_HEX >= 0x03070000
#if PY_VERSION_HEX < 0x03080000
#include "internal/pystate.h"
#else
#include "internal/pycore_pystate.h"
#endif
#endif
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_runtime.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_gil.h"
#endif
#if PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_ceval.h"
#include "internal/pycore_runtime_init.h"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_debug_offsets.h"
#include "internal/pycore_interpframe.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#define CFRAME _PyCFrame
#else
#define CFRAME CFrame
#endif
#ifdef Py_GIL_DISABLED
#define GIL_ENABLED (long)offsetof(struct _gil_runtime_state, enabled)
#define TLBC_INDEX (long)offsetof(FRAME, tlbc_index)
#define CODE_TLBC (long)offsetof(PyCodeObject, co_tlbc)
#else
#define GIL_ENABLED NOT_THERE
#define TLBC_INDEX NOT_THERE
#define CODE_TLBC NOT_THERE
#endif
#define NOT_THERE (-9999L)

static long state_mask(int kind, int compact, int ascii)
{
    static PyASCIIObject text;
    unsigned word;
    memset(&text, 0, sizeof text);
    text.state.kind = kind;
    text.state.compact = compact;
    text.state.ascii = ascii;
    memcpy(&word, &text.state, sizeof word);
    return word;
}
"""


@dataclass(frozen=True)
class Build:
    """A version and how it was built: `name` like "3.8", "3.14t", "3.11+debug", "3.9+refs", "3.7+early"."""

    minor: int
    free_threaded: bool = False
    debug: bool = False
    trace_refs: bool = False
    early: bool = False
    """3.7.0 to 3.7.3: as in the headers of later ones, but for the alignment of PyGC_Head."""

    @property
    def name(self) -> str:
        options = {"+debug": self.debug, "+refs": self.trace_refs, "+early": self.early}
        return f"3.{self.minor}" + "t" * self.free_threaded + "".join(o for o, on in options.items() if on)

    @classmethod
    def parse(cls, name: str) -> Build:
        """Raises ValueError."""
        version, *options = name.split("+")
        plain = version.removesuffix("t")
        if plain not in VERSIONS or not {*options} <= {"debug", "refs", "early"}:
            raise ValueError(f"no such build: {name}")
        return cls(int(plain[2:]), plain != version, *(one in options for one in ("debug", "refs", "early")))


@functools.cache
def include(version: str) -> str | None:
    """The headers of a version, wherever it is installed or unpacked."""
    candidates = [str(TESTING.root / "usr/include" / f"python{version}")]
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    candidates += sorted(glob.glob(f"{root}/versions/{version}.*/include/python{version}*"))
    candidates += [f"/usr/local/include/python{version}", f"/usr/include/python{version}"]
    for folder in candidates:
        if os.path.exists(f"{folder}/internal") or (
            version == "3.6" and os.path.exists(f"{folder}/Python.h")
        ):
            return folder
    return None


def rule(field: str, minor: int) -> Value:
    """What is said of a field in this version."""
    found: Value = None
    for since, value in (FIELDS.get(field) or WORDS[field]).items():
        if since <= minor:
            found = value
    return found


def compute(build: Build, lines: Sequence[str]) -> list[str]:
    """What a C program of these statements prints, line by line, with the headers of this build.

    Raises Unavailable.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Unavailable("no C compiler here")
    headers = include(f"3.{build.minor}")
    if headers is None:
        raise Unavailable(f"no headers of CPython 3.{build.minor} here")
    options = ["-DPy_BUILD_CORE"]
    # As configure would say it: --with-trace-refs, and --with-pydebug, which brought the former to 3.7.
    options += ["-DPy_DEBUG"] * build.debug + ["-DPy_TRACE_REFS"] * build.trace_refs
    options += ["-DPy_GIL_DISABLED=1"] * build.free_threaded
    body = "int main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n"
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "offsets.c", Path(folder) / "offsets"
        source.write_text(_SOURCE + body)
        if build.early:
            headers = _earlier(headers, Path(folder))
        words = [compiler, "-w", "-O0", "-no-pie", "-Wl,--unresolved-symbols=ignore-all", *options]
        words += [f"-I{headers}", f"-I{headers}/internal", "-idirafter", f"{headers}/.."]
        made = subprocess.run([*words, "-o", program, source], capture_output=True, text=True, check=False)
        if made.returncode:
            raise AssertionError(f"{build.name}: {made.stderr[:3000]}")
        return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


def _earlier(headers: str, folder: Path) -> str:
    """A copy of 3.7's headers as they were before 3.7.4."""
    copy = shutil.copytree(headers, folder / "earlier")
    objects = copy / "objimpl.h"
    objects.write_text(objects.read_text().replace("long double dummy;", "double dummy;"))
    return str(copy)


def derive(build: Build, extra: Sequence[str] = ()) -> dict[str, Value]:
    """Every field of `Layout` that the headers of a build state. Raises Unavailable.

    `extra` are C expressions whose values are added under their own text.
    """
    said: dict[str, Value] = {field: rule(field, build.minor) for field in (*WORDS, *FIELDS)}
    asked = [field for field in FIELDS if isinstance(said[field], str)]
    lines = [f'printf("%ld\\n", (long)({said[field]}));' for field in asked]
    lines += [f'printf("%ld\\n", (long)({text}));' for text in extra]
    values = [int(line) for line in compute(build, lines)]
    for field, value in zip([*asked, *extra], values, strict=True):
        said[field] = None if value == -9999 else value
    return said


def debug_offsets(build: Build) -> bytes:
    """`_Py_DebugOffsets` as a target of this build has it (3.13 on). Raises Unavailable."""
    kind, offsets = _DEBUG_OFFSETS[build.minor >= 14]
    lines = [
        kind,
        f"const unsigned char *bytes = (void *)&{offsets};",
        f'for (size_t i = 0; i < sizeof {offsets}; i++) printf("%02x", bytes[i]);',
    ]
    [text] = compute(build, lines)
    return bytes.fromhex(text)


_DEBUG_OFFSETS = (
    ("static _PyRuntimeState said = _PyRuntimeState_INIT(said, _Py_Debug_Cookie);", "said.debug_offsets"),
    ("static struct _Py_DebugOffsets said = _Py_DebugOffsets_INIT(_Py_Debug_Cookie);", "said"),
)


def builds() -> Iterable[Build]:
    """Those whose columns the shipped tables have."""
    for version in VERSIONS:
        minor = int(version[2:])
        yield Build(minor)
        if minor >= 13:
            yield Build(minor, free_threaded=True)


def main(words: Sequence[str]) -> int:
    wanted = [Build.parse(word) for word in words] or list(builds())
    columns: dict[str, dict[str, Value]] = {}
    for build in wanted:
        try:
            columns[build.name] = derive(build)
        except Unavailable as error:
            print(f"{build.name}: {error}", file=sys.stderr)
    cells = {
        name: ["-" if value is None else str(value) for value in column.values()]
        for name, column in columns.items()
    }
    wide = {name: max(map(len, [name, *column])) + 2 for name, column in cells.items()}
    print("field".ljust(28) + "".join(name.rjust(wide[name]) for name in cells))
    for place, field in enumerate((*WORDS, *FIELDS)):
        print(field.ljust(28) + "".join(column[place].rjust(wide[name]) for name, column in cells.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
