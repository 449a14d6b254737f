"""Every call-frame instruction, header and encoding: random programs against pyelftools, the rest by hand."""

from __future__ import annotations

import struct

import pytest
from cfi_builder import CODE, FRAMES, HEADER, SIZE, USUAL, Made, leb, make, pages, sleb
from cfi_oracle import check, oracle
from fake_memory import FakeMemory
from hypothesis import given
from hypothesis import strategies as st

from livetop.elf.cfi import AARCH64, CallFrames, CfiError, Row

REGISTERS = st.integers(0, 40)
NUMBERS = st.integers(0, 1 << 40)
SIGNED = st.integers(-(1 << 40), 1 << 40)
EXPRESSIONS = st.binary(max_size=200).map(lambda data: leb(len(data)) + data)


def code(opcode: int, *operands: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Instructions of an opcode with operands."""
    return st.tuples(*operands).map(lambda parts: bytes([opcode]) + b"".join(parts))


NUMBER = NUMBERS.map(leb)
REGISTER = REGISTERS.map(leb)
SHIFT = SIGNED.map(sleb)
ADVANCES = st.one_of(
    st.integers(1, 63).map(lambda delta: bytes([0x40 | delta])),
    st.integers(1, 255).map(lambda delta: struct.pack("<BB", 2, delta)),
    st.integers(1, 900).map(lambda delta: struct.pack("<BH", 3, delta)),
    st.integers(1, 900).map(lambda delta: struct.pack("<BI", 4, delta)),
)
# A CFA that is an expression must be defined anew before its offset can change, so here it always is. By hand
# are tested def_cfa_sf, for which pyelftools takes the wrong factor, and what it does not know.
STEPS = st.one_of(
    ADVANCES,
    ADVANCES,
    st.tuples(st.integers(0, 40), NUMBER).map(lambda parts: bytes([0x80 | parts[0]]) + parts[1]),
    st.integers(0, 40).map(lambda register: bytes([0xC0 | register])),
    code(0x05, REGISTER, NUMBER),
    code(0x06, REGISTER),
    code(0x07, REGISTER),
    code(0x08, REGISTER),
    code(0x09, REGISTER, REGISTER),
    code(0x0C, REGISTER, NUMBER),
    code(0x0D, REGISTER),
    code(0x0E, NUMBER),
    st.tuples(EXPRESSIONS, ADVANCES).map(lambda parts: b"\x0f" + parts[0] + parts[1] + b"\x0c\x07\x08"),
    code(0x10, REGISTER, EXPRESSIONS),
    code(0x11, REGISTER, SHIFT),
    code(0x13, SHIFT),
    code(0x14, REGISTER, NUMBER),
    code(0x15, REGISTER, SHIFT),
    code(0x16, REGISTER, EXPRESSIONS),
    code(0x2E, NUMBER),
    st.just(b"\0"),
)
PROGRAMS = st.recursive(
    st.lists(STEPS, max_size=12).map(b"".join),
    lambda inner: st.tuples(inner, inner, inner).map(
        lambda parts: parts[0] + b"\x0a" + parts[1] + b"\x0b" + parts[2]
    ),
    max_leaves=8,
)


@given(st.lists(PROGRAMS, min_size=1, max_size=3), st.sampled_from([1, 4]), st.sampled_from([-8, -4, 8]))
def test_random_programs_mean_what_pyelftools_says(programs: list[bytes], factor: int, step: int) -> None:
    """Any sequence of instructions gives the rules that the oracle gives."""
    made = make(*programs, alignments=(factor, step))
    frames = made.call_frames()
    sections = oracle(made.frames, FRAMES)
    assert sum(check(frames, sections._parse_entry_at(at), 0) for at in made.entries) >= len(programs)


def row(program: bytes, pc: int = 0, **arguments: object) -> Row:
    """The row at the beginning of a function, or further on."""
    found = make(program, **arguments).call_frames().row(CODE + pc)
    assert found is not None
    return found


def test_the_usual_function() -> None:
    """push rbp; mov rbp, rsp; ...; leave; ret."""
    program = bytes([0x41, 0x0E, 16, 0x86, 2, 0x43, 0x0D, 6, 0x7F, 0x0C, 7, 8])
    frames = make(program).call_frames()
    rows = [frames.row(CODE + pc) for pc in (0, 1, 4, 66, 67)]
    assert [(row and (row.cfa_register, row.cfa_offset, row.rbp)) for row in rows] == [
        (7, 8, None),
        (7, 16, -16),
        (6, 16, -16),
        (6, 16, -16),
        (7, 8, -16),
    ]
    assert all(row is not None and row.simple and row.ra == -8 for row in rows)
    assert rows[1] is not None and (rows[1].start, rows[1].end) == (CODE + 1, CODE + 4)
    assert frames.function(CODE + 5) == (CODE, CODE + SIZE)
    assert frames.row(CODE - 1) is None and frames.row(CODE + SIZE) is None
    assert frames.function(CODE + SIZE) is None


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (bytes([0x12, 6]) + sleb(-3), {"cfa_register": 6, "cfa_offset": 24}),
        (b"\x2f\x03\x02", {"saved": {3: 16}}),
        (b"\x2e\x30", {"args_size": 0x30}),
        (b"\x0a\x2e\x30\x86\x02\x0b", {"args_size": 0x30, "saved": {}}),
    ],
)
def test_instructions_the_oracle_does_not_have(program: bytes, expected: dict[str, object]) -> None:
    """def_cfa_sf, GNU_negative_offset_extended, GNU_args_size, which no remembered state brings back."""
    found = row(program)
    assert {name: getattr(found, name) for name in expected} == expected


def test_set_loc_is_a_pointer_of_the_functions_encoding() -> None:
    """DW_CFA_set_loc, relative to itself."""
    at = make(b"").entries[0] + 4 + 4 + 8 + 1 + 1
    found = row(b"\x01" + struct.pack("<i", CODE + 100 - (FRAMES + at)) + b"\x0e\x40", 100)
    assert (found.start, found.cfa_offset) == (CODE + 100, 64)
    assert row(b"\x01" + struct.pack("<i", CODE + 100 - (FRAMES + at)) + b"\x0e\x40", 99).cfa_offset == 8
    with pytest.raises(CfiError):
        row(b"\x01" + struct.pack("<i", CODE - 1 - (FRAMES + at)))


@pytest.mark.parametrize(
    ("program", "simple"),
    [
        (b"", True),
        (b"\x0c\x06\x10\x86\x02", True),
        (b"\x83\x03\x8c\x04", True),
        (b"\x0c\x0a\x00", False),
        (b"\x0f\x02\x77\x08", False),
        (b"\x10\x06\x02\x76\x00", False),
        (b"\x07\x06", False),
        (b"\x08\x06", True),
        (b"\x87\x03", False),
        (b"\x07\x10", False),
        (b"\x10\x10\x02\x77\x00", False),
        (b"\x09\x10\x00", False),
    ],
)
def test_simple_rows(program: bytes, simple: bool) -> None:
    """The hot path is taken where three registers are enough, and nowhere else."""
    assert row(program).simple is simple


def test_return_addresses() -> None:
    """Undefined, by expression, in a register, without a rule."""
    assert row(b"\x07\x10").ra is None
    assert row(b"\x10\x10\x02\x77\x00").ra == b"\x77\x00"
    assert row(b"\x16\x10\x02\x77\x00").ra == ("value", b"\x77\x00")
    assert row(b"\x09\x10\x0b").ra == ("register", 11)
    assert row(b"\x08\x10").ra == ("register", 16)
    assert 16 not in row(b"").saved


def test_aarch64() -> None:
    """The return address is in a register until it is saved, and may be signed; the numbers are data."""
    program = bytes([0x2D, 0x41, 0x0E, 32, 0x9D, 4, 0x9E, 3, 0x41, 0x2D, 0x0D, 29])
    made = make(program, initial=bytes([0x0C, 31, 0]), alignments=(4, -8), column=30)
    frames = made.call_frames(AARCH64)
    first, second, third = (frames.row(CODE + pc) for pc in (0, 4, 8))
    assert first is not None and second is not None and third is not None
    assert (first.ra, first.ra_signed, first.simple) == (("register", 30), True, False)
    assert (second.ra, second.ra_signed, second.rbp, second.simple) == (-24, True, -32, False)
    assert (third.ra, third.ra_signed, third.cfa_register, third.simple) == (-24, False, 29, True)
    # On x86-64 the number means nothing.
    with pytest.raises(CfiError):
        made.call_frames().row(CODE)


@pytest.mark.parametrize(
    ("augmentation", "data"),
    [
        (b"zR", b"\x1b"),
        (b"zPLR", b"\x9b" + bytes(4) + b"\xff\x1b"),
        (b"zPLR", b"\xff\xff\x1b"),
        (b"zRS", b"\x1b"),
        (b"zRB", b"\x1b"),
        (b"zLR", b"\x1b\x1b"),
    ],
)
@pytest.mark.parametrize("cie", [1, 3, 4])
def test_augmentations(augmentation: bytes, data: bytes, cie: int) -> None:
    """What compilers write before a function's address encoding is passed over; "S" is a signal's frame."""
    found = row(b"\x41\x0e\x18", 1, augmentation=augmentation, data=data, version=cie)
    assert (found.cfa_offset, found.signal) == (24, augmentation == b"zRS")
    assert found.simple is not found.signal


@pytest.mark.parametrize(
    ("augmentation", "data"),
    [
        (b"eh", b""),
        (b"zX", b"\x1b"),
        (b"zPR", b"\x50" + bytes(8) + b"\x1b"),
        (b"zR", b"\xff"),
        (b"zR", b"\x2b"),
    ],
)
def test_what_is_not_supported_says_so(augmentation: bytes, data: bytes) -> None:
    """GCC 2's form, unknown letters, aligned pointers, an address left out, one relative to the text."""
    with pytest.raises(CfiError):
        row(b"", augmentation=augmentation, data=data)


def headers(made: Made) -> dict[str, bytes]:
    """The same functions under other headers that the standard allows."""
    starts = [CODE + index * SIZE for index in range(len(made.entries))]
    pairs = [
        number for pair in zip(starts, (FRAMES + at for at in made.entries), strict=True) for number in pair
    ]
    frames, count = struct.pack("<i", FRAMES - HEADER - 4), struct.pack("<I", len(starts))
    return {
        "usual": made.header,
        "absolute": b"\x01\x1b\x03\x00" + frames + count + struct.pack(f"<{len(pairs)}Q", *pairs),
        "absolute of four bytes": b"\x01\x1b\x03\x03"
        + frames
        + count
        + struct.pack(f"<{len(pairs)}I", *pairs),
        "count as LEB128": b"\x01\x1b\x01\x00"
        + frames
        + leb(len(starts))
        + struct.pack(f"<{len(pairs)}Q", *pairs),
        "relative, eight bytes": b"\x01\x1b\x03\x3c"
        + frames
        + count
        + struct.pack(f"<{len(pairs)}q", *(number - HEADER for number in pairs)),
        "no table": b"\x01\x1b\xff\xff" + frames,
        "table relative to itself": b"\x01\x1b\x03\x1b" + frames + count + bytes(4 * len(pairs)),
        "table of LEB128": b"\x01\x1b\x03\x31" + frames + count + bytes(8),
        "frames absolute": b"\x01\x00\xff\xff" + struct.pack("<Q", FRAMES),
        "frames relative to the header": b"\x01\x3b\xff\xff" + struct.pack("<i", FRAMES - HEADER),
        "frames by way of a pointer": b"\x01\x80\xff\xff" + struct.pack("<QQ", HEADER + 12, FRAMES),
    }


@pytest.mark.parametrize("kind", list(headers(make(b""))))
def test_headers(kind: str) -> None:
    """With a table in any form, or none, each function is found."""
    made = make(b"", b"\x0e\x10", b"\x0e\x18")
    header = headers(made)[kind]
    memory = FakeMemory({HEADER: pages(header), FRAMES: pages(made.frames)})
    frames = CallFrames(memory.read, HEADER, len(header))
    found = [frames.row(CODE + index * SIZE + 5) for index in range(3)]
    assert [row and row.cfa_offset for row in found] == [8, 16, 24]
    assert frames.row(CODE - 1) is None and frames.row(CODE + 3 * SIZE) is None


def test_what_was_read_is_kept() -> None:
    """Neither a known function nor a known pc is read again, and a damaged one only once."""
    made = make(b"", b"\x3f")
    memory = made.memory()
    frames = CallFrames(memory.read, HEADER, len(made.header))
    assert memory.reads == 0
    frames.row(CODE)
    reads = memory.reads
    assert frames.row(CODE) is frames.row(CODE + 1)
    assert memory.reads == reads
    for _ in range(3):
        with pytest.raises(CfiError):
            frames.row(CODE + SIZE)
    assert memory.reads == reads + 1


def test_signal_frames_and_first_frames_of_the_usual_rules() -> None:
    """The CIE's rules hold where a function's program says nothing."""
    assert row(b"", initial=USUAL + b"\x07\x10").ra is None
    with pytest.raises(CfiError):
        row(b"", initial=b"")
