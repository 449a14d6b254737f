"""Line numbers, against what the running interpreter says of its own code, and from damaged tables."""

from __future__ import annotations

import argparse
import ast
import inspect
import json.decoder
import typing
from collections.abc import Iterator
from types import CodeType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.location import NO_LINE, decode_lines


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@pytest.mark.parametrize("module", [argparse, ast, inspect, json.decoder, typing], ids=lambda m: m.__name__)
def test_lines_are_those_of_co_lines(module: ModuleType) -> None:
    source = inspect.getsource(module)
    for code in _codes(compile(source, module.__file__ or "", "exec")):
        expected = [NO_LINE] * (len(code.co_code) // 2)
        for start, end, line in code.co_lines():
            expected[start // 2 : end // 2] = [NO_LINE if line is None else line] * ((end - start) // 2)
        assert list(decode_lines(code.co_linetable, code.co_firstlineno)) == expected, code


def test_lines_far_apart_and_going_back() -> None:
    source = "f(\n" + "\n" * 5000 + "g(),\n" + "\n" * 300 + "h)\nx = [\n" + "\n" * 70_000 + "1 / y]\n"
    code = compile(source, "far", "exec")
    found = decode_lines(code.co_linetable, code.co_firstlineno)
    expected = {line for _, _, line in code.co_lines() if line is not None}
    assert set(found) - {NO_LINE} == expected
    assert max(expected) > 70_000


@given(st.binary(max_size=300), st.integers(-(1 << 31), (1 << 31) - 1))
def test_any_bytes_give_bounded_lines(table: bytes, first_line: int) -> None:
    assert len(decode_lines(table, first_line)) <= 8 * len(table)


@given(st.lists(st.integers(128, 255), max_size=300).map(bytes), st.integers(-(1 << 31), (1 << 31) - 1))
def test_any_entries_give_bounded_lines(table: bytes, first_line: int) -> None:
    assert len(decode_lines(table, first_line)) <= 8 * len(table)


def test_a_truncated_table_gives_the_beginning_of_the_lines() -> None:
    code = _codes.__code__
    whole = list(decode_lines(code.co_linetable, code.co_firstlineno))
    for end in range(len(code.co_linetable)):
        # The last entry may be cut within its numbers.
        found = list(decode_lines(code.co_linetable[:end], code.co_firstlineno))
        assert len(found) <= len(whole)
        assert found[:-8] == whole[: len(found)][:-8]
