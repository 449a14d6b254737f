"""Which C frames are evaluation loops where these leave no mark on the stack (CPython to 3.10), by name.

There each call of `_PyEval_EvalFrameDefault` (Python/ceval.c) runs one Python frame. It is exported, so that
a stripped file has its name, too, but not those of the parts that a compiler has split off as cold.
"""

from __future__ import annotations

from collections.abc import Sequence

from .modules import Module

_NAME = "_PyEval_EvalFrameDefault"
_MAX_KNOWN = 50_000


class Loops:
    """Tells evaluation loops of one process."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def forget(self) -> None:
        """Mappings have changed: a pc may be in another function."""
        self._known.clear()

    def are(self, pcs: Sequence[int], modules: Sequence[Module | None]) -> list[int]:
        """The indices of evaluation loops among C frames, innermost first.

        `pcs` are return addresses, but for the first.
        """
        return [
            index
            for index, (pc, module) in enumerate(zip(pcs, modules, strict=True))
            if module is not None and module.kind == "runtime" and self._is(pc - (index > 0), module)
        ]

    def innermost(self, pcs: Sequence[int], modules: Sequence[Module | None]) -> int:
        """The first of them, -1 when there is none."""
        for index, (pc, module) in enumerate(zip(pcs, modules, strict=True)):
            if module is not None and module.kind == "runtime" and self._is(pc - (index > 0), module):
                return index
        return -1

    def runs(self, pcs: Sequence[int], cfas: Sequence[int], modules: Sequence[Module | None], depth: int,
             *, complete: bool) -> list[tuple[int, int]]:  # fmt: skip
        """(an address in the C frame, number of Python frames) of each loop, for a stack `depth` frames deep.

        Innermost first. Of a `complete` stack the outermost loops fit; one loop more than there are frames is
        just being entered, or left; what a loop is missing for goes to the innermost one.
        """
        marks = [cfas[index] - 8 for index in self.are(pcs, modules)]
        if not complete:
            return [(mark, 1) for mark in marks[:depth]]
        marks = marks[max(0, len(marks) - depth) :]
        runs = [(mark, 1) for mark in marks]
        if runs and len(runs) < depth:
            runs[0] = (marks[0], 1 + depth - len(marks))
        return runs

    def _is(self, pc: int, module: Module) -> bool:
        known = self._known.get(pc)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[pc] = (module.symbol(pc) or "").startswith(_NAME)
        return known
