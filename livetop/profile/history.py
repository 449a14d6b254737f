"""The history of cells: one block a second for ten minutes, then coarser and coarser ones.

Everything the model shows is a sum over these blocks. Their number and size are bounded: old seconds
merge into minutes, minutes pair up when there are too many, and a block too large loses its lightest
cells to [other].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from math import ceil

from livetop.profile.cells import Cell, CellKey, Cells, merge
from livetop.profile.info import ThreadUse

FINE_BLOCKS = 600
COARSE_BLOCKS = 60
ROLLED = 60
"""How many one-second blocks become one coarse one."""
BLOCK_CELLS = 20_000
HISTORY_CELLS = 500_000


class Block:
    """What happened between t0 and t1: cells and each thread's use. Not changed once it is closed."""

    __slots__ = ("cells", "gil_held", "t0", "t1", "uses")

    def __init__(
        self, t0: float, t1: float, cells: Cells, uses: dict[int, ThreadUse], gil_held: float = 0.0
    ) -> None:
        self.t0 = t0
        self.t1 = t1
        self.cells = cells
        self.uses = uses
        self.gil_held = gil_held

    @property
    def duration(self) -> float:
        return max(0.0, self.t1 - self.t0)


class OpenBlock:
    """The second that is still going on."""

    def __init__(self, t0: float, t1: float) -> None:
        self.t0 = t0
        self.t1 = t1
        self.sums: dict[CellKey, list[int]] = {}
        self.uses: dict[int, ThreadUse] = {}
        self.gil_held = 0.0

    def close(self) -> Block:
        return Block(self.t0, self.t1, Cells(self.sums), self.uses, self.gil_held)


class History:
    """Blocks, oldest first: coarse ones, one-second ones, and the one that is open."""

    def __init__(self) -> None:
        self.coarse: list[Block] = []
        self.fine: deque[Block] = deque()
        self.open: OpenBlock | None = None
        self.cells = 0
        """Cells in all closed blocks."""

    def block_for(self, t0: float, t1: float) -> tuple[OpenBlock, Block | None]:
        """Returns the block that a stretch belongs to, by the second it ends in, and the one that closed."""
        closed = None
        if self.open is not None and ceil(self.open.t1) != ceil(t1):
            closed = self.open.close()
            self.fine.append(closed)
            self.cells += len(closed.cells)
            self.open = None
        if self.open is None:
            self.open = OpenBlock(t0, t1)
        self.open.t1 = max(self.open.t1, t1)
        return self.open, closed

    def restore(self, block: Block) -> None:
        """Appends a block that is closed already."""
        self.fine.append(block)
        self.cells += len(block.cells)

    def closed(self) -> Iterator[Block]:
        return chain(self.coarse, self.fine)

    def blocks(self) -> list[Block]:
        """Returns all blocks, the open one as it is now."""
        return [*self.closed(), *([self.open.close()] if self.open else [])]

    def window(self, seconds: float | None) -> list[Block]:
        """Returns the closed blocks that a window covers together with the open one.

        Whole seconds are taken, so that on average over a second the window has the length asked for.
        """
        if seconds is None:
            return list(self.closed())
        now = self.now
        taken = []
        for block in chain(reversed(self.fine), reversed(self.coarse)):
            if not in_window(block, now, seconds):
                break
            taken.append(block)
        return taken[::-1]

    @property
    def now(self) -> float:
        if self.open is not None:
            return self.open.t1
        last = self.fine[-1] if self.fine else self.coarse[-1] if self.coarse else None
        return last.t1 if last else 0.0

    def roll_up(self, other: Callable[[int], int]) -> bool:
        """Keeps the history within its bounds; returns whether cells changed their node for that.

        `other` gives the node that a node's time goes to when its block is too large.
        """
        thinned = False
        while len(self.fine) > FINE_BLOCKS or (self.cells > HISTORY_CELLS and len(self.fine) > ROLLED):
            thinned |= self._append_coarse([self.fine.popleft() for _ in range(ROLLED)], other)
            if len(self.coarse) > COARSE_BLOCKS or self.cells > HISTORY_CELLS:
                old, self.coarse = self.coarse, []
                for at in range(0, len(old), 2):
                    thinned |= self._append_coarse(old[at : at + 2], other)
        return thinned

    def _append_coarse(self, blocks: list[Block], other: Callable[[int], int]) -> bool:
        merged, thinned = merge_blocks(blocks, BLOCK_CELLS, other)
        self.cells += len(merged.cells) - sum(len(block.cells) for block in blocks)
        self.coarse.append(merged)
        return thinned

    def rename(self, nodes: dict[int, int], threads: dict[int, int]) -> None:
        """Moves the time of nodes and threads that were folded to what they became."""
        for block in self.closed():
            columns = block.cells
            if not (nodes.keys().isdisjoint(columns.nodes) and threads.keys().isdisjoint(columns.threads)):
                self.cells -= len(columns)
                block.cells = Cells(_renamed(columns, nodes, threads))
                self.cells += len(block.cells)
            block.uses = _uses_renamed(block.uses, threads)
        if self.open is not None:
            cells = ((*key, *value) for key, value in self.open.sums.items())
            self.open.sums = _renamed(cells, nodes, threads)  # type: ignore[arg-type]
            self.open.uses = _uses_renamed(self.open.uses, threads)


def in_window(block: Block, now: float, seconds: float) -> bool:
    return now - block.t0 <= seconds + 0.5


def merge_blocks(
    blocks: list[Block], cap: int | None = None, other: Callable[[int], int] | None = None
) -> tuple[Block, bool]:
    """Returns one block of several that follow each other, and whether it had to be thinned to `cap`."""
    sums: dict[CellKey, list[int]] = {}
    uses: dict[int, ThreadUse] = {}
    for block in blocks:
        merge(sums, block.cells)
        for thread, use in block.uses.items():
            uses.setdefault(thread, ThreadUse()).merge(use)
    thinned = cap is not None and other is not None and len(sums) > cap
    if thinned:
        assert cap is not None and other is not None
        sums = _thin(sums, cap // 2, other)
    gil_held = sum(block.gil_held for block in blocks)
    return Block(blocks[0].t0, blocks[-1].t1, Cells(sums), uses, gil_held), thinned


def _thin(
    sums: dict[CellKey, list[int]], count: int, other: Callable[[int], int]
) -> dict[CellKey, list[int]]:
    ranked = sorted(sums, key=lambda key: sums[key][1], reverse=True)
    result = {key: sums[key] for key in ranked[:count]}
    light = (
        (other(node), thread, state, library, *sums[node, thread, state, library])
        for node, thread, state, library in ranked[count:]
    )
    merge(result, light)  # type: ignore[arg-type]
    return result


def _renamed(
    cells: Iterable[Cell], nodes: dict[int, int], threads: dict[int, int]
) -> dict[CellKey, list[int]]:
    sums: dict[CellKey, list[int]] = {}
    merge(
        sums,
        (
            (nodes.get(node, node), threads.get(thread, thread), state, library, count, weight, squared)
            for node, thread, state, library, count, weight, squared in cells
        ),
    )
    return sums


def _uses_renamed(uses: dict[int, ThreadUse], threads: dict[int, int]) -> dict[int, ThreadUse]:
    if threads.keys().isdisjoint(uses):
        return uses
    result: dict[int, ThreadUse] = {}
    for thread, use in uses.items():
        result.setdefault(threads.get(thread, thread), ThreadUse()).merge(use)
    return result
