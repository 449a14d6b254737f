"""Layouts: what a target states of itself."""

from __future__ import annotations

import pytest
from fake_target import ALL_LAYOUTS, WORDS_3_13, debug_offsets
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.layout import (
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    TABLES,
    Layout,
    LayoutError,
    debug_offsets_size,
    from_debug_offsets,
    on_machine,
    table_of,
    with_object_head,
)
from livetop.cpython.regions import Shape

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


@pytest.mark.parametrize("layout", ALL_LAYOUTS.values(), ids=list(ALL_LAYOUTS))
def test_larger_mutexes_of_aarch64(layout: Layout) -> None:
    assert on_machine(layout, 62) is layout
    there = on_machine(layout, 183)
    assert there.gil_attached is None
    assert there.gil_size == (layout.gil_size + 16 if layout.gil_size else 0)
    assert (there.gil_last_holder, there.gil_locked) == (layout.gil_last_holder, layout.gil_locked)


def test_patch_releases_that_differ() -> None:
    assert table_of((3, 7), 3) != TABLES[3, 7]
    assert table_of((3, 7), 4) == table_of((3, 7), None) == TABLES[3, 7]
    assert table_of((3, 8), 0) == TABLES[3, 8]
    assert table_of((3, 5), 0) is table_of((3, 16), 0) is None


def test_a_head_of_another_size_moves_what_is_in_objects_only() -> None:
    for layout in TABLES.values():
        shifted = with_object_head(layout, 32, "trace-refs")
        assert (shifted.object_head, shifted.object_type, shifted.dict_keys) == (
            32,
            24,
            layout.dict_keys + 16,
        )
        assert (shifted.threads_head, shifted.keys_count) == (layout.threads_head, layout.keys_count)
        assert shifted.managed_dict == layout.managed_dict
        moved = layout.frames == "heap"
        assert shifted.frame_code - layout.frame_code == (16 if moved else 0)
        assert with_object_head(shifted, 16, "release") == layout
