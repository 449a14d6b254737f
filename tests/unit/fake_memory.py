"""The memory of a process that does not exist, for unit tests of readers."""

from __future__ import annotations

from collections.abc import Sequence

from livetop.target.errors import MemoryFault, TargetError


class FakeMemory:
    """`livetop.target.memory.Memory` over segments: {address: content}.

    A segment may be replaced between reads (`segments[address] = content`); `error` is raised by every read
    while it is set, as when the process is gone. `reads` counts the calls.
    """

    def __init__(self, segments: dict[int, bytes] | None = None) -> None:
        self.segments: dict[int, bytes] = dict(segments or {})
        self.error: TargetError | None = None
        self.reads = 0

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes, which may run over segments that touch each other."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self._read(address, size)

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read (address, size) regions; None where one is not mapped."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        results: list[bytes | None] = []
        for address, size in regions:
            try:
                results.append(self._read(address, size))
            except MemoryFault:
                results.append(None)
        return results

    def _read(self, address: int, size: int) -> bytes:
        pieces: list[bytes] = []
        at, left = address, size
        while left > 0:
            for start, content in self.segments.items():
                if start <= at < start + len(content):
                    piece = content[at - start : at - start + left]
                    break
            else:
                raise MemoryFault(address, size)
            pieces.append(piece)
            at += len(piece)
            left -= len(piece)
        return b"".join(pieces)
