from __future__ import annotations

import pytest

from livetop.tui.bars import SPARKS, bar_scale, heat_bar, sparkline


def test_sparkline_shows_the_newest_values_at_the_right() -> None:
    assert sparkline([0.0, 0.5, 1.0], 5, 1.0) == "  ▁▅█"
    assert sparkline([0.0] * 50 + [1.0], 3, 1.0) == "▁▁█"


def test_sparkline_never_leaves_its_glyphs() -> None:
    assert sparkline([-1.0, 7.0, float("nan"), None], 4, 1.0) == f"{SPARKS[0]}{SPARKS[-1]}{SPARKS[0]} "
    assert sparkline([1.0], 3, 0.0) == "  ▁"
    assert sparkline([1.0], 0, 1.0) == ""


def test_sparkline_in_ascii_is_ascii_of_the_same_width() -> None:
    drawn = sparkline([index / 10 for index in range(11)], 11, 1.0, ascii_only=True)
    assert drawn.isascii()
    assert len(drawn) == 11
    assert len(set(drawn)) == 8


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.0004, 0.001, 0.2, 0.4, 1.0])
@pytest.mark.parametrize("native", [None, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("system", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("waiting", [0.0, 0.03, 0.5, 1.0])
def test_heat_bar_is_as_wide_as_it_was_asked_to_be(
    share: float, native: float | None, system: float, waiting: float, ascii_only: bool
) -> None:
    assert len("".join(heat_bar(share, 0.4, 16, native, system, waiting, ascii_only=ascii_only))) == 16


def test_heat_bar_tells_its_parts_by_their_characters() -> None:
    assert heat_bar(0.4, 0.4, 8, 0.25) == ("██████", "▒▒", "", "", "")
    assert heat_bar(0.4, 0.4, 8, 0.25, 0.5) == ("██", "▒▒", "░░░░", "", "")
    assert heat_bar(0.4, 0.4, 8, 0.25, 0.5, ascii_only=True) == ("##", "==", "----", "", "")
    assert heat_bar(0.2, 0.4, 8, 0.0, 1.0) == ("", "", "░░░░", "", "    ")


def test_what_was_waited_is_a_part_of_its_own_and_the_others_are_of_the_rest() -> None:
    assert heat_bar(0.4, 0.4, 8, 0.5, 0.25, 0.5) == ("█", "▒▒", "░", "····", "")
    assert heat_bar(0.4, 0.4, 8, 0.5, 0.25, 0.5, ascii_only=True) == ("#", "==", "-", "....", "")
    # A line that only sleeps is none of python, native and kernel, whatever its few samples on a core were.
    assert heat_bar(0.2, 0.4, 8, 1.0, 0.0, 1.0) == ("", "", "", "····", "    ")
    assert heat_bar(0.4, 0.4, 8, None, 0.0, 0.5) == ("████", "", "", "····", "")


def test_what_is_too_small_for_a_cell_of_its_own_leaves_the_bar_as_long_as_it_is() -> None:
    assert heat_bar(0.05, 0.4, 8, 0.3, 0.3) == ("", "▒", "", "", "       ")
    assert heat_bar(0.05, 0.4, 8, 0.2, 0.2) == ("█", "", "", "", "       ")


def test_heat_bar_of_unknown_split_is_undivided() -> None:
    assert heat_bar(0.2, 0.4, 8) == ("████", "", "", "", "    ")


def test_small_shares_have_one_cell_and_noise_has_none() -> None:
    assert heat_bar(0.005, 1.0, 8)[0] == "█"
    assert heat_bar(0.004, 1.0, 8)[0] == ""
    assert heat_bar(0.0, 1.0, 8)[0] == ""


def test_scale_is_calm() -> None:
    assert bar_scale(0.31) == bar_scale(0.39) == 0.4
    assert bar_scale(0.0) == 0.05
    assert bar_scale(1.7) == 1.0
