"""One stack out of two: C frames and Python frames in the order in which they called each other.

From CPython 3.11 on one evaluation loop, one C frame, runs several Python frames. Which C frame is which loop
is told by its mark, an address of something that the loop keeps in that frame (see `StackReader.mark`), so
nothing is counted off against each other. Before, each loop runs one frame, and is told by its name (see
`loops.py`). A loop whose frame was not found leaves its Python frames where they come next: a stack that does
not fit is shown degraded, never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from livetop.cpython.code import Code
from livetop.cpython.own_tree import OwnTree
from livetop.cpython.tree import Place

from .call_glue import IN_PYTHON, is_glue
from .modules import Module
from .unwind import Walk

# The interpreter's own frames that are how it runs Python code, not what the code asked for.
_HOW = ("_PyEval", "PyEval", "_TAIL_CALL", "TAIL_CALL")
_MAX_FUNCTIONS = 20_000
_MAX_STEPS = 50_000

_Step = tuple[Code, int]


class NativeCode(Code):
    """A C function as a frame: its name, and the file that it is in. It has no lines."""

    kind = "native"

    __slots__ = ("foreign", "module")

    def __init__(self, name: str, path: str, module: str, foreign: bool) -> None:
        super().__init__(0, 0, 0, name, path, 0, b"")
        self.module = module
        """The file's short name."""
        self.foreign = foreign
        """Neither the interpreter nor the C library."""


class Merger(OwnTree):
    """Merges stacks of one process into a tree of their own; equal stacks are the same place."""

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str], NativeCode] = {}
        # pc -> its frame, None for one that is not told
        self._steps: dict[int, _Step | None] = {}
        super().__init__()

    def reset(self) -> None:
        """Begin a new tree."""
        super().reset()
        self._functions.clear()
        self._steps.clear()

    def forget(self) -> None:
        """Mappings have changed: a pc may be in another function."""
        self._steps.clear()

    def place(self, steps: Sequence[_Step]) -> Place:
        """The place of a merged stack, innermost frame first."""
        return self.enter(reversed(steps))

    def merge(
        self, walk: Walk, sp: int, runs: Sequence[tuple[int, int]], frames: Sequence[_Step]
    ) -> list[_Step]:
        """C frames from `sp` on, and Python frames of which each evaluation loop of `runs` has some.

        `runs`: (mark, number of frames), `frames`: (code, line), both innermost first, as is the result.
        """
        steps: list[_Step] = []
        known = self._steps
        run = used = 0
        # Where what lies outside the outermost loop begins.
        begin = 0
        exact = True
        for pc, cfa, module in zip(walk.pcs, walk.cfas, walk.modules, strict=False):
            loop = False
            while run < len(runs) and runs[run][0] and sp <= runs[run][0] < cfa:
                steps += frames[used : used + runs[run][1]]
                used += runs[run][1]
                run += 1
                loop = True
                begin = len(steps)
            if not loop:
                at = pc if exact else pc - 1
                if at in known:
                    step = known[at]
                else:
                    step = self._step(at, module)
                    if module is not None:
                        if len(known) >= _MAX_STEPS:
                            known.clear()
                        known[at] = step
                if step is not None and (not steps or steps[-1] != step):
                    steps.append(step)
            exact = False
            sp = cfa
        if used < len(frames):
            return steps + list(frames[used:])
        # How Python was started is nobody's time; a program that embeds it is.
        while len(steps) > begin and steps and self._is_start(steps[-1]):
            steps.pop()
        return steps

    def _step(self, pc: int, module: Module | None) -> _Step | None:
        if module is None:
            return self._function("[unknown]", "[unknown]", "[unknown]", True), 0
        if module.kind == "trampoline":
            return None
        name = module.symbol(pc) or ""
        if module.kind == "runtime" and (is_glue(name) or name in IN_PYTHON or name.startswith(_HOW)):
            return None
        foreign = module.kind not in ("runtime", "system")
        return self._function(name or f"[{module.name}]", module.path or module.name, module.name, foreign), 0

    def _function(self, name: str, path: str, module: str, foreign: bool) -> NativeCode:
        found = self._functions.get((name, path))
        if found is None:
            if len(self._functions) >= _MAX_FUNCTIONS:
                name = "[other]"
            found = self._functions.setdefault((name, path), NativeCode(name, path, module, foreign))
        return found

    @staticmethod
    def _is_start(step: _Step) -> bool:
        return isinstance(step[0], NativeCode) and not step[0].foreign
