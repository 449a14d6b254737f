"""The greenlets of one process under watch: found little by little, read again and again.

From CPython 3.11 on the one that runs is known by its data stack; before, by the function that it began with.
"""

from __future__ import annotations

from time import monotonic

from livetop.cpython.code import Code, CodeReader
from livetop.cpython.greenlet_search import GreenletSearch
from livetop.cpython.greenlets import GreenletInfo, Greenlets, name_of
from livetop.cpython.layout import Layout
from livetop.cpython.objects import ObjectReader
from livetop.cpython.strings import ObjectError
from livetop.cpython.threads import Interpreter
from livetop.cpython.tree import Place
from livetop.cpython.type_names import TypeNames
from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .errands import Errands
from .roster import Roster
from .watched import Watched

_MODULE = "greenlet"
# Seconds between two looks at whether the module is imported, and at the greenlets that were found.
_IMPORTED = 5.0
_EVERY = 1.0
# Seconds of work at once, and between two searches at least.
_SLICE = 0.001
_PAUSE = 2.0
_MAX_PLACES = 20_000
# Functions that stacks begin with which are no greenlets.
_STARTS = ("<module>", "_bootstrap", "Thread._bootstrap")


def uses_greenlets(objects: ObjectReader, layout: Layout, interpreters: list[Interpreter]) -> bool:
    """Whether the module is imported in one of these interpreters."""
    for interpreter in interpreters:
        try:
            objects.item(objects.pointer(interpreter.address + layout.modules), _MODULE)
        except (ObjectError, MemoryFault):
            continue
        return True
    return False


def name_by_stack(frames: list[tuple[Code, int]]) -> str:
    """What the greenlet goes by that a thread's stack is of; "" where the stack is the thread's own."""
    return "" if not frames or frames[-1][0].name in _STARTS else name_of(frames)


class GreenletWatch:
    """Greenlets of one process. Times are monotonic seconds. Nothing is done while it does not use any."""

    def __init__(
        self, memory: Memory, layout: Layout, codes: CodeReader, roster: Roster, errands: Errands
    ) -> None:
        self.infos: dict[int, GreenletInfo] = {}
        """By address."""
        self.used = False
        self._objects = ObjectReader(memory, layout)
        self._layout = layout
        self._roster = roster
        self._types = TypeNames(memory, layout)
        self._search = GreenletSearch(memory, layout, self._types)
        self._reader = Greenlets(memory, layout, self._types, codes)
        self._by_chunk: dict[int, GreenletInfo] = {}
        self._names: dict[Place, str] = {}
        self._last: dict[int, Place] = {}
        self._looking = errands.errand("greenlets")
        self._looked_for = self._due = self._due_search = float("-inf")
        # Those that are still to be read in this look, and what was read of the others.
        self._left: list[int] = []
        self._found: dict[int, GreenletInfo] = {}

    @property
    def whole(self) -> bool:
        """Whether all there are were found, as far as that is known."""
        return not self.used or (self._search.possible and self._search.rounds > 0 and self._search.whole)

    @property
    def tells_running(self) -> bool:
        """Whether it is known which one a thread runs."""
        return self._layout.frames != "heap"

    def look(self, now: float) -> None:
        """Go on with what is due, for a few milliseconds at most; several times a second."""
        if not self._looking.allows(now) or (not self.used and now - self._looked_for < _IMPORTED):
            return
        with self._looking:
            if not self.used:
                self._looked_for = now
                self.used = uses_greenlets(self._objects, self._layout, self._roster.interpreters)
            if self.used:
                self._go_on(now)

    def _go_on(self, now: float) -> None:
        if now >= self._due_search and self._search.advance(self._roster.interpreters, _SLICE):
            self._due_search = now + _PAUSE
            self._due = min(self._due, now)
        if self._left:
            self._read(now)
        elif now >= self._due:
            self._due = now + _EVERY
            self._left, self._found = list(self._search.found), {}
            self._read(now)

    def _read(self, now: float) -> None:
        """Read some of those that were found; what was known stands until all are read."""
        self._types.forget()
        deadline = monotonic() + _SLICE
        roots = self._reader.roots(self._roster.by_state)
        while self._left:
            address = self._left.pop()
            info = self._reader.one(address, roots, now)
            if info is not None:
                self._found[address] = info
            if monotonic() >= deadline:
                break
        if not self._left:
            self._take(self._found)

    def _take(self, found: dict[int, GreenletInfo]) -> None:
        for address, info in found.items():
            before = self.infos.get(address)
            if before is not None:
                # One that runs now was parked when it was seen last.
                info.name = info.name or before.name
        self.infos = found
        self._last = {address: place for address, place in self._last.items() if address in found}
        self._by_chunk = {info.chunk: info for info in found.values() if info.chunk}

    def current(self, thread: Watched) -> GreenletInfo | None:
        """The greenlet that a thread runs whose stack was just parsed, where that is known."""
        # The last region is the oldest chunk of the data stack.
        single = thread.reader.single
        return self._by_chunk.get(single[-2]) if self._by_chunk and single else None

    def name(self, thread: Watched, place: Place) -> str:
        """What the greenlet goes by that a stack is of; "" in none, or in the main one."""
        name = self._names.get(place)
        if name is None:
            name = name_by_stack(place.frames())
            if len(self._names) >= _MAX_PLACES:
                self._names.clear()
            self._names[place] = name
        info = self.current(thread)
        if info is not None:
            info.name = info.name or name
            self._last[info.address] = place
        return name

    def frames(self, info: GreenletInfo) -> list[tuple[Code, int]]:
        """Where a greenlet is: one that runs, where it was seen last."""
        last = self._last.get(info.address)
        return info.frames or (last.frames() if last is not None else [])

    def forget_places(self) -> None:
        """The stack trees begin anew."""
        self._names.clear()
        self._last.clear()
