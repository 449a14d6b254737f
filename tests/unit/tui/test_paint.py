from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livetop.tui.fit import plain
from livetop.tui.paint import Line, difference, fill, spread, strip_of, text_of, width_of
from livetop.tui.theme import COLOR

PLAIN, STRONG = COLOR.plain, COLOR.strong

lines = st.lists(st.tuples(st.text(max_size=6).map(plain), st.sampled_from([PLAIN, STRONG])), max_size=6)


@given(lines, st.integers(1, 20))
def test_a_filled_line_is_exactly_as_wide_as_its_widget(line: Line, width: int) -> None:
    filled = fill(line, width)
    assert width_of(filled) == width
    strip = strip_of(filled, width)
    assert "".join(segment.text for segment in strip) == text_of(filled)
    assert all(segment.style is not None for segment in strip)


def test_only_what_changed_is_sent() -> None:
    old: Line = [(" 31.2", STRONG), ("  ", PLAIN), (" 50.1s", PLAIN), ("  tokenize", PLAIN)]
    new: Line = [(" 31.2", STRONG), ("  ", PLAIN), (" 50.4s", PLAIN), ("  tokenize", PLAIN)]
    assert difference(old, new, 23) == (7, 13)
    assert difference(old, [(" 31.2", PLAIN), *old[1:]], 23) == (0, 5)


@given(lines, lines)
def test_a_difference_covers_every_cell_that_differs(one: Line, two: Line) -> None:
    old, new = fill(one, 20), fill(two, 20)
    if old == new:
        return
    start, end = difference(old, new, 20)

    def cells_of(line: Line) -> list[object]:
        strip = strip_of(line, 20)
        return [strip.crop(at, at + 1) for at in range(20)]

    outside = [at for at in range(20) if not start <= at < end]
    before, after = cells_of(old), cells_of(new)
    assert all(before[at] == after[at] for at in outside)


def test_the_right_side_stays_when_there_is_too_much() -> None:
    assert text_of(spread([("left", PLAIN)], [("right", PLAIN)], 12)) == "left   right"
    assert text_of(spread([("left side", PLAIN)], [("right", PLAIN)], 9)) == "leftright"
