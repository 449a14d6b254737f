"""The views, in the order of their tabs. A new one is an entry here and a module beside this one."""

from __future__ import annotations

from livetop.tui.views.functions import FUNCTIONS
from livetop.tui.views.libraries import LIBRARIES
from livetop.tui.views.lines import LINES
from livetop.tui.views.processes import PROCESSES
from livetop.tui.views.tasks import TASKS
from livetop.tui.views.threads import THREADS
from livetop.tui.views.view import Rows, View

VIEWS: tuple[View, ...] = (LINES, FUNCTIONS, LIBRARIES, TASKS, PROCESSES, THREADS)

__all__ = ["LIBRARIES", "PROCESSES", "VIEWS", "Rows", "View", "find_view"]


def find_view(name: str) -> View:
    """The view of this id. Raises KeyError."""
    for view in VIEWS:
        if view.id == name:
            return view
    raise KeyError(name)
