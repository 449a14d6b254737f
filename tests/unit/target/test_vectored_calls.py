"""More regions than one call takes become several calls, as if they were one."""

from __future__ import annotations

import ctypes
import os

import pytest

from livetop.target.memory import MAX_REGIONS
from livetop.target.vectored import VectoredRead

WORD = 8
CONTENT = ctypes.create_string_buffer(b"".join(number.to_bytes(WORD, "little") for number in range(5000)))
START = ctypes.addressof(CONTENT)


def flat(numbers: list[int]) -> list[int]:
    return [word for number in numbers for word in (START + WORD * number, WORD)]


@pytest.mark.parametrize("count", [1, MAX_REGIONS, MAX_REGIONS + 1, 2 * MAX_REGIONS, 5000])
def test_all_regions_come_in_their_order(count: int) -> None:
    read = VectoredRead(os.getpid(), 64)
    numbers = [number * 7 % 5000 for number in range(count)]
    # After a long one a short one, and the other way round.
    for some in (numbers, numbers[:3], numbers):
        read.lay_out(flat(some), WORD * len(some))
        assert read.run()
        assert read.read_prefix() == WORD * len(some)
        found = [int.from_bytes(read.buffer[at : at + WORD], "little") for at in range(0, read.size, WORD)]
        assert found == some


@pytest.mark.parametrize("bad", [0, MAX_REGIONS - 1, MAX_REGIONS, 2 * MAX_REGIONS + 5])
def test_what_lies_before_a_bad_address_is_fresh(bad: int) -> None:
    read = VectoredRead(os.getpid())
    regions = flat(list(range(3000)))
    regions[2 * bad] = 16
    read.lay_out(regions, WORD * 3000)
    assert not read.run()
    assert read.read_prefix() == WORD * bad
    assert read.buffer[: WORD * bad] == CONTENT.raw[: WORD * bad]
