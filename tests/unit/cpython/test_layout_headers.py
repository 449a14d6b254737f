"""The shipped layouts against CPython's own headers, of every version and build that they are here for."""

from __future__ import annotations

import pytest

from livetop.cpython.layout import (
    CHUNK,
    CHUNK_DATA,
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    FRAME,
    TABLES,
    Layout,
    from_debug_offsets,
    table_of,
    with_object_head,
)
from tests import derive_layouts
from tests.derive_layouts import Build, Unavailable

_BUILDS = [
    *(build.name for build in derive_layouts.builds()),
    "3.7+early",
    "3.6+debug", "3.7+debug", "3.8+debug", "3.8+refs", "3.10+refs", "3.11+debug", "3.11+refs", "3.12+debug",
    "3.13+debug", "3.13+refs", "3.13t+debug", "3.14+debug", "3.14t+debug", "3.15+debug",
]  # fmt: skip
_CHUNK = [f"offsetof(_PyStackChunk, {field})" for field in ("previous", "size", "top", "data")]


def _shipped(build: Build) -> Layout:
    """The layout that a target of this build is read with."""
    version = (3, build.minor)
    if version not in TABLES:
        return from_debug_offsets(version, derive_layouts.debug_offsets(build))
    layout = table_of(version, 3 if build.early else None)
    assert layout is not None
    if build.trace_refs or (build.debug and build.minor < 8):
        return with_object_head(layout, 32, "trace-refs")
    return layout


@pytest.mark.parametrize("name", _BUILDS)
def test_layouts_are_what_the_headers_say(name: str) -> None:
    build = Build.parse(name)
    try:
        said = derive_layouts.derive(build, _CHUNK if build.minor >= 11 else [])
        layout = _shipped(build)
    except Unavailable as error:
        pytest.skip(str(error))
    if build.minor >= 11:
        assert tuple(said.pop(text) for text in _CHUNK) == (0, 8, 16, CHUNK_DATA) == (0, 8, 16, CHUNK.size)
        # One read of a frame takes in all of its fields.
        assert max(layout.frame_code, layout.frame_previous, layout.frame_instruction) + 8 <= FRAME
        assert layout.frame_owner < FRAME
    assert said == {field: getattr(layout, field) for field in said}
    named = {"version", "build", "free_threaded"}
    assert named | set(said) == set(layout.__slots__)


@pytest.mark.parametrize("minor", sorted(DEBUG_OFFSETS_WORDS))
def test_words_stand_in_the_order_of_the_structs_members(minor: tuple[int, int]) -> None:
    members = {word: _member(word) for word in DEBUG_OFFSETS_WORDS[minor].split()}
    wanted = [f"offsetof(_Py_DebugOffsets, {member})" for member in members.values()]
    try:
        said = derive_layouts.derive(Build(minor[1]), wanted)
    except Unavailable as error:
        pytest.skip(str(error))
    places = [said[text] for text in wanted]
    assert places == [DEBUG_OFFSETS_HEAD.size + 8 * place for place in range(len(places))]


_PARTS = {
    "rt": "runtime_state", "is": "interpreter_state", "ts": "thread_state", "frame": "interpreter_frame",
    "code": "code_object", "object": "pyobject", "type": "type_object", "tuple": "tuple_object",
    "list": "list_object", "dict": "dict_object", "float": "float_object", "long": "long_object",
    "bytes": "bytes_object", "unicode": "unicode_object", "gc": "gc", "set": "set_object",
    "exc": "err_stackitem", "heap_type": "heap_type_object", "gen": "gen_object",
}  # fmt: skip
_MEMBERS = {
    "is.gil": "gil_runtime_state", "is.gil_enabled": "gil_runtime_state_enabled",
    "is.gil_locked": "gil_runtime_state_locked", "is.gil_holder": "gil_runtime_state_holder",
    "type.name": "tp_name", "type.repr": "tp_repr", "type.flags": "tp_flags", "long.tag": "lv_tag",
    "type.basicsize": "tp_basicsize", "type.dictoffset": "tp_dictoffset",
    "heap_type.cached_keys": "ht_cached_keys", "exc.value": "exc_value",
    "long.digit": "ob_digit", "tuple.item": "ob_item", "list.item": "ob_item", "dict.keys": "ma_keys",
    "dict.values": "ma_values", "float.value": "ob_fval", "bytes.value": "ob_sval", "object.type": "ob_type",
    "unicode.ascii_size": "asciiobject_size", "unicode.compact_size": "compactunicodeobject_size",
    "code.adaptive": "co_code_adaptive", "gen.name": "gi_name", "gen.iframe": "gi_iframe",
    "gen.frame_state": "gi_frame_state",
}  # fmt: skip


def _member(word: str) -> str:
    part, name = word.split(".")
    return f"{_PARTS[part]}.{_MEMBERS.get(word, name)}"
