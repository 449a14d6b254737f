"""Who a row is: the names that a key stands for."""

from __future__ import annotations

from collections.abc import Callable

from livetop.profile.names import Names
from livetop.profile.rows import Key
from livetop.profile.states import State

_PSEUDO_LIBRARIES = {
    -State.PYTHON: "[python]",
    -State.NATIVE: "[unknown]",
    -State.SYSTEM: "[system]",
    -State.ESTIMATED_PYTHON: "[python]",
    -State.ESTIMATED_NATIVE: "[native]",
}

Identity = tuple[str, int | None, str, str, int | None, str | None, str, int, int, int | None]
"""file, line, function, module, pid, task; then kind, file id, function id, tid."""

NOT_SPLIT: Identity = ("", None, "[not split]", "", None, None, "library", 0, 0, None)
"""Own time in a table by library while there is no evidence of where it was spent."""


def _pid(names: Names, process: int) -> int | None:
    info = names.processes.get(process)
    return info.pid if info else None


def _line(key: Key, names: Names) -> Identity:
    _, process, function_id, line = key
    function = names.function(int(function_id))
    file = names.file(function.file)
    return (
        file.name,
        int(line) or None,
        function.name,
        file.module,
        _pid(names, int(process)),
        None,
        function.kind,
        function.file,
        int(function_id),
        None,
    )


def _function(key: Key, names: Names) -> Identity:
    _, process, function_id = key
    first_line = names.function(int(function_id)).first_line
    return _line(("line", process, function_id, first_line), names)


def _library(key: Key, names: Names) -> Identity:
    library = int(key[1])
    name = _PSEUDO_LIBRARIES.get(library) or names.libraries.values.get(library, "[unknown]")
    return (name, None, name.rpartition("/")[2], name, None, None, "library", 0, 0, None)


def _thread(key: Key, names: Names) -> Identity:
    info = names.threads.get(int(key[1]))
    if info is None:
        return ("", None, f"thread {key[1]}", "", None, None, "thread", 0, 0, None)
    pid = _pid(names, info.process)
    return ("", None, info.name or f"thread {info.tid}", "", pid, None, "thread", 0, 0, info.tid)


def _process(key: Key, names: Names) -> Identity:
    info = names.processes.get(int(key[1]))
    if info is None:
        return ("", None, f"process {key[1]}", "", None, None, "process", 0, 0, None)
    return ("", None, " ".join(info.argv), "", info.pid, None, "process", 0, 0, None)


def _task(key: Key, names: Names) -> Identity:
    task = names.task(int(key[1]))
    return ("", None, task or "[no task]", "", None, task, "task", 0, int(key[1]), None)


IDENTIFY: dict[str, Callable[[Key, Names], Identity]] = {
    "line": _line,
    "function": _function,
    "library": _library,
    "thread": _thread,
    "process": _process,
    "task": _task,
}
