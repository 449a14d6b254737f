"""One stack of every thread of a process and of its descendants, a process at a time."""

from __future__ import annotations

from typing import Any, Final

from livetop.cpython.runtime import Unreadable
from livetop.target.descendants import Descendant, Descendants
from livetop.target.discover import describe
from livetop.target.errors import NotReadable, ProcessGone, TargetError
from livetop.target.process import read_argv

from .dump import dump_process

# So many descendants are looked into.
_MOST: Final = 256
_WORDS: Final = 100


def dump_family(pid: int, *, exact: bool, native: bool, tasks: bool) -> dict[str, Any]:
    """The object of `dump_process` with `children`: such objects of all descendants, older ones first.

    Each child has `parent` (a PID) and `argv`, too. One that cannot be read has a `reason` instead of
    `threads`; so has the process itself when it is no Python, but has children. Raises TargetError.
    """
    descendants = Descendants(pid)
    born, _ = descendants.look()
    options = {"exact": exact, "native": native, "tasks": tasks}
    try:
        found = dump_process(pid, **options)
    except NotReadable as error:
        if not born:
            raise
        found = {"pid": pid, "python": "", "reason": str(error), "threads": []}
    found["children"] = [child for one in born[:_MOST] if (child := _child(one, options)) is not None]
    if len(born) > _MOST:
        found["left_out"] = len(born) - _MOST
    return found


def _child(one: Descendant, options: dict[str, bool]) -> dict[str, Any] | None:
    """None when it has ended by now."""
    argv = read_argv(one.pid)
    if not argv:
        # A zombie, which has none left.
        return None
    child = {"parent": one.parent, "argv": argv}
    try:
        return dump_process(one.pid, **options) | child
    except ProcessGone:
        return None
    except NotReadable as error:
        if not read_argv(one.pid):
            return None
        reason = f"process {one.pid} runs {describe(argv, _WORDS)}, not a Python program"
        if isinstance(error, Unreadable):
            reason = str(error)
        return {"pid": one.pid, "python": "", "reason": reason, "threads": []} | child
    except TargetError as error:
        return {"pid": one.pid, "python": "", "reason": str(error), "threads": []} | child
