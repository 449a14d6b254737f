"""What stands in for a stack's reader at an OS thread that has no thread state: there is nothing to read."""

from __future__ import annotations

from livetop.target.memory import Memory
from livetop.target.vectored import VectoredRead

from .outcome import EMPTY, Outcome
from .threads import Interpreter, ThreadState

_NOWHERE = Interpreter(0, 0)


def no_state(tid: int) -> ThreadState:
    """The thread state of an OS thread that has none."""
    return ThreadState(0, tid, 0, _NOWHERE)


class NoPython:
    """A `Reader` whose stack has no Python frames, so that its C stack is read as any other."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.address = self.size = self.single_size = self.depth = self.instruction = self.mark = 0
        self.regions: list[int] = []
        self.single: list[int] = []

    def lay_out(self, *, follow: bool = True) -> bool:
        """There is nothing to lay out."""
        return True

    def forget(self) -> None:
        """Nothing is remembered."""

    def read_single(self, read: VectoredRead, *more: int) -> bool:
        """Fetch regions (address, size, address, size ...); False when an address was bad."""
        read.lay_out([*more], sum(more[1::2]))
        return read.run()

    def read_double(self, read: VectoredRead) -> bool:
        """There is nothing to fetch."""
        return True

    def covers(self, buffer: bytearray, base: int) -> bool:
        """There is no innermost frame that could be missing."""
        return True

    def parse(self, buffer: bytearray, base: int, double: bool) -> Outcome:
        """No Python code runs."""
        return EMPTY

    def runs(self, buffer: bytearray | bytes, base: int) -> list[tuple[int, int]]:
        """There are no evaluation loops."""
        return []

    def instructions(self, buffer: bytearray | bytes, base: int) -> list[int]:
        """There are no instructions."""
        return []

    def frames(self) -> list[int]:
        """There are no frames."""
        return []
