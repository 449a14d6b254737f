"""Ids for what messages refer to, and the definitions that have not been sent yet.

Ids are never used twice, whatever process they are of. When the tables have grown too large they are emptied
and everything is named anew: the interface is told to forget the old ids, and recognises what it knows by
content.
"""

from __future__ import annotations

from livetop.cpython.code import Code
from livetop.native.merge import NativeCode
from livetop.wire.messages import Defs, File, Function, Node, Process, Thread

from .names import module_path
from .process_names import ProcessNames

# Places of one process, and nodes of all processes together.
MAX_NODES = 20_000
_ALL_NODES = 4 * MAX_NODES
# Names of libraries and of reasons to wait; what comes on top is "other".
MAX_LIBRARIES = 2_000
OTHER = "other"


class Definitions:
    """The tables of one session. What is of one process alone is in its `ProcessNames`."""

    def __init__(self) -> None:
        self._last = 0
        self._files: dict[str, int] = {}
        self._paths: dict[int, tuple[str, int]] = {}
        self._functions: dict[tuple[str, int, int, str], int] = {}
        self._nodes: dict[tuple[int, int, int], int] = {}
        self._libraries: dict[str, int] = {}
        self._processes: list[ProcessNames] = []
        self._unsent = _nothing()

    def process(self, number: int, cwd: str, argv: list[str]) -> ProcessNames:
        """The names of one process more, whose id is `number`."""
        names = ProcessNames(self, number, cwd, argv)
        self._processes.append(names)
        return names

    def drop(self, names: ProcessNames) -> None:
        """A process has ended: nothing more of it will be named."""
        self._processes.remove(names)

    def reset(self) -> None:
        """Forget all names but the threads'."""
        self._forget()
        self._paths.clear()
        unsent = self._unsent
        self._unsent = Defs(
            reset=True,
            processes=unsent.processes,
            files=[],
            functions=[],
            nodes=[],
            threads=unsent.threads,
            libraries=unsent.libraries,
        )
        for names in self._processes:
            names.reset()

    def _forget(self) -> None:
        self._files.clear()
        self._functions.clear()
        self._nodes.clear()

    @property
    def full(self) -> bool:
        """Whether `reset` is due."""
        return len(self._nodes) > _ALL_NODES or any(names.size > MAX_NODES for names in self._processes)

    def tell(self, process: Process) -> None:
        """Tell of a process, or of what has become of it."""
        self._unsent.processes.append(process)

    def tell_thread(self, thread: Thread) -> None:
        """Tell of a thread, or of its new name."""
        self._unsent.threads.append(thread)

    def name_anew(self) -> None:
        """A process runs another program: its files may be called by other names than before."""
        self._forget()

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
                found = self._libraries[name] = self.next()
                self._unsent.libraries.append((found, name))
        return found

    def file_path(self, file: int) -> tuple[str, int] | None:
        """The name of a file by its id, and the process it was seen in first.

        As the target has it: not escaped, for opening it only.
        """
        return self._paths.get(file)

    def next(self) -> int:
        """An id that was never used before."""
        self._last += 1
        return self._last

    def root(self, process: int) -> int:
        """The id of a new root node."""
        found = self.next()
        self._unsent.nodes.append(Node(found, 0, 0, process))
        return found

    def node(self, parent: int, function: int, line: int) -> int:
        """The id of a line called from `parent`."""
        key = (parent, function, line)
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = self.next()
            self._unsent.nodes.append(Node(found, parent, function, line))
        return found

    def file(self, code: Code, names: ProcessNames) -> int:
        """The id of a file. What several processes call the same is the same, named as the first has it."""
        name = code.file
        if not name:
            # Not code of the program: a collection.
            return 0
        found = self._files.get(name)
        if found is None:
            found = self._files[name] = self.next()
            if isinstance(code, NativeCode):
                self._unsent.files.append(File(found, name, code.module))
            else:
                self._paths[found] = code.path, names.number
                self._unsent.files.append(File(found, name, module_path(name, names.cwd, names.argv)))
        return found

    def function(self, name: str, file: int, first_line: int, kind: str) -> int:
        """The id of a function."""
        key = (name, file, first_line, kind)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self.next()
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
        self._unsent = _nothing()
        return unsent


def _nothing() -> Defs:
    return Defs(processes=[], files=[], functions=[], nodes=[], threads=[], libraries=[])
