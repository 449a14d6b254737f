"""Libraries: whose code took the CPU time, with Python and the kernel among them."""

from livetop.tui.columns import LIBRARY_COLUMNS
from livetop.tui.entries import HotRows
from livetop.tui.views.view import View

LIBRARIES = View("libraries", "Libraries", LIBRARY_COLUMNS, lambda: HotRows("library"), other="lines")
