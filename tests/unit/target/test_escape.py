"""Nothing that a terminal could act on gets through."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.target.text import escape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain name", "plain name"),
        ("naïve 函数 функция 🐍", "naïve 函数 функция 🐍"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("two\nlines\tand\r", "two\\x0alines\\x09and\\x0d"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("abc\u202etxt.exe\u2066", "abc\\u202etxt.exe\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        (b"caf\xe9 \xc3\xa9", "caf\\xe9 é"),
        ("\U000e0041", "\\U000e0041"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        (b"", ""),
    ],
)
def test_escapes(text, expected):
    assert escape(text) == expected


def test_length_is_capped():
    assert escape("x" * 50, 10) == "x" * 9 + "…"
    assert escape("x" * 10, 10) == "x" * 10
    assert escape("\x1b" * 10, 10) == ("\\x1b" * 3)[:9] + "…"
    assert len(escape(b"\xff" * 10_000_000)) == 4096


@given(st.one_of(st.text(), st.binary(), st.text(st.characters(exclude_categories=()))))
def test_result_is_printable_encodable_and_stays_the_same(text):
    shown = escape(text)
    assert shown.isprintable()
    shown.encode()
    assert escape(shown) == shown
