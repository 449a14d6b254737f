from __future__ import annotations

import pytest

from livetop.profile.filters import FilterError, compile_filter


def matches(text: str, candidate: str) -> bool:
    found = compile_filter(text)
    return found is None or found(candidate)


def test_a_filter_is_a_part_of_the_text() -> None:
    assert matches("parse", "tokenize app/parse.py:16")
    assert not matches("parse.*16", "tokenize app/parse.py:16")


def test_case_matters_only_when_it_is_used() -> None:
    assert matches("session", "Session.execute")
    assert not matches("Session", "session")


def test_an_exclamation_mark_makes_it_a_regular_expression() -> None:
    assert matches("!parse.*16$", "tokenize app/parse.py:16")
    assert matches("!TOKEN|tok", "tokenize")
    assert not matches("!^app", "tokenize app/parse.py:16")


def test_half_typed_filters_let_everything_pass() -> None:
    assert compile_filter("") is None
    assert compile_filter("!") is None


@pytest.mark.parametrize("text", ["!(", "![", "!*", "!(?P<x", "!a{99999999999}"])
def test_a_bad_expression_is_one_clear_line(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert str(caught.value).startswith("not a regular expression: ")
    assert "\n" not in str(caught.value)
