"""[gc] below the line that set it off, and what is not it: finalizers, callbacks."""

from __future__ import annotations

import pytest

from livetop.cpython.code import Code
from livetop.cpython.tree import Place
from livetop.sampling.collecting import GC, collector_below, in_finalizer


def _place(*frames: tuple[str, str]) -> Place:
    """The place of a stack of (function, file), outermost first."""
    place = Place(None, None, 0)
    for line, (name, file) in enumerate(frames):
        place = Place(place, Code(0x1000 + line, 0, 0, name, file, 1, b""), line)
    return place


def test_one_row_for_all_collections_and_a_place_for_each_line() -> None:
    first, second = _place(("main", "a.py"), ("work", "a.py")), _place(("main", "a.py"))
    found = collector_below(first)
    assert collector_below(first) is found
    assert [(code.name, line) for code, line in found.frames()] == [("[gc]", 0), ("work", 1), ("main", 0)]
    assert collector_below(second) is not found
    assert found.code is collector_below(second).code is GC
    assert (GC.kind, GC.file) == ("special", "")


def test_code_that_was_replaced_keeps_nothing() -> None:
    place = _place(("main", "a.py"))
    place.code_address = -1
    assert collector_below(place) is place
    assert not place.by_line


@pytest.mark.parametrize(
    ("inside", "frames"),
    [
        (False, [("main", "a.py"), ("work", "a.py")]),
        (True, [("main", "a.py"), ("Held.__del__", "a.py")]),
        (True, [("main", "a.py"), ("__del__", "a.py"), ("close", "a.py"), ("flush", "b.py")]),
        (True, [("main", "a.py"), ("finalize.__call__", "/usr/lib/python3.12/weakref.py")]),
        (True, [("main", "a.py"), ("WeakSet.__init__.<locals>._remove", "/lib/python3.8/_weakrefset.py")]),
        (False, [("main", "a.py"), ("WeakSet.add", "/lib/python3.8/_weakrefset.py")]),
        (False, [("main", "a.py"), ("List.remove", "/srv/app/lists.py")]),
        (False, []),
    ],
)
def test_finalizers_by_name(inside: bool, frames: list[tuple[str, str]]) -> None:
    assert in_finalizer(_place(*frames)) is inside


def test_a_stack_without_end_is_not_followed_for_ever() -> None:
    place = _place(("main", "a.py"))
    place.parent = place
    assert in_finalizer(place) is False
