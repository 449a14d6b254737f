"""Stacks of more frames than are read: the innermost ones, below one that stands for all their callers."""

from __future__ import annotations

from typing import NamedTuple

from .code import Code
from .tree import Place, StackTree


class Limit(NamedTuple):
    """How many frames of one stack are read.

    Of a stack of more than `most` it is the `kept` innermost ones. What is read then begins at the same frame
    while it has grown to no more than `most`, and shrunk to no less than `least`.
    """

    most: int
    kept: int
    least: int


WHOLE = Limit(25_000, 20_000, 5_000)
"""For one look at a thread. More than a C stack of 8 MB has room for where each frame needs some of it."""
SAMPLED = Limit(1_500, 500, 100)
"""For sampling: more than Python lets functions call each other unless it is told to (1,000), and few enough
that samples of a stack of any depth are within the budgets."""


class _Callers(Code):
    """What the callers that are left out look like among frames."""

    kind = "special"

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(0, 0, 0, "[more callers]", "", 0, b"")


CALLERS = _Callers()
"""The outermost frame of a stack that was cut. It has no file and no lines."""


def more_callers(tree: StackTree) -> Place:
    """The place that is the caller of the outermost frame that was read."""
    root = tree.root
    found = root.by_line.get((CALLERS, 0))
    if found is None:
        found = root.by_line[CALLERS, 0] = Place(root, CALLERS, 0)
    return found
