from __future__ import annotations

from livetop.tui.selection import Selection


def test_sorting_again_never_moves_the_selection() -> None:
    selection = Selection()
    selection.update(list("abcde"), 3)
    selection.move(1, 3)
    assert selection.key == "b"
    selection.update(list("ecdab"), 3)
    assert (selection.key, selection.index) == ("b", 4)
    assert selection.top <= 4 < selection.top + 3


def test_what_is_in_sight_moves_no_more_than_it_must() -> None:
    selection = Selection()
    selection.update(list("abcdefgh"), 4)
    selection.move(2, 4)
    assert selection.top == 0
    selection.move(3, 4)
    assert (selection.index, selection.top) == (5, 2)
    selection.move(-1, 4)
    assert (selection.index, selection.top) == (4, 2)


def test_a_row_that_vanishes_leaves_the_cursor_in_its_place() -> None:
    selection = Selection()
    selection.update(list("abcd"), 4)
    selection.move(3, 4)
    selection.update(list("abc"), 4)
    assert (selection.index, selection.key) == (2, "c")
    selection.update([], 4)
    selection.update(list("xy"), 4)
    assert selection.index == 0


def test_following_stays_on_the_first() -> None:
    selection = Selection()
    selection.update(list("abc"), 3)
    selection.update(list("cab"), 3, follow=True)
    assert (selection.index, selection.key) == (0, "c")


def test_the_ends_hold() -> None:
    selection = Selection()
    selection.update(list("abc"), 2)
    selection.move(-5, 2)
    assert selection.index == 0
    selection.move(50, 2)
    assert (selection.index, selection.top) == (2, 1)


def test_the_wheel_takes_the_cursor_along_only_out_of_sight() -> None:
    selection = Selection()
    selection.update(list("abcdefgh"), 4)
    selection.move(2, 4)
    selection.scroll(2, 4)
    assert (selection.top, selection.index) == (2, 2)
    selection.scroll(2, 4)
    assert (selection.top, selection.index, selection.key) == (4, 4, "e")
