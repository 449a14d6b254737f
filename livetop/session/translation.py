"""From the engine's ids to the model's."""

from __future__ import annotations

from msgspec.structs import astuple

from livetop.profile.info import TaskFrame, TaskList, TaskState, sane
from livetop.profile.model import CellTuple, Profile, UseTuple
from livetop.profile.states import State
from livetop.profile.text import printable
from livetop.wire.framing import ProtocolError
from livetop.wire.messages import Defs, Delta, Process, Tasks

_STATES = frozenset(map(int, State))

_MAX_TASKS, _MAX_FRAMES = 5_000, 32

_SANE = 1e9
"""Seconds: some thirty years. No sum of what is less can overflow."""


class Translation:
    """Defines in the model what the engine defines, and knows both ids of everything.

    Raises ProtocolError for an id that the engine never defined.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._processes: dict[int, int] = {}
        self._files: dict[int, int] = {}
        self._functions: dict[int, int] = {0: 0}
        self._nodes: dict[int, int] = {0: 0}
        self._threads: dict[int, int] = {0: 0}
        self._libraries: dict[int, int] = {0: 0}
        self._wire_files: dict[int, int] = {}

    def define_processes(self, processes: list[Process]) -> None:
        """Takes in processes, and what has become of those that are known."""
        for process in processes:
            known = self._profile.define_process(
                process.pid,
                process.argv,
                process.python,
                process.build,
                process.host,
                process.started,
                process.state == "watched",
            )
            self._processes.setdefault(process.id, known)
            self._profile.update_process(
                self._processes[process.id],
                parent=process.parent,
                state=process.state,
                reason=process.reason,
            )

    def define(self, defs: Defs) -> list[int]:
        """Takes in definitions; returns the model's ids of the source files among them."""
        profile = self._profile
        if defs.reset:
            self._files = {}
            self._functions = {0: 0}
            self._nodes = {0: 0}
            self._wire_files = {}
        self.define_processes(defs.processes)
        files = []
        # Those of C functions are libraries, and have no text.
        libraries = {function.file for function in defs.functions if function.kind == "native"}
        for file in defs.files:
            known = self._files[file.id] = profile.define_file(file.name, file.module)
            self._wire_files[known] = file.id
            if file.id not in libraries:
                files.append(known)
        for function in defs.functions:
            self._functions[function.id] = profile.define_function(
                function.name,
                _known(self._files, function.file, "file") if function.file else 0,
                function.first_line,
                function.kind,
            )
        for node in defs.nodes:
            # A root has no function; its line is the process's id.
            root = not node.parent and not node.function
            self._nodes[node.id] = profile.define_node(
                _known(self._nodes, node.parent, "node"),
                _known(self._functions, node.function, "function"),
                _known(self._processes, node.line, "process") if root else node.line,
            )
        for thread in defs.threads:
            process = _known(self._processes, thread.process, "process")
            self._threads[thread.id] = profile.define_thread(process, thread.tid, thread.name, thread.python)
        for number, name in defs.libraries:
            self._libraries[number] = profile.define_library(name)
        return files

    def cells(self, delta: Delta) -> list[CellTuple]:
        """The cells of a delta, in the model's ids."""
        nodes, threads, libraries = self._nodes, self._threads, self._libraries
        try:
            cells = [
                (nodes[node], threads[thread], state, libraries[library], count, weight, squared)
                for node, thread, state, library, count, weight, squared in map(astuple, delta.cells)
            ]
        except KeyError as error:
            raise ProtocolError(f"the engine refers to {error.args[0]}, which it never defined") from None
        if not all(cell[2] in _STATES and cell[5] < _SANE and cell[6] < _SANE for cell in cells):
            raise ProtocolError("the engine sent a kind or an amount of time that cannot be")
        return cells

    def uses(self, delta: Delta) -> list[UseTuple]:
        """What the threads did in a delta, in the model's ids."""
        uses: list[UseTuple] = []
        for use in delta.threads:
            _, *rest = astuple(use)
            uses.append((_known(self._threads, use.thread, "thread"), *rest))
        return uses

    def tasks(self, tasks: Tasks) -> TaskList:
        """The tasks of a message, in the model's ids; of hostile numbers of them only so many."""
        rows = [
            TaskState(
                task.id,
                _known(self._processes, task.process, "process"),
                printable(task.name),
                printable(task.kind),
                printable(task.state),
                printable(task.waits_for),
                tuple(
                    TaskFrame(printable(function), _known(self._files, file, "file"), line)
                    for function, file, line in task.frames[:_MAX_FRAMES]
                ),
                task.frames_left_out,
                tuple(printable(name) for name in task.awaited_by[:_MAX_FRAMES]),
                None if task.share is None else sane(task.share),
                task.tid,
            )
            for task in tasks.tasks[:_MAX_TASKS]
        ]
        return TaskList(tuple(rows), max(len(rows), tasks.total), tasks.whole, printable(tasks.note))

    def thread(self, wire: int) -> int:
        """The model's id of a thread, 0 for one that is not known."""
        return self._threads.get(wire, 0)

    def file(self, wire: int) -> int | None:
        """The model's id of a file, if the engine defined it since its last reset."""
        return self._files.get(wire)

    def wire_file(self, file: int) -> int | None:
        """The engine's id of a file of the model."""
        return self._wire_files.get(file)


def _known(ids: dict[int, int], number: int, what: str) -> int:
    try:
        return ids[number]
    except KeyError:
        raise ProtocolError(f"the engine refers to {what} {number}, which it never defined") from None
