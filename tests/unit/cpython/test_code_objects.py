"""Code objects, and the strings in them: read, compared again, refused."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable

import pytest
from fake_target import CODE_TYPE, LAYOUTS, FakeObjects
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetop.cpython.code import CodeReader
from livetop.cpython.layout import TABLES, Layout
from livetop.cpython.strings import MAX_TEXT, ObjectError, bytes_place, read_text
from livetop.target.errors import MemoryFault
from livetop.target.memory import RemoteMemory


@pytest.fixture(params=LAYOUTS)
def objects(request: pytest.FixtureRequest) -> FakeObjects:
    return FakeObjects(LAYOUTS[request.param])


def _reader(objects: FakeObjects) -> CodeReader:
    return CodeReader(objects.memory, objects.layout, CODE_TYPE)


def test_a_code_object_is_read(objects: FakeObjects) -> None:
    address = objects.code("Parser.feed", "/srv/parse.py", first_line=40, lines=5)
    code = _reader(objects).get(address, 3.0)
    assert (code.name, code.file, code.first_line) == ("Parser.feed", "/srv/parse.py", 40)
    assert code.base == address + objects.layout.code_adaptive
    assert code.size == 20
    assert code.known == 3.0
    assert [code.line(objects.instruction(address, line)) for line in range(5)] == [40, 41, 42, 43, 44]
    # The second unit of a line, and one before the first: not begun yet.
    assert code.line(objects.instruction(address, 2, 1)) == 42
    assert code.line(code.base - 2) == 40
    assert code.holds(code.base - 2)
    assert code.holds(code.base + 18)
    assert not code.holds(code.base + 20)
    assert not code.holds(code.base - 4)


def test_a_code_object_is_read_once(objects: FakeObjects) -> None:
    address = objects.code("f")
    reader = _reader(objects)
    code = reader.get(address, 0.0)
    reads = objects.memory.reads
    assert reader.get(address, 1.0) is code
    assert objects.memory.reads == reads
    assert len(reader) == 1
    reader.forget()
    assert reader.get(address, 1.0) is not code


def _other_name(objects: FakeObjects, address: int) -> None:
    objects.write(address + objects.layout.code_qualname, "<Q", objects.text("g"))


def _other_characters(objects: FakeObjects, address: int) -> None:
    # The very same pointers: the string was freed, and another took its place.
    (text,) = struct.unpack_from("<Q", objects.heap, address - objects.base + objects.layout.code_qualname)
    objects.write(text + objects.layout.ascii_size, "<B", ord("g"))


def _other_file(objects: FakeObjects, address: int) -> None:
    (text,) = struct.unpack_from("<Q", objects.heap, address - objects.base + objects.layout.code_filename)
    objects.write(text + objects.layout.ascii_size + 3, "<B", ord("x"))


def _other_first_line(objects: FakeObjects, address: int) -> None:
    objects.write(address + objects.layout.code_firstlineno, "<i", 2)


def _other_table(objects: FakeObjects, address: int) -> None:
    (table,) = struct.unpack_from("<Q", objects.heap, address - objects.base + objects.layout.code_linetable)
    objects.write(table + objects.layout.bytes_value + 3, "<B", 0xF9)


def _other_length(objects: FakeObjects, address: int) -> None:
    objects.write(address + objects.layout.object_size, "<Q", 8)


def _other_type(objects: FakeObjects, address: int) -> None:
    objects.write(address + objects.layout.object_type, "<Q", CODE_TYPE + 64)


REPLACEMENTS = [
    _other_name, _other_characters, _other_file, _other_first_line, _other_table, _other_length, _other_type,
]  # fmt: skip


@pytest.mark.parametrize("replace", REPLACEMENTS, ids=lambda replace: replace.__name__.strip("_"))
def test_a_replaced_code_object_is_noticed(
    objects: FakeObjects, replace: Callable[[FakeObjects, int], None]
) -> None:
    kept = objects.code("kept")
    address = objects.code("f")
    reader = _reader(objects)
    codes = [reader.get(kept, 0.0), reader.get(address, 0.0)]
    assert reader.verify(codes, 1.0) == []
    assert [code.checked for code in codes] == [1.0, 1.0]
    replace(objects, address)
    assert reader.verify(codes, 2.0) == [codes[1]]
    assert [code.checked for code in codes] == [2.0, 1.0]
    # It is read afresh, if it still is a code object.
    if replace is _other_type:
        with pytest.raises(ObjectError):
            reader.get(address, 2.0)
    else:
        assert reader.get(address, 2.0) is not codes[1]
    assert reader.get(kept, 2.0) is codes[0]


def test_code_whose_memory_is_gone_counts_as_replaced(objects: FakeObjects) -> None:
    reader = _reader(objects)
    code = reader.get(objects.code("f"), 0.0)
    objects.memory.segments.clear()
    assert reader.verify([code], 1.0) == [code]
    with pytest.raises(MemoryFault):
        reader.get(code.address, 1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("object_type", CODE_TYPE + 8),
        ("object_type", 0),
        ("object_size", 1 << 40),
        ("object_size", (1 << 64) - 1),
        ("code_filename", 0),
        ("code_qualname", 1 << 63),
        ("code_qualname", (1 << 64) - 8),
        ("code_linetable", 0),
    ],
)
def test_what_is_no_code_object_is_refused(objects: FakeObjects, field: str, value: int) -> None:
    address = objects.code("f")
    objects.write(address + getattr(objects.layout, field), "<Q", value)
    reader = _reader(objects)
    with pytest.raises((ObjectError, MemoryFault)):
        reader.get(address, 0.0)
    assert len(reader) == 0


@pytest.mark.parametrize("length", [1 << 23, 1 << 50, (1 << 64) - 1])
def test_a_line_table_of_impossible_length_is_refused(objects: FakeObjects, length: int) -> None:
    address = objects.code("f")
    (table,) = struct.unpack_from("<Q", objects.heap, address - objects.base + objects.layout.code_linetable)
    objects.write(table + objects.layout.object_size, "<Q", length)
    with pytest.raises(ObjectError):
        _reader(objects).get(address, 0.0)


@given(data=st.binary(min_size=256, max_size=600))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_garbage_is_refused_or_read_but_never_an_error(objects: FakeObjects, data: bytes) -> None:
    address = objects.place(data)
    for code_type in (None, CODE_TYPE):
        try:
            code = CodeReader(objects.memory, objects.layout, code_type).get(address, 0.0)
        except (ObjectError, MemoryFault):
            continue
        code.line(address + 300)


# ---------------------------------------------------------------- strings


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("", 0, ""),
        ("plain", 0, "plain"),
        ("café", 1, "café"),
        ("λ_größe", 2, "λ_größe"),
        ("𝔵y", 4, "𝔵y"),
        ("a\x1b[31mb", 0, "a\\x1b[31mb"),
        ("two\nlines\t", 0, "two\\x0alines\\x09"),
        ("left\u202eright", 2, "left\\u202eright"),
        ("lone\ud800", 2, "lone\\ud800"),
        ("lone\udc80", 2, "lone\\x80"),
        ("lone\udfff𝔵", 4, "lone\\udfff𝔵"),
        ("\x9b2J", 1, "\\x9b2J"),
        ("[red]", 0, "[red]"),
    ],
)
def test_text_is_read_and_escaped(objects: FakeObjects, text: str, kind: int, shown: str) -> None:
    assert read_text(objects.memory, objects.layout, objects.text(text, kind)) == shown
    shown.encode()


def test_names_of_code_are_escaped(objects: FakeObjects) -> None:
    code = _reader(objects).get(objects.code("f\x1b]0;x\x07", "/srv/a\r.py"), 0.0)
    assert code.name == "f\\x1b]0;x\\x07"
    assert code.file == "/srv/a\\x0d.py"


def test_long_text_is_cut(objects: FakeObjects) -> None:
    assert len(read_text(objects.memory, objects.layout, objects.text("x" * 100_000))) <= MAX_TEXT


@pytest.mark.parametrize("state", [0, 7 << 2 | 1 << 5, 3 << 2 | 1 << 5, 1 << 6])
def test_what_is_no_text_is_refused(objects: FakeObjects, state: int) -> None:
    address = objects.text("text")
    objects.write(address + objects.layout.unicode_state, "<I", state)
    with pytest.raises(ObjectError):
        read_text(objects.memory, objects.layout, address)


def test_text_of_impossible_length_is_refused(objects: FakeObjects) -> None:
    address = objects.text("text")
    objects.write(address + objects.layout.unicode_length, "<Q", 1 << 60)
    with pytest.raises((ObjectError, MemoryFault)):
        read_text(objects.memory, objects.layout, address)


@given(data=st.binary(max_size=64), kind=st.sampled_from([1, 2, 4]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_characters_give_text_that_can_be_sent(objects: FakeObjects, data: bytes, kind: int) -> None:
    head = bytearray(objects.layout.compact_size)
    struct.pack_into("<Q", head, objects.layout.unicode_length, len(data) // kind)
    o = objects.layout
    struct.pack_into("<I", head, o.unicode_state, kind * (o.kind_mask // 7) | o.compact_mask)
    text = read_text(objects.memory, objects.layout, objects.place(bytes(head) + data))
    assert text.encode().decode() == text
    assert text.isprintable()


def test_bytes_say_where_their_content_lies(objects: FakeObjects) -> None:
    address = objects.bytes(b"table")
    at, size = bytes_place(objects.memory, objects.layout, address)
    assert objects.memory.read(at, size) == b"table"


# ---------------------------------------------------------------- this very process


def test_own_code_is_read_as_python_tells_it() -> None:
    version = sys.version_info[:2]
    layout: Layout | None = TABLES.get((version[0], version[1]))
    if layout is None:
        pytest.skip("this interpreter states its layout itself")
    reader = CodeReader(RemoteMemory(os.getpid()), layout, id(type(_reader.__code__)))
    for function in (_reader, _some_lines, test_garbage_is_refused_or_read_but_never_an_error):
        real = function.__code__
        code = reader.get(id(real), 0.0)
        assert (code.name, code.file) == (real.co_qualname, real.co_filename)
        assert code.first_line == real.co_firstlineno
        lines = {line for _, _, line in real.co_lines() if line}
        seen = {code.line(code.base + at) for at in range(0, code.size, 2)}
        assert seen <= lines | {real.co_firstlineno}
        assert lines <= seen
        assert reader.verify([code], 1.0) == []
    with pytest.raises(ObjectError):
        reader.get(id(_reader), 0.0)


def _some_lines(values: list[int]) -> str:
    """Something with a few lines and a name of its own."""
    found = []
    for value in values:
        while value > 3:
            value -= len(found)
            found.append(str(value))
    return ",".join(
        found,
    )
