"""The stack tree: every place that was ever innermost, and its callers, each stored once.

A place is a line of a code object, called from its parent. Looking up a child by the instruction
address is the hot path; that several instructions make up one line is settled when one of them is seen
for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetop.target.errors import MemoryFault

from .code import Code, CodeReader
from .strings import ObjectError

# Code objects this young may be gone again at once, so their content is compared at every sample.
YOUNG = 1.0
# An address at which one code object replaced another is watched as closely, for this long.
VOLATILE = 60.0
_MAX_VOLATILE = 10_000


class Place:
    """A line of code, reached from `parent`. The root has no code.

    `code_address` is -1 once the code, or that of a caller, was found replaced.
    """

    __slots__ = ("by_line", "children", "code", "code_address", "line", "parent")

    def __init__(self, parent: Place | None, code: Code | None, line: int) -> None:
        self.parent = parent
        self.code = code
        self.code_address = code.address if code is not None else 0
        self.line = line
        self.children: dict[int, Place] = {}
        self.by_line: dict[tuple[Code, int], Place] = {}

    def frames(self) -> list[tuple[Code, int]]:
        """(code, line) of this place and its callers, innermost first."""
        found: list[tuple[Code, int]] = []
        place: Place | None = self
        while place is not None and place.code is not None:
            found.append((place.code, place.line))
            place = place.parent
        return found


class StackTree:
    """All places of one process. The owner sets `now`, the time of the sample being read."""

    def __init__(self, codes: CodeReader, limit: int = 20_000) -> None:
        self.codes = codes
        self.root = Place(None, None, 0)
        self.now = 0.0
        self.size = 0
        self.limit = limit
        self.young: set[Code] = set()
        self._places: dict[Code, list[Place]] = {}
        self._volatile: dict[int, float] = {}

    def enter(self, parent: Place, code_address: int, instruction: int) -> Place | None:
        """Return the place of an instruction seen for the first time; None when there is no such code."""
        try:
            code = self.codes.get(code_address, self.now)
            if not code.holds(instruction):
                if self._replaced([code]):
                    code = self.codes.get(code_address, self.now)
                self.codes.find_copies(code)
        except (ObjectError, MemoryFault):
            return None
        if not code.holds(instruction) or parent.code_address < 0:
            return None
        if code.shim:
            # Its caller stands for it.
            return parent
        key = (code, code.line(instruction))
        place = parent.by_line.get(key)
        if place is None:
            place = Place(parent, code, key[1])
            parent.by_line[key] = place
            self.size += 1
            known = self._places.get(code)
            if known is None:
                self._places[code] = [place]
                self.young.add(code)
            else:
                known.append(place)
        parent.children[instruction] = place
        return place

    def confirm(self, place: Place) -> bool:
        """Compare the young code objects of a stack again; False when the sample took one for another."""
        young = self.young
        suspects: list[Code] = []
        walk: Place | None = place
        while walk is not None and walk.code is not None:
            if walk.code in young:
                suspects.append(walk.code)
            walk = walk.parent
        if suspects and self._replaced(suspects):
            return False
        for code in suspects:
            if self.now - code.known > YOUNG and self._volatile.get(code.address, 0.0) < self.now:
                young.discard(code)
        return True

    def verify(self, places: Iterable[Place]) -> set[Code]:
        """Compare the content of all code objects on these stacks; return those that were replaced.

        Call it about once a second: it also ends the youth of code objects that are not met any more.
        """
        codes: set[Code] = set()
        seen: set[Place] = set()
        for place in places:
            walk: Place | None = place
            while walk is not None and walk.code is not None and walk not in seen:
                seen.add(walk)
                codes.add(walk.code)
                walk = walk.parent
        replaced = set(self._replaced(codes)) if codes else set()
        for code in list(self.young):
            if self.now - code.known > 2 * YOUNG and self._volatile.get(code.address, 0.0) < self.now:
                self.young.discard(code)
        return replaced

    def _replaced(self, codes: Iterable[Code]) -> list[Code]:
        """Forget the codes whose content has changed: their places will not be found again."""
        changed = self.codes.verify(codes, self.now)
        for code in changed:
            self.young.discard(code)
            if len(self._volatile) >= _MAX_VOLATILE:
                self._volatile.clear()
            self._volatile[code.address] = self.now + VOLATILE
            for place in self._places.pop(code, ()):
                _mark_gone(place)
                parent = place.parent
                if parent is not None:
                    parent.by_line.pop((code, place.line), None)
                    for instruction in [at for at, child in parent.children.items() if child is place]:
                        del parent.children[instruction]
                self.size -= 1
        return changed

    @property
    def full(self) -> bool:
        """Whether `reset` is due: the tree has outgrown its limit."""
        return self.size > self.limit or len(self.codes) > self.limit // 2

    def reset(self) -> None:
        """Forget everything; readers notice that the root is another one."""
        # Circles are broken by hand, as the engine runs without a garbage collector.
        for places in self._places.values():
            for place in places:
                place.by_line.clear()
                place.children.clear()
        for place in self.root.by_line.values():
            place.by_line.clear()
            place.children.clear()
        self.root.by_line.clear()
        self.root.children.clear()
        self.root = Place(None, None, 0)
        self.size = 0
        self._places.clear()
        self.young.clear()
        self.codes.forget()


def _mark_gone(place: Place) -> None:
    """Readers that remember a place further in as a caller must not go on from there."""
    gone = [place]
    for place in gone:
        if place.code_address >= 0:
            place.code_address = -1
            gone += place.by_line.values()
    # Places refer to each other in circles, and the engine runs without a garbage collector.
    for place in gone:
        place.by_line.clear()
        place.children.clear()
