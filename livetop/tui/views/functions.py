"""Hot functions: one row a function, at the line where it begins."""

from livetop.tui.columns import HOT_COLUMNS
from livetop.tui.entries import HotRows
from livetop.tui.views.view import View

FUNCTIONS = View("functions", "Functions", HOT_COLUMNS, lambda: HotRows("function"), other="lines")
