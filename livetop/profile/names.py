"""What ids stand for: processes, files, functions, threads, libraries and source texts, each bounded."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from livetop.profile.info import ProcessInfo, ThreadInfo
from livetop.profile.text import printable, printable_source

FILES, FUNCTIONS, LIBRARIES, PROCESSES, THREADS = 16_384, 65_536, 1_000, 1_000, 2_000
SOURCE_CHARACTERS = 32 * 1024 * 1024


class FileInfo(NamedTuple):
    """A source file: as the target names it, and short and relative."""

    name: str
    module: str


class FunctionInfo(NamedTuple):
    """A code object's identity; `kind` is python, native, special or task."""

    name: str
    file: int
    first_line: int
    kind: str


NO_FILE = FileInfo("", "")
NO_FUNCTION = FunctionInfo("[no stack]", 0, 0, "special")
UNKNOWN = FunctionInfo("[unknown]", 0, 0, "special")
OTHER = FunctionInfo("[other]", 0, 0, "special")
OTHER_LIBRARY = "[other]"
OTHER_THREADS = "[other]"


T = TypeVar("T")


class Interned(Generic[T]):
    """Ids for values: the same value has the same id; the oldest unused go when there are too many."""

    def __init__(self, cap: int) -> None:
        self.values: dict[int, T] = {}
        self._ids: dict[T, int] = {}
        self._cap = cap
        self._next = 1

    def define(self, value: T) -> int:
        known = self._ids.get(value)
        if known is None:
            known = self._next
            self.restore(known, value)
        return known

    def restore(self, number: int, value: T) -> None:
        self.values[number] = value
        self._ids[value] = number
        self._next = max(self._next, number + 1)

    @property
    def full(self) -> bool:
        return len(self.values) >= self._cap

    def forget(self, used: set[int]) -> None:
        """Drops the oldest that are not `used`, down to three quarters of the cap."""
        excess = len(self.values) - self._cap * 3 // 4
        for number in [number for number in self.values if number not in used][: max(0, excess)]:
            del self._ids[self.values.pop(number)]


class Names:
    """All tables of names. Ids are positive and never used twice."""

    def __init__(self) -> None:
        self.files: Interned[FileInfo] = Interned(FILES)
        self.functions: Interned[FunctionInfo] = Interned(FUNCTIONS)
        self.libraries: Interned[str] = Interned(LIBRARIES)
        self.processes: dict[int, ProcessInfo] = {}
        self.threads: dict[int, ThreadInfo] = {}
        self.sources: dict[int, str] = {}
        self._tids: dict[tuple[int, int], int] = {}
        self._next_process = 1
        self._next_thread = 1
        self._source_characters = 0
        self.other = self.functions.define(OTHER)

    def define_process(
        self, pid: int, argv: list[str], python: str, build: str, host: str, started: float, read: bool = True
    ) -> int:
        words = [printable(word) for word in argv]
        for known in self.processes.values():
            if (known.pid, known.host, known.started) == (pid, host, started):
                if known.was_read and not read:
                    # What runs there now is not what rows are of.
                    return known.id
                known.argv, known.python, known.build = words, printable(python), printable(build)
                return known.id
        if len(self.processes) >= 2 * PROCESSES:
            # As many that live: nobody could tell them apart.
            return next(reversed(self.processes))
        info = ProcessInfo(
            self._next_process, pid, words, printable(python), printable(build), printable(host), started
        )
        self.restore_process(info)
        return info.id

    def update_process(self, process: int, parent: int, state: str, reason: str) -> None:
        """Notes what has become of a process."""
        known = self.processes.get(process)
        if known is not None:
            known.parent, known.state, known.reason = max(0, parent), printable(state), printable(reason)
            known.was_read |= state == "watched" or (state == "gone" and not reason)

    @property
    def only_process(self) -> int:
        """The model's id of the process that was read, if it is but one; else 0."""
        read = [process.id for process in self.processes.values() if process.is_read]
        return read[0] if len(read) == 1 else 0

    def restore_process(self, info: ProcessInfo) -> None:
        self.processes[info.id] = info
        self._next_process = max(self._next_process, info.id + 1)

    def define_thread(self, process: int, tid: int, name: str, python: bool = True) -> int:
        known = self.threads.get(self._tids.get((process, tid), 0))
        if known is not None and known.state != "gone":
            known.name, known.python = printable(name), python
            return known.id
        info = ThreadInfo(self._next_thread, process, tid, printable(name), python=python)
        self.restore_thread(info)
        return info.id

    def restore_thread(self, info: ThreadInfo) -> None:
        self.threads[info.id] = info
        self._tids[info.process, info.tid] = info.id
        self._next_thread = max(self._next_thread, info.id + 1)

    def other_threads(self, process: int) -> ThreadInfo:
        """Returns the thread that stands for those of a process that are no longer told apart."""
        return self.threads[self.define_thread(process, 0, OTHER_THREADS)]

    def fold_threads(self) -> dict[int, int]:
        """Folds gone, then little used threads down to half the cap; returns thread -> what it became."""
        if len(self.threads) <= THREADS:
            return {}
        foldable = [thread for thread in self.threads.values() if thread.tid]
        foldable.sort(key=lambda thread: (thread.state != "gone", thread.use.own, thread.use.wall))
        result = {}
        for thread in foldable[: len(self.threads) - THREADS // 2]:
            other = self.other_threads(thread.process)
            other.use.merge(thread.use)
            self._forget_thread(thread)
            result[thread.id] = other.id
        return result

    def move_threads(self, processes: set[int], to: int) -> dict[int, int]:
        """Folds all threads of some processes into one of another; returns thread -> what it became."""
        result = {}
        for thread in [thread for thread in self.threads.values() if thread.process in processes]:
            other = self.other_threads(to)
            other.use.merge(thread.use)
            result[thread.id] = other.id
            self._forget_thread(thread)
        return result

    def _forget_thread(self, thread: ThreadInfo) -> None:
        del self.threads[thread.id]
        if self._tids.get((thread.process, thread.tid)) == thread.id:
            del self._tids[thread.process, thread.tid]

    def define_library(self, name: str) -> int:
        name = printable(name)
        full = self.libraries.full and name not in self.libraries.values.values()
        return self.libraries.define(OTHER_LIBRARY if full else name)

    def function(self, number: int) -> FunctionInfo:
        return self.functions.values.get(number, NO_FUNCTION)

    def kind(self, number: int) -> str:
        """Returns what a function is: python, native, special or task."""
        return self.function(number).kind

    def task(self, number: int) -> str | None:
        """Returns the name of a task or a greenlet by its function, None for none."""
        name = self.functions.values[number].name if number in self.functions.values else ""
        return name.partition(": ")[2].removesuffix("]") or None

    def file(self, number: int) -> FileInfo:
        return self.files.values.get(number, NO_FILE)

    def set_source(self, file: int, text: str) -> None:
        text = printable_source(text)
        self._source_characters += len(text) - len(self.sources.pop(file, ""))
        self.sources[file] = text
        while self._source_characters > SOURCE_CHARACTERS and len(self.sources) > 1:
            self._source_characters -= len(self.sources.pop(next(iter(self.sources))))
