"""[gc] below the line that set it off, and what is not it: finalizers, callbacks."""

from __future__ import annotations

from functools import partial

import pytest

from livetop.cpython.code import Code
from livetop.cpython.layout import table_of
from livetop.cpython.threads import COLLECTED, Interpreter
from livetop.cpython.tree import Place
from livetop.sampling.collecting import GC, collector_below, glance_at, in_finalizer, moves
from tests.unit.fake_memory import FakeMemory


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


class Program(FakeMemory):
    """A frame, and a collection: what they are at each of the reads of one look, the last one for ever."""

    FRAME, COLLECTED, COLLECTING = 0x1000, 0x2000, 0x3000

    def __init__(self, layout, *instants):
        super().__init__()
        self.layout, self.instants = layout, list(instants)

    def _read(self, address, size):
        flag, collections, code, instruction = self.instants[0]
        if address == self.COLLECTING and len(self.instants) > 1:
            del self.instants[0]
            flag, collections, code, instruction = self.instants[0]
        values = {
            self.COLLECTING: flag,
            self.COLLECTED: collections,
            self.FRAME + self.layout.frame_code: code,
            self.FRAME + self.layout.frame_instruction: instruction,
        }
        return values[address].to_bytes(8, "little").ljust(COLLECTED, b"\0")[:size]


STARTS = (1, 7, 0x5000, 0)
STILL = (1, 7, 0x5000, 40)


def glances(pair, *instants):
    """What a look sees of a frame that is at these instants one after the other, and the reads it took."""
    layout = table_of(pair, 9)
    memory = Program(layout, STARTS, *instants)
    interpreter = Interpreter(0, 0, memory.COLLECTING, memory.COLLECTED)
    found = moves(partial(glance_at, memory, layout, interpreter, memory.FRAME))
    return found, memory.reads


@pytest.mark.parametrize("pair", [(3, 7), (3, 10), (3, 12)])
@pytest.mark.parametrize(
    ("expected", "reads", "instants"),
    [
        (False, 2, [STILL]),
        (True, 1, [STILL, STILL, (1, 7, 0x5000, 42)]),
        # The collection ends while it is looked at; so it does where another one has begun since.
        (None, 1, [STILL, STILL, (0, 7, 0x5000, 42)]),
        (None, 1, [STILL, STILL, (0, 8, 0x5000, 42)]),
        (None, 1, [STILL, STILL, (1, 8, 0x5000, 42)]),
        (None, 1, [(0, 7, 0x5000, 40)]),
        (None, 1, [(0, 7, 0x5000, 40), (0, 7, 0x5000, 42)]),
        # The frame is another function's by now.
        (None, 1, [STILL, STILL, (1, 7, 0x6000, 42)]),
        # It had no core at first.
        (True, 2, [STILL] * 17 + [(1, 7, 0x5000, 42)]),
        (True, 2, [STILL] * 25 + [(1, 7, 0x5000, 42)]),
        # At the second look it is over, or another's.
        (False, 2, [STILL] * 17 + [(0, 8, 0x5000, 42)]),
        (False, 2, [STILL] * 17 + [(1, 8, 0x5000, 42)]),
        (False, 2, [STILL] * 17 + [(1, 7, 0x6000, 42)]),
    ],
)
def test_a_frame_moves_only_if_it_does_within_one_collection(pair, expected, reads, instants):
    assert glances(pair, *instants) == (expected, reads)


def test_nothing_is_said_where_memory_is_gone():
    layout = table_of((3, 12), 1)
    assert glance_at(FakeMemory(), layout, Interpreter(0, 0, 0x3000, 0x2000), 0x1000) is None
