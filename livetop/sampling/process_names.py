"""What one process calls its threads and places, by the ids of the session's definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livetop.cpython.tree import Place
from livetop.wire.messages import Process, Thread

from .watched import Remainder, Stranger, Watched

if TYPE_CHECKING:
    from .definitions import Definitions


class ProcessNames:
    """The names of one process; `number` is its id. See `Definitions.process`."""

    def __init__(self, definitions: Definitions, number: int, cwd: str, argv: list[str]) -> None:
        self.number = number
        self.cwd = cwd
        self.argv = argv
        self.definitions = definitions
        self._places: dict[Place, int] = {}
        self._root = definitions.root(number)

    @property
    def size(self) -> int:
        """How many places it remembers."""
        return len(self._places)

    def reset(self) -> None:
        """All ids but the threads' are forgotten."""
        self._places.clear()
        self._root = self.definitions.root(self.number)

    def follow(self, process: Process, cwd: str) -> None:
        """Tell of the program that exec has put into the process, and name its files by where it runs."""
        self.cwd = cwd
        self.argv = process.argv
        self._places.clear()
        self.definitions.name_anew()
        self.definitions.tell(process)

    def close(self) -> None:
        """The process has ended."""
        self._places.clear()
        self.definitions.drop(self)

    def thread(self, thread: Watched | Stranger | Remainder) -> int:
        """The id of a thread."""
        if not thread.wire:
            thread.wire = self.definitions.next()
            python = not isinstance(thread, Stranger)
            told = Thread(thread.wire, self.number, thread.tid, thread.name, python)
            self.definitions.tell_thread(told)
        return thread.wire

    def renamed(self, thread: Watched) -> None:
        """Tell of a thread's new name."""
        if thread.wire:
            self.definitions.tell_thread(Thread(thread.wire, self.number, thread.tid, thread.name))

    def node(self, key: Place | str) -> int:
        """The id of a place in the tree, or of a special row."""
        definitions = self.definitions
        if isinstance(key, str):
            return definitions.node(self._root, definitions.function(key, 0, 0, "special"), 0)
        places = self._places
        # Iterative: stacks are deeper than Python lets functions call themselves.
        unnamed: list[Place] = []
        place: Place = key
        while place not in places and place.parent is not None:
            unnamed.append(place)
            place = place.parent
        parent = places.get(place, self._root)
        for place in reversed(unnamed):
            code = place.code
            assert code is not None
            function = definitions.function(
                code.name, definitions.file(code, self), code.first_line, code.kind
            )
            parent = places[place] = definitions.node(parent, function, place.line)
        return parent
