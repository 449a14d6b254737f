"""Finding CPython's structures by code and by shape, and telling what is none, in fake memory."""

from __future__ import annotations

import struct

import pytest
from fake_memory import FakeMemory
from fake_target import ALL_LAYOUTS, HEAP_LAYOUTS
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.checks import check, head_of, started, type_of_types
from livetop.cpython.layout import DEBUG_COOKIE, TABLES, Layout, LayoutError, with_object_head
from livetop.cpython.scan import decode_load, head_of_interpreters, scan_for_cookie, scan_for_runtime
from livetop.target.errors import MemoryFault

X86_64, AARCH64 = 62, 183
AT = 0x7F0000174B90

# ---------------------------------------------------------------- code


@pytest.mark.parametrize("before", ["", "f30f1efa", "554889e5", "f30f1efa554889e5"])
def test_the_variable_that_a_function_returns(before: str) -> None:
    code = bytes.fromhex(before + "488b0549c31800" + "c3") + b"\x90" * 32
    assert decode_load(code, AT, X86_64) == AT + len(before) // 2 + 7 + 0x18C349


def test_a_variable_before_the_code() -> None:
    assert decode_load(bytes.fromhex("488b05f0ffffffc3"), AT, X86_64) == AT + 7 - 16


@pytest.mark.parametrize(
    ("words", "address"),
    [
        # adrp x0, +0x1000; ldr x0, [x0, #8]; ret
        ([0xB0000000, 0xF9400400, 0xD65F03C0], (AT & -4096) + 0x1000 + 8),
        # bti c; adrp x0, -0x1000; ldr x0, [x0, #0xff8]
        ([0xD503245F, 0xF0FFFFE0, 0xF947FC00, 0xD65F03C0], (AT & -4096) - 0x1000 + 0xFF8),
        # adrp x1, +0x2000; add x1, x1, #0x10; ldr x0, [x1]
        ([0xD0000001, 0x91004021, 0xF9400020, 0xD65F03C0], (AT & -4096) + 0x2000 + 0x10),
    ],
)
def test_the_variable_that_a_function_returns_on_aarch64(words: list[int], address: int) -> None:
    assert decode_load(struct.pack(f"<{len(words)}I", *words), AT, AARCH64) == address


@pytest.mark.parametrize("machine", [X86_64, AARCH64, 3, 40])
def test_other_code_gives_nothing(machine: int) -> None:
    for code in (b"", b"\x90" * 32, bytes.fromhex("4883ec08e8112233" + "488b0549c31800c3"), b"\xff" * 33):
        assert decode_load(code, AT, machine) is None


@given(st.binary(max_size=40), st.sampled_from([X86_64, AARCH64]))
def test_any_code_gives_an_address_or_nothing(code: bytes, machine: int) -> None:
    if len(code) >= 11 or machine == AARCH64:
        decode_load(code, AT, machine)


def test_code_that_is_not_mapped() -> None:
    with pytest.raises(MemoryFault):
        head_of_interpreters(FakeMemory(), AT, X86_64)


# ---------------------------------------------------------------- structures


class Program:
    """A process's data (with the runtime in it) and heap: an interpreter, a thread, modules, three types."""

    DATA, INTERPRETER, THREAD, TYPES, MODULES = 0x5000, 0x100000, 0x200000, 0x300000, 0x400000

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.runtime = self.DATA + 0x340
        segments = {
            self.DATA: bytearray(max(layout.interpreters_head + 0x400, 4096)),
            self.INTERPRETER: bytearray(max(layout.modules, layout.threads_head) + 64),
            self.THREAD: bytearray(64),
            self.TYPES: bytearray(8192),
            self.MODULES: bytearray(64),
        }
        self.memory = FakeMemory(segments)  # type: ignore[arg-type]
        head = layout.interpreters_head
        self.write(self.runtime + head, self.INTERPRETER)
        if head:
            self.write(self.runtime + head + 8, self.INTERPRETER)
        self.write(self.INTERPRETER + layout.threads_head, self.THREAD)
        self.write(self.INTERPRETER + layout.modules, self.MODULES)
        self.write(self.THREAD + 16, self.INTERPRETER)
        names = segments[self.TYPES]
        names[4096:4101], names[4104:4109] = b"type\0", b"dict\0"
        self.type_type, dict_type = self.TYPES, self.TYPES + 1024
        for kind, name in ((self.type_type, 4096), (dict_type, 4104)):
            self.write(kind + layout.object_type, self.type_type)
            self.write(kind + layout.type_name, self.TYPES + name)
        self.write(self.MODULES + layout.object_type, dict_type)

    def write(self, address: int, value: int) -> None:
        start = max(start for start in self.memory.segments if start <= address)
        struct.pack_into("<Q", self.memory.segments[start], address - start, value)

    @property
    def writable(self) -> list[tuple[int, int]]:
        return [(0x10, 64), (self.DATA, len(self.memory.segments[self.DATA]))]


@pytest.fixture(params=ALL_LAYOUTS)
def program(request: pytest.FixtureRequest) -> Program:
    return Program(ALL_LAYOUTS[request.param])


def test_what_is_right_is_accepted(program: Program) -> None:
    check(program.memory, program.runtime, program.layout)
    assert started(program.memory, program.runtime, program.layout)
    assert head_of(program.memory, program.type_type) == max(16, program.layout.object_head)
    assert type_of_types(program.memory, program.MODULES) == program.type_type
    assert type_of_types(program.memory, program.THREAD) == 0


def test_what_has_not_begun_yet_is_not_missed(program: Program) -> None:
    program.write(program.INTERPRETER + program.layout.modules, 0)
    program.write(program.INTERPRETER + program.layout.threads_head, 0)
    check(program.memory, program.runtime, program.layout)
    program.write(program.runtime + program.layout.interpreters_head, 0)
    check(program.memory, program.runtime, program.layout)
    assert not started(program.memory, program.runtime, program.layout)


@pytest.mark.parametrize("wrong", [1, 1 << 60, Program.THREAD])
def test_what_is_elsewhere_is_refused(program: Program, wrong: int) -> None:
    o = program.layout
    for place in (
        program.runtime + o.interpreters_head,
        program.INTERPRETER + o.threads_head,
        program.INTERPRETER + o.modules,
        program.MODULES + o.object_type,
    ):
        again = Program(o)
        again.write(place, wrong + 0x40)
        with pytest.raises(LayoutError) as caught:
            check(again.memory, again.runtime, o)
        assert "\n" not in str(caught.value)


def test_a_layout_of_another_build_is_refused() -> None:
    layout = TABLES[3, 9]
    program = Program(with_object_head(layout, 32, "trace-refs"))
    with pytest.raises(LayoutError):
        check(program.memory, program.runtime, layout)


def test_it_is_found_by_its_shape(program: Program) -> None:
    # Pointers to the interpreter, to its parts and to nothing stand before it.
    for place, value in ((0x10, program.INTERPRETER), (0x20, program.THREAD), (0x30, 8), (0x38, 1 << 63)):
        if program.layout.interpreters_head:
            program.write(program.DATA + place, value)
    assert scan_for_runtime(program.memory, program.writable, program.layout) == program.runtime


def test_it_is_not_found_where_it_is_not(program: Program) -> None:
    program.write(program.THREAD + 16, program.THREAD)
    assert scan_for_runtime(program.memory, program.writable, program.layout) is None


@given(data=st.binary(max_size=4096))
def test_garbage_has_no_runtime(data: bytes) -> None:
    memory = FakeMemory({0x5000: data})
    segments = [(0x5000, len(data)), (0x5000, 1 << 60)]
    assert (scan_for_cookie(memory, segments) is None) == (DEBUG_COOKIE not in data)
    for layout in HEAP_LAYOUTS.values():
        assert scan_for_runtime(memory, segments, layout) is None


def test_the_cookie_is_found_in_the_data() -> None:
    memory = FakeMemory({0x5000: b"\0" * 40 + b"xdebugpy" + b"\0" * 8})
    assert scan_for_cookie(memory, [(0x100, 8), (0x5000, 56)]) == 0x5000 + 40
