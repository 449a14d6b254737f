"""Evaluation loops by name, and which Python frames they run."""

from __future__ import annotations

from typing import cast

from livetop.native.loops import Loops
from livetop.native.modules import Module

LOOP, PART, OTHER, UNKNOWN = 0x1000, 0x2000, 0x3000, 0x4000
NAMES = {LOOP: "_PyEval_EvalFrameDefault", PART: "_PyEval_EvalFrameDefault.cold", OTHER: "list_sort_impl"}


class FakeModule:
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def symbol(self, pc: int) -> str | None:
        return NAMES.get(pc & ~0xFFF)


RUNTIME = cast(Module, FakeModule("runtime"))
# A library may have an interpreter of its own.
LIBRARY = cast(Module, FakeModule("library"))


def stack(*starts: int, modules: list[Module | None] | None = None):
    """Return addresses 8 bytes into these functions, in C frames of 256 bytes."""
    pcs = [start + 8 for start in starts]
    return pcs, [0x7000 + 256 * (index + 1) for index in range(len(pcs))], modules or [RUNTIME] * len(pcs)


def test_loops_and_their_cold_parts_are_told_by_name() -> None:
    pcs, _, modules = stack(OTHER, PART, OTHER, LOOP, UNKNOWN)
    loops = Loops()
    assert loops.are(pcs, modules) == [1, 3]
    assert loops.innermost(pcs, modules) == 1
    assert loops.innermost(pcs[4:], modules[4:]) == -1
    assert loops.are(pcs, [LIBRARY, None, None, LIBRARY, None]) == []


def test_a_return_address_behind_the_end_of_a_function_belongs_to_it() -> None:
    # A call that never returns is the last instruction; the next function begins behind it.
    loops = Loops()
    assert loops.are([OTHER + 8, LOOP + 0x1000], [RUNTIME, RUNTIME]) == [1]
    # Where a thread stands itself is no return address.
    assert loops.are([LOOP + 0x1000], [RUNTIME]) == [0]
    assert loops.are([OTHER], [RUNTIME]) == []


def test_each_loop_runs_one_frame() -> None:
    pcs, cfas, modules = stack(LOOP, OTHER, LOOP, LOOP)
    runs = Loops().runs(pcs, cfas, modules, 3, complete=True)
    assert runs == [(cfas[0] - 8, 1), (cfas[2] - 8, 1), (cfas[3] - 8, 1)]


def test_what_does_not_fit() -> None:
    pcs, cfas, modules = stack(LOOP, OTHER, LOOP, LOOP)
    loops = Loops()
    # The innermost loop is just being entered.
    assert loops.runs(pcs, cfas, modules, 2, complete=True) == [(cfas[2] - 8, 1), (cfas[3] - 8, 1)]
    # One was not found: all frames have a place.
    assert [count for _, count in loops.runs(pcs, cfas, modules, 5, complete=True)] == [3, 1, 1]
    # Of a stack that is cut off outside the innermost loops fit.
    assert loops.runs(pcs[:3], cfas[:3], modules[:3], 9, complete=False) == [
        (cfas[0] - 8, 1),
        (cfas[2] - 8, 1),
    ]
    assert loops.runs(pcs, cfas, modules, 0, complete=True) == []
    assert loops.runs([], [], [], 4, complete=True) == []
