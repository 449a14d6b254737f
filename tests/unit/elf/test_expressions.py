"""DWARF expressions: those that .eh_frame has in practice, each opcode, and damage."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from cfi_builder import leb, sleb
from hypothesis import given
from hypothesis import strategies as st
from loaded_file import LoadedFile

from livetop.elf.cfi import CallFrames
from livetop.elf.expressions import evaluate

TOP = (1 << 64) - 1
WORDS = {0x1000: 0x1122334455667788, 0x1008: 5}

# breg7 (rsp) + 8; breg16 (rip) + 0; lit15; and; lit11; ge; lit3; shl; plus: what GNU ld writes for .plt.
PLT = bytes([0x77, 8, 0x80, 0, 0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x22])


def result(expression: bytes, cfa: int | None = None) -> int | None:
    """Evaluate with a few registers and words known."""
    return evaluate(expression, {3: 30, 6: 0x1000, 7: 0x2000, 40: 4}, WORDS.get, cfa)


@pytest.mark.parametrize(("step", "expected"), [(0, 0x2008), (10, 0x2008), (11, 0x2010), (15, 0x2010)])
def test_the_procedure_linkage_table(step: int, expected: int) -> None:
    """From its eleventh byte on an entry of .plt has pushed a number."""
    pc = 0x401230 + step
    assert evaluate(PLT, {7: 0x2000, 16: pc}, WORDS.get) == expected
    assert evaluate(PLT, {7: 0x2000, 16: pc}.get, WORDS.get) == expected
    assert evaluate(PLT, {7: 0x2000}, WORDS.get) is None


def test_the_signal_return_frame_of_libc() -> None:
    """Its rules are expressions: they find the registers in the ucontext that the kernel put on the stack."""
    library = next(
        Path(line.split(maxsplit=5)[5])
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "r-xp" in line and "/libc.so.6" in line
    )
    file = LoadedFile(library)
    if file.machine != 62:
        pytest.skip("the layout of ucontext is that of x86-64")
    frames = CallFrames(file.memory.read, file.header, file.header_size)
    starts = struct.iter_unpack("<ii", file.memory.read(file.header + 12, (file.header_size - 12) // 8 * 8))
    rows = [frames.row(file.header + start) for start, _ in starts]
    (row,) = (row for row in rows if row is not None and row.signal)
    # sys/ucontext.h: at 40 r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
    context = 0x7000_0000
    order = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7]
    values = {register: 0x9000 + register for register in order}
    memory = {context + 40 + 8 * place: values[register] for place, register in enumerate(order)}
    memory[context + 40 + 8 * 16] = 0x401234
    registers = {7: context}
    assert row.cfa_expression is not None and isinstance(row.ra, bytes) and not row.simple
    cfa = evaluate(row.cfa_expression, registers, memory.get)
    assert cfa == values[7]
    place = evaluate(row.ra, registers, memory.get, cfa)
    assert place is not None and memory[place] == 0x401234
    assert set(row.saved) == set(order)
    for register, rule in row.saved.items():
        assert isinstance(rule, tuple) and rule[0] == "expression"
        place = evaluate(rule[1], registers, memory.get, cfa)
        assert place is not None and memory[place] == values[register]


def test_rules_of_a_real_linkage_table() -> None:
    """A .plt of a library of this machine has the expression, and it gives rsp + 8 and then rsp + 16."""
    for library in sorted(Path("/usr/lib").glob("*-linux-gnu/lib*.so.*"))[:80]:
        if not library.is_file() or library.read_bytes()[:4] != b"\x7fELF":
            continue
        file = LoadedFile(library)
        frames = CallFrames(file.memory.read, file.header, file.header_size)
        starts = struct.iter_unpack(
            "<ii", file.memory.read(file.header + 12, (file.header_size - 12) // 8 * 8)
        )
        for start, _ in starts:
            function = frames.function(file.header + start)
            row = None if function is None else frames.row(function[1] - 16)
            if row is not None and row.cfa_expression == PLT:
                assert row.ra == -8 and not row.simple
                return
    pytest.skip("no library here has a lazily bound linkage table")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (b"\x03" + struct.pack("<Q", TOP - 1), TOP - 1),
        (b"\x76\x00\x06", 0x1122334455667788),
        (b"\x76\x00\x94\x02", 0x7788),
        (b"\x08\xff", 255),
        (b"\x09\xff", TOP),
        (b"\x0a\xff\xff", 65535),
        (b"\x0b\xff\xff", TOP),
        (b"\x0c\xff\xff\xff\xff", 0xFFFFFFFF),
        (b"\x0d\xff\xff\xff\xff", TOP),
        (b"\x0e" + b"\xff" * 8, TOP),
        (b"\x0f" + b"\xff" * 8, TOP),
        (b"\x10" + leb(300), 300),
        (b"\x11" + sleb(-300), TOP - 299),
        (b"\x35\x12\x22", 10),
        (b"\x35\x36\x13", 5),
        (b"\x35\x36\x14\x1c\x1c", 4),
        (b"\x35\x36\x37\x15\x02", 5),
        (b"\x35\x36\x16\x1c", 1),
        (b"\x31\x32\x33\x17\x1c", TOP),
        (b"\x09\xfb\x19", 5),
        (b"\x3c\x3a\x1a", 8),
        (b"\x09\xf9\x32\x1b", TOP - 2),
        (b"\x37\x32\x1d", 1),
        (b"\x37\x32\x1e", 14),
        (b"\x31\x1f", TOP),
        (b"\x30\x20", TOP),
        (b"\x3c\x33\x21", 15),
        (b"\x35\x23" + leb(1000), 1005),
        (b"\x31\x08\x3f\x24", 1 << 63),
        (b"\x31\x08\x40\x24", 0),
        (b"\x09\xff\x08\x3f\x25", 1),
        (b"\x09\xf8\x32\x26", TOP - 1),
        (b"\x3c\x3a\x27", 6),
        (b"\x35\x35\x29", 1),
        (b"\x30\x09\xff\x2a", 1),
        (b"\x09\xff\x30\x2b", 0),
        (b"\x09\xff\x30\x2c", 1),
        (b"\x09\xff\x30\x2d", 1),
        (b"\x31\x32\x2e", 1),
        (b"\x4f", 31),
        (b"\x73\x7f", 29),
        (b"\x92\x28\x7c", 0),
        (b"\x31\x96", 1),
        (b"\x31\x31\x28\x01\x00\x35", 1),
        (b"\x31\x30\x28\x01\x00\x35", 5),
        (b"\x31\x2f\x01\x00\x35", 1),
    ],
)
def test_each_operation(expression: bytes, expected: int) -> None:
    """Numbers of 64 bits, compared and divided as signed ones."""
    assert result(expression) == expected


def test_the_frame_is_on_the_stack_of_a_rule() -> None:
    """A register's rule begins with the CFA, the CFA's own rule with nothing."""
    assert result(b"\x23\x08", 0x3000) == 0x3008
    assert result(b"\x23\x08") is None
    assert result(b"", 0x3000) == 0x3000
    assert result(b"") is None


@pytest.mark.parametrize(
    "expression",
    [
        b"\x72\x00",
        b"\x30\x06",
        b"\x76\x00\x94\x09",
        b"\x76\x00\x94\x00",
        b"\x35\x30\x1b",
        b"\x35\x30\x1d",
        b"\x22",
        b"\x31\x16",
        b"\x31\x15\x05",
        b"\x01",
        b"\xff",
        b"\x08",
        b"\x10" + b"\x80" * 20,
        b"\x31\x2f\xfd\xff",
        b"\x31\x2f\x00\x80",
        b"\x31" * 100,
        b"\x31\x12\x13" * 1000,
    ],
    ids=lambda expression: expression[:8].hex(),
)
def test_what_cannot_be_known_is_none(expression: bytes) -> None:
    """Registers and words that are not known, damage, and loops."""
    assert result(expression) is None


@given(st.binary(max_size=80), st.none() | st.integers(0, TOP))
def test_any_bytes_give_a_number_or_none(expression: bytes, cfa: int | None) -> None:
    """No expression raises."""
    value = result(expression, cfa)
    assert value is None or 0 <= value <= TOP
