"""Ids for what messages refer to, and the definitions that have not been sent yet.

Ids are never used twice. When the tables have grown too large they are emptied and everything is named
anew: the interface is told to forget the old ids, and recognises what it knows by content.
"""

from __future__ import annotations

from livetop.cpython.code import Code
from livetop.cpython.tree import Place
from livetop.native.merge import NativeCode
from livetop.wire.messages import Defs, File, Function, Node, Process, Thread

from .names import module_path
from .watched import Remainder, Stranger, Watched

MAX_NODES = 20_000
# Names of libraries and of reasons to wait; what comes on top is "other".
MAX_LIBRARIES = 2_000
OTHER = "other"


class Definitions:
    """The tables of one target."""

    def __init__(self, process: int, cwd: str, argv: list[str]) -> None:
        self._process = process
        self._cwd = cwd
        self._argv = argv
        self._last = 0
        self._files: dict[str, int] = {}
        self._paths: dict[int, str] = {}
        self._functions: dict[tuple[str, int, int, str], int] = {}
        self._nodes: dict[tuple[int, int, int], int] = {}
        self._places: dict[Place, int] = {}
        self._libraries: dict[str, int] = {}
        self._unsent = Defs()
        self._root = 0
        self.reset()

    def _next(self) -> int:
        self._last += 1
        return self._last

    def reset(self) -> None:
        """Forget all names but the threads'."""
        first = not self._last
        self._forget()
        threads = self._unsent.threads
        self._unsent = Defs(
            reset=not first,
            processes=[],
            files=[],
            functions=[],
            nodes=[],
            threads=threads,
            libraries=self._unsent.libraries,
        )
        self._root = self._next()
        self._unsent.nodes.append(Node(self._root, 0, 0, self._process))

    def _forget(self) -> None:
        self._files.clear()
        self._paths.clear()
        self._functions.clear()
        self._nodes.clear()
        self._places.clear()

    @property
    def full(self) -> bool:
        """Whether `reset` is due."""
        return len(self._places) > MAX_NODES

    def follow(self, process: Process, cwd: str) -> None:
        """Tell of the program that exec has put into the process, and name its files by where it runs."""
        self._cwd = cwd
        self._argv = process.argv
        self._unsent.processes.append(process)
        self._forget()

    def thread(self, thread: Watched | Stranger | Remainder) -> int:
        """The id of a thread."""
        if not thread.wire:
            thread.wire = self._next()
            self._unsent.threads.append(Thread(thread.wire, self._process, thread.tid, thread.name))
        return thread.wire

    def renamed(self, thread: Watched) -> None:
        """Tell of a thread's new name."""
        if thread.wire:
            self._unsent.threads.append(Thread(thread.wire, self._process, thread.tid, thread.name))

    def node(self, key: Place | str) -> int:
        """The id of a place in the tree, or of a special row."""
        if isinstance(key, str):
            return self._node(self._root, self._function(key, 0, 0, "special"), 0)
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
            function = self._function(code.name, self._file(code), code.first_line, code.kind)
            parent = places[place] = self._node(parent, function, place.line)
        return parent

    def library(self, name: str) -> int:
        """The id of a library, or of a reason for waiting; 0 for none."""
        if not name:
            return 0
        found = self._libraries.get(name)
        if found is None:
            if len(self._libraries) >= MAX_LIBRARIES:
                name = OTHER
                found = self._libraries.get(name)
            if found is None:
                found = self._libraries[name] = self._next()
                self._unsent.libraries.append((found, name))
        return found

    def file_path(self, file: int) -> str | None:
        """The name of a file by its id, as the target has it: not escaped, for opening it only."""
        return self._paths.get(file)

    def _node(self, parent: int, function: int, line: int) -> int:
        key = (parent, function, line)
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = self._next()
            self._unsent.nodes.append(Node(found, parent, function, line))
        return found

    def _file(self, code: Code) -> int:
        name = code.file
        found = self._files.get(name)
        if found is None:
            found = self._files[name] = self._next()
            if isinstance(code, NativeCode):
                self._unsent.files.append(File(found, name, code.module))
            else:
                self._paths[found] = code.path
                self._unsent.files.append(File(found, name, module_path(name, self._cwd, self._argv)))
        return found

    def _function(self, name: str, file: int, first_line: int, kind: str) -> int:
        key = (name, file, first_line, kind)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self._next()
            self._unsent.functions.append(Function(found, name, file, first_line, kind))
        return found

    def take(self) -> Defs | None:
        """What has not been sent yet; None when there is nothing."""
        unsent = self._unsent
        if not (
            unsent.reset
            or unsent.processes
            or unsent.files
            or unsent.functions
            or unsent.nodes
            or unsent.threads
            or unsent.libraries
        ):
            return None
        self._unsent = Defs(processes=[], files=[], functions=[], nodes=[], threads=[], libraries=[])
        return unsent
