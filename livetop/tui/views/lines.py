"""Hot lines: one row a source line."""

from livetop.tui.columns import HOT_COLUMNS
from livetop.tui.entries import HotRows
from livetop.tui.views.view import View

LINES = View("lines", "Lines", HOT_COLUMNS, lambda: HotRows("line"), other="functions")
