"""Readers of stacks: what all have in common, and which one a layout needs."""

from __future__ import annotations

from typing import Protocol

from livetop.target.memory import Memory
from livetop.target.vectored import VectoredRead

from .heap_regions import HeapShape
from .heap_stack import HeapReader
from .layout import Layout
from .limit import WHOLE, Limit
from .outcome import Outcome
from .shape import Shape
from .stack import StackReader
from .tree import Place, StackTree


class Reader(Protocol):
    """Reads the stack of one thread state: `StackReader` (3.11 on), `HeapReader` (3.6 to 3.10)."""

    memory: Memory
    address: int
    """Of the thread state."""
    regions: list[int]
    """What to read of a thread that runs: address, size, address, size ..."""
    size: int
    """Bytes of `regions`."""
    single: list[int]
    """What to read of a thread that stands still."""
    single_size: int
    depth: int
    """Frames of the stack that was parsed last."""
    instruction: int
    """Address of the innermost frame's instruction, 0 when there is none."""
    mark: int
    """An address in the C frame of the innermost evaluation loop, 0 when none is known."""

    def lay_out(self, *, follow: bool = True) -> bool:
        """Find out where the stack lies now; False when the thread state is gone.

        Without `follow` it is a matter of microseconds: for a thread that is being kept waiting.
        """
        ...

    def forget(self) -> None:
        """Parse the next sample whole."""
        ...

    def read_single(self, read: VectoredRead, *more: int) -> bool:
        """Fetch one copy, and behind it other regions (flat, as above); False when an address was bad."""
        ...

    def read_double(self, read: VectoredRead) -> bool:
        """Fetch two copies now; False when an address was bad."""
        ...

    def covers(self, buffer: bytearray, base: int) -> bool:
        """Whether what was read reaches the innermost frame: a quick look, before a thread runs on."""
        ...

    def parse(self, buffer: bytearray, base: int, double: bool) -> Place | Outcome:
        """Turn what was read (at `base` of `buffer`) into a place in the stack tree, or say why not."""
        ...

    def runs(self, buffer: bytearray | bytes, base: int) -> list[tuple[int, int]]:
        """The evaluation loops of the stack that was parsed last: (mark or 0, frames), innermost first."""
        ...

    def instructions(self, buffer: bytearray | bytes, base: int) -> list[int]:
        """The instructions that the stack's frames are at, innermost first; [] where nothing is known of
        their columns (to 3.10)."""
        ...

    def frames(self) -> list[int]:
        """Addresses of the frames of the stack that was parsed last, innermost first: for finding tasks."""
        ...


def make_shape(layout: Layout) -> Shape | HeapShape:
    """What all readers of one process share."""
    return HeapShape(layout) if layout.frames == "heap" else Shape(layout)


def make_reader(
    memory: Memory, shape: Shape | HeapShape, tree: StackTree, address: int, limit: Limit = WHOLE
) -> Reader:
    """A reader of the stack of the thread state at an address."""
    if isinstance(shape, HeapShape):
        return HeapReader(memory, shape, tree, address, limit)
    return StackReader(memory, shape, tree, address, limit)
