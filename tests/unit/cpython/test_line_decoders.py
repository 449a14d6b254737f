"""Tables of lines byte by byte, and damaged ones."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.code import Code
from livetop.cpython.line_tables import DECODERS
from livetop.cpython.location import NO_LINE, Position, positions


def lines_of(kind: str, table: list[int], units: int) -> list[int]:
    lines = DECODERS[kind](bytes(table), 100)
    return [lines.at(2 * unit) for unit in range(units)]


def test_lnotab_goes_on_by_signed_lines() -> None:
    assert lines_of("lnotab", [2, 1, 4, 0xFF, 2, 0x80], 5) == [100, 101, 101, 100, -28]


def test_lnotab_before_the_first_instruction_and_in_several_steps() -> None:
    # 300 lines on at once, and 260 bytes of code on one line.
    table = [0, 127, 0, 127, 0, 46, 255, 0, 5, 1]
    lines = lines_of("lnotab", table, 131)
    assert lines == [400] * 130 + [401]


def test_pairs_have_ranges_without_lines_and_such_without_length() -> None:
    table = [2, 1, 4, 0x80, 0, 10, 2, 0, 2, 0xFF]
    assert lines_of("pairs", table, 6) == [101, NO_LINE, NO_LINE, 111, 110, NO_LINE]


def test_an_odd_byte_at_the_end_is_left_out() -> None:
    assert lines_of("lnotab", [2, 1, 2], 3) == [100, 101, 101]
    assert lines_of("pairs", [2, 1, 2], 3) == [101, NO_LINE, NO_LINE]


@pytest.mark.parametrize("kind", DECODERS)
@given(table=st.binary(max_size=600), first=st.integers(-(1 << 31), (1 << 31) - 1), at=st.integers())
def test_no_table_is_an_error(kind: str, table: bytes, first: int, at: int) -> None:
    lines = DECODERS[kind](table, first)
    for offset in (-2, 0, 2, 400, at):
        # A C int goes on by at most 127, or, in locations, is checked.
        assert -(1 << 32) < lines.at(offset) < 1 << 32
    code = Code(0x1000, 0x1000, 1 << 20, "name", "file", first, table, kind)
    assert isinstance(code.line(0x1000 + at), int)
    assert isinstance(code.position(0x1000 + at), Position)
    assert len(list(islice(positions(table, first), 601))) <= len(table)


def test_instructions_of_a_threads_own_copy_have_the_lines_of_the_code() -> None:
    """Free-threaded builds of 3.14 on: co_tlbc."""
    # Two entries of one unit each without columns: lines 11 and 12.
    code = Code(0x1000, 0x1100, 4, "name", "file", 10, bytes([0xE8, 2, 0xE8, 2]))
    assert not code.holds(0x5002)
    code.add_copies([0x9000, 0x5000])
    for base in (0x1100, 0x5000, 0x9000):
        assert [code.line(base + at) for at in (-2, 0, 2)] == [10, 11, 12]
        assert code.holds(base - 2) and code.holds(base + 2) and not code.holds(base + 4)
        assert code.position(base + 2).line == 12
    assert not code.holds(0x4000)
    assert not code.holds(0xA000)
