"""Fetching the regions of one thread's stack, once or twice, whatever family its frames are of."""

from __future__ import annotations

from livetop.target.vectored import VectoredRead


class Fetching:
    """What both families of readers share. `regions` and `single` are flat: address, size, address, ..."""

    __slots__ = ()

    regions: list[int]
    single: list[int]
    size: int
    single_size: int

    def read_single(self, read: VectoredRead, *more: int) -> bool:
        """Fetch one copy now, for a thread that stands still; False when an address was bad.

        Behind it, at `single_size`, come the regions `more`: address, size, address, size ...
        """
        if more:
            read.lay_out([*self.single, *more], self.single_size + sum(more[1::2]))
        else:
            read.lay_out(self.single, self.single_size)
        return read.run()

    def read_double(self, read: VectoredRead) -> bool:
        """Fetch two copies now; False when an address was bad."""
        read.lay_out(self.regions, self.size)
        return read.run()
