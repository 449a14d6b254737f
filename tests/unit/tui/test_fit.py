from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from livetop.tui.fit import cells, cut, fit, plain


@given(st.text(max_size=40), st.integers(0, 30), st.sampled_from(["left", "right"]))
def test_fitted_text_takes_exactly_its_cells(text: str, width: int, keep: str) -> None:
    for align in ("left", "right", "center"):
        assert cell_len(fit(text, width, align, keep=keep)) == width  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "keep", "expected"),
    [
        ("sqlalchemy/orm/session.py:2365", "right", "…session.py:2365"),
        ("a_function_with_a_long_name", "left", "a_function_with…"),
        ("short", "right", "short           "),
        ("描画する描画する描画する", "left", "描画する描画す …"),
        ("描画する描画する描画する", "right", "… 画する描画する"),
    ],
)
def test_the_side_that_matters_stays(text: str, keep: str, expected: str) -> None:
    assert fit(text, 16, keep=keep) == expected  # type: ignore[arg-type]


def test_ascii_dots() -> None:
    assert fit("sqlalchemy/orm/session.py", 12, keep="right", dots="..") == "..session.py"


def test_nothing_a_terminal_acts_on_is_left() -> None:
    drawn = plain("a\x1b[31mb\u202ec\u200bd\u200de\ufe0ff\x07")
    assert drawn == "a?[31mbcdef?"
    assert plain("[bold]x[/bold]") == "[bold]x[/bold]"


def test_combining_marks_stay_with_their_letters() -> None:
    assert plain("e\u0301") == "e\u0301"
    assert cells("e\u0301") == 1


def test_cut_leaves_what_fits() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcdef", 2) == "ab"
