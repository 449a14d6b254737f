"""Layouts: what a target states of itself, and that the tables are what the headers say."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_target import LAYOUTS, WORDS_3_13, debug_offsets
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.layout import (
    CHUNK,
    CHUNK_DATA,
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    FRAME,
    LayoutError,
    debug_offsets_size,
    from_debug_offsets,
)
from livetop.cpython.regions import Shape
from tests.suites import TESTING

V = (3, 13)


def test_offsets_are_taken_from_where_they_stand() -> None:
    layout = from_debug_offsets(V, debug_offsets(WORDS_3_13))
    assert layout.frame_instruction == 56
    assert layout.gc_collecting == 7400 + 200
    assert layout.gil_last_holder == 8
    assert layout.gil_locked == 16
    assert layout.datastack_top == 240
    assert layout.code_adaptive == 200
    assert layout.interpreter_gil == 16
    assert layout.cframe is None


@pytest.mark.parametrize(
    "wild",
    [
        {"frame.previous": 56},
        {"frame.owner": 80},
        {"ts.current_frame": 232},
        {"unicode.state": 16},
        {"is.gil_holder": 7700},
        {"code.linetable": 208},
        {"bytes.ob_size": 4096},
        {"code.size": 100},
    ],
)
def test_offsets_that_do_not_fit_each_other_are_refused(wild: dict[str, int]) -> None:
    with pytest.raises(LayoutError):
        from_debug_offsets(V, debug_offsets(WORDS_3_13 | wild))


def test_each_word_is_read_from_its_own_place() -> None:
    names = DEBUG_OFFSETS_WORDS[V].split()
    assert len(set(names)) == len(names)
    plain = from_debug_offsets(V, debug_offsets(WORDS_3_13))
    for name in ("frame.owner", "unicode.ascii_size", "code.linetable", "code.adaptive", "bytes.value"):
        moved = from_debug_offsets(V, debug_offsets(WORDS_3_13 | {name: WORDS_3_13[name] + 1}))
        changed = [field for field in plain.__slots__ if getattr(plain, field) != getattr(moved, field)]
        assert len(changed) == 1, name


def test_the_size_is_that_of_the_head_and_all_words() -> None:
    assert debug_offsets_size(V) == len(debug_offsets(WORDS_3_13))


@pytest.mark.parametrize("value", [(1 << 20) + 1, 1 << 32, (1 << 64) - 1])
def test_wild_offsets_are_refused(value: int) -> None:
    for name in DEBUG_OFFSETS_WORDS[V].split():
        with pytest.raises(LayoutError) as caught:
            from_debug_offsets(V, debug_offsets(WORDS_3_13 | {name: value}))
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@given(st.binary(min_size=debug_offsets_size(V), max_size=debug_offsets_size(V)))
def test_garbage_is_refused_not_believed(data: bytes) -> None:
    try:
        from_debug_offsets(V, data)
    except LayoutError:
        return
    words = [data[at : at + 8] for at in range(DEBUG_OFFSETS_HEAD.size, len(data), 8)]
    assert all(int.from_bytes(word, "little") <= 1 << 20 for word in words)


@given(st.dictionaries(st.sampled_from(list(WORDS_3_13)), st.integers(0, 400)))
def test_small_garbage_gives_a_shape_or_is_refused(wild: dict[str, int]) -> None:
    data = debug_offsets(WORDS_3_13 | wild)
    try:
        Shape(from_debug_offsets(V, data))
    except LayoutError:
        return


# ---------------------------------------------------------------- against CPython's own headers

_FIELDS = {
    "interpreter_next": "offsetof(PyInterpreterState, next)",
    "interpreter_id": "offsetof(PyInterpreterState, id)",
    "threads_head": "offsetof(PyInterpreterState, threads.head)",
    "gc_collecting": "offsetof(PyInterpreterState, gc.collecting)",
    "gil_last_holder": "offsetof(struct _gil_runtime_state, last_holder)",
    "gil_locked": "offsetof(struct _gil_runtime_state, locked)",
    "gil_switch_number": "offsetof(struct _gil_runtime_state, switch_number)",
    "thread_next": "offsetof(PyThreadState, next)",
    "native_thread_id": "offsetof(PyThreadState, native_thread_id)",
    "thread_id": "offsetof(PyThreadState, thread_id)",
    "datastack_chunk": "offsetof(PyThreadState, datastack_chunk)",
    "datastack_top": "offsetof(PyThreadState, datastack_top)",
    "frame_previous": "offsetof(_PyInterpreterFrame, previous)",
    "frame_owner": "offsetof(_PyInterpreterFrame, owner)",
    "code_size": "sizeof(PyCodeObject)",
    "code_filename": "offsetof(PyCodeObject, co_filename)",
    "code_name": "offsetof(PyCodeObject, co_name)",
    "code_qualname": "offsetof(PyCodeObject, co_qualname)",
    "code_firstlineno": "offsetof(PyCodeObject, co_firstlineno)",
    "code_linetable": "offsetof(PyCodeObject, co_linetable)",
    "code_adaptive": "offsetof(PyCodeObject, co_code_adaptive)",
    "ascii_size": "sizeof(PyASCIIObject)",
    "compact_size": "sizeof(PyCompactUnicodeObject)",
    "heap_cached_keys": "offsetof(PyHeapTypeObject, ht_cached_keys)",
    "unicode_length": "offsetof(PyASCIIObject, length)",
    "unicode_state": "offsetof(PyASCIIObject, state)",
    "bytes_value": "offsetof(PyBytesObject, ob_sval)",
    "object_type": "offsetof(PyObject, ob_type)",
    "object_size": "offsetof(PyVarObject, ob_size)",
    "dict_keys": "offsetof(PyDictObject, ma_keys)",
    "dict_values": "offsetof(PyDictObject, ma_values)",
    "gil_least": "sizeof(struct _gil_runtime_state)",
    "chunk_size": "offsetof(_PyStackChunk, size)",
    "chunk_top": "offsetof(_PyStackChunk, top)",
    "chunk_data": "offsetof(_PyStackChunk, data)",
    "keys_log2_size": "offsetof(PyDictKeysObject, dk_log2_size)",
    "keys_nentries": "offsetof(PyDictKeysObject, dk_nentries)",
    "keys_indices": "offsetof(PyDictKeysObject, dk_indices)",
}
_OF = {
    "3.11": {
        "interpreters_head": "offsetof(_PyRuntimeState, interpreters.head)",
        "runtime_gil": "offsetof(_PyRuntimeState, ceval.gil)",
        "modules": "offsetof(PyInterpreterState, modules)",
        "cframe": "offsetof(PyThreadState, cframe)",
        "current_frame": "offsetof(_PyCFrame, current_frame)",
        "frame_code": "offsetof(_PyInterpreterFrame, f_code)",
        "frame_instruction": "offsetof(_PyInterpreterFrame, prev_instr)",
        # What 3.12 called FRAME_OWNED_BY_CSTACK is not there yet.
        "hidden_owner": "FRAME_OWNED_BY_FRAME_OBJECT + 1",
    },
    "3.12": {
        "interpreters_head": "offsetof(_PyRuntimeState, interpreters.head)",
        "interpreter_gil": "offsetof(PyInterpreterState, ceval.gil)",
        "modules": "offsetof(PyInterpreterState, imports.modules)",
        "cframe": "offsetof(PyThreadState, cframe)",
        "current_frame": "offsetof(_PyCFrame, current_frame)",
        "frame_code": "offsetof(_PyInterpreterFrame, f_code)",
        "frame_instruction": "offsetof(_PyInterpreterFrame, prev_instr)",
        "hidden_owner": "FRAME_OWNED_BY_CSTACK",
    },
    "3.13": {
        "interpreters_head": "offsetof(_PyRuntimeState, interpreters.head)",
        "interpreter_gil": "offsetof(PyInterpreterState, ceval.gil)",
        "modules": "offsetof(PyInterpreterState, imports.modules)",
        "current_frame": "offsetof(PyThreadState, current_frame)",
        "frame_code": "offsetof(_PyInterpreterFrame, f_executable)",
        "frame_instruction": "offsetof(_PyInterpreterFrame, instr_ptr)",
        "hidden_owner": "FRAME_OWNED_BY_CSTACK",
        "values_at": "sizeof(PyObject) + offsetof(PyDictValues, values)",
    },
    "3.14": {
        "interpreters_head": "offsetof(_PyRuntimeState, interpreters.head)",
        "interpreter_gil": "offsetof(PyInterpreterState, ceval.gil)",
        "modules": "offsetof(PyInterpreterState, imports.modules)",
        "current_frame": "offsetof(PyThreadState, current_frame)",
        "frame_code": "offsetof(_PyInterpreterFrame, f_executable)",
        "frame_instruction": "offsetof(_PyInterpreterFrame, instr_ptr)",
        "hidden_owner": "FRAME_OWNED_BY_INTERPRETER",
        "values_at": "sizeof(PyObject) + offsetof(PyDictValues, values)",
    },
}

# The words of _Py_DebugOffsets: their order is that of the struct's members.
_PARTS = {
    "rt": "runtime_state", "is": "interpreter_state", "ts": "thread_state", "frame": "interpreter_frame",
    "code": "code_object", "object": "pyobject", "type": "type_object", "tuple": "tuple_object",
    "list": "list_object", "dict": "dict_object", "float": "float_object", "long": "long_object",
    "bytes": "bytes_object", "unicode": "unicode_object", "gc": "gc", "set": "set_object",
}  # fmt: skip
_MEMBERS = {
    "is.gil": "gil_runtime_state", "is.gil_enabled": "gil_runtime_state_enabled",
    "is.gil_locked": "gil_runtime_state_locked", "is.gil_holder": "gil_runtime_state_holder",
    "type.name": "tp_name", "type.repr": "tp_repr", "type.flags": "tp_flags", "long.tag": "lv_tag",
    "long.digit": "ob_digit", "tuple.item": "ob_item", "list.item": "ob_item", "dict.keys": "ma_keys",
    "dict.values": "ma_values", "float.value": "ob_fval", "bytes.value": "ob_sval", "object.type": "ob_type",
    "unicode.ascii_size": "asciiobject_size", "code.adaptive": "co_code_adaptive",
}  # fmt: skip


def _include(version: str) -> str | None:
    """The headers of an interpreter of this version, wherever one is installed."""
    unpacked = TESTING.root / "usr/include" / f"python{version}"
    if (unpacked / "internal").exists():
        return str(unpacked)
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = [*sorted(glob.glob(f"{root}/versions/{version}.*/bin/python3")), shutil.which(f"python{version}")]
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        found.append(sys.executable)
    for interpreter in found:
        if not interpreter:
            continue
        asked = [interpreter, "-Ic", "import sysconfig; print(sysconfig.get_path('include'))"]
        folder = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if os.path.exists(f"{folder}/internal/pycore_frame.h"):
            return folder
    return None


def _computed(version: str, wanted: dict[str, str], folder: Path) -> dict[str, int]:
    """The values of C expressions, by a program compiled against the headers of this version."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    include = _include(version)
    if include is None:
        pytest.skip(f"no headers of CPython {version} here")
    lines = [f'printf("{name} %zu\\n", (size_t)({text}));' for name, text in wanted.items()]
    heads = ["Python.h", "internal/pycore_frame.h", "internal/pycore_runtime.h", "internal/pycore_interp.h"]
    heads += ["internal/pycore_dict.h", "internal/pycore_gil.h"]
    source = "".join(f'#include "{head}"\n' for head in heads) + "#include <stddef.h>\n#include <stdio.h>\n"
    source += "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n"
    program = folder / "offsets"
    (folder / "offsets.c").write_text(source)
    made = subprocess.run(
        [compiler, "-w", "-O0", "-DPy_BUILD_CORE", f"-I{include}", f"-I{include}/internal", "-idirafter",
         f"{include}/..", "-o", program, folder / "offsets.c"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[:2000]
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in said.splitlines())}


@pytest.mark.parametrize("minor", LAYOUTS)
def test_layouts_are_what_the_headers_say(minor: str, tmp_path: Path) -> None:
    wanted = _FIELDS | _OF[minor]
    major, _, patch = minor.partition(".")
    words = DEBUG_OFFSETS_WORDS.get((int(major), int(patch)), "").split()
    for word in words:
        part, name = word.split(".")
        member = _MEMBERS.get(word, name)
        wanted[f"word:{word}"] = f"offsetof(_Py_DebugOffsets, {_PARTS[part]}.{member})"
    said = _computed(minor, wanted, tmp_path)
    layout = LAYOUTS[minor]
    beside = {"gil_least", "chunk_size", "chunk_top", "chunk_data"}
    wrong = {
        name: (getattr(layout, name), value)
        for name, value in said.items()
        if name not in beside and hasattr(layout, name) and getattr(layout, name) != value
    }
    assert not wrong
    missing = [name for name in said if name not in beside and name.partition("_")[0] not in ("keys",)]
    assert all(hasattr(layout, name) or name.startswith("word:") for name in missing)
    assert layout.gil_size >= said["gil_least"]
    assert (said["chunk_size"], said["chunk_top"], said["chunk_data"]) == (8, 16, CHUNK_DATA) == (
        8, 16, CHUNK.size,
    )  # fmt: skip
    assert (said["keys_log2_size"], said["keys_nentries"], said["keys_indices"]) == (8, 24, 32)
    # One read of a frame takes in all of its fields.
    assert max(layout.frame_code, layout.frame_previous, layout.frame_instruction) + 8 <= FRAME
    assert layout.frame_owner < FRAME
    for place, word in enumerate(words):
        assert said[f"word:{word}"] == DEBUG_OFFSETS_HEAD.size + 8 * place, word
