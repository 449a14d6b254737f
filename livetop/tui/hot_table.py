"""The table of hot rows: columns drawn line by line, a cursor that stays on its row."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from livetop.tui.bars import PARTS, PARTS_ASCII, bar_scale
from livetop.tui.columns import Column, Look, gap_of, laid_out
from livetop.tui.entries import Entry
from livetop.tui.fit import fit
from livetop.tui.paint import Line, Painted
from livetop.tui.selection import Selection

_WHEEL = 3


class HotTable(Painted):
    """Draws entries it is given, in the order it is given; sorting and filtering are done before."""

    class Chosen(Message):
        """The mouse chose another row."""

    class TitleClicked(Message):
        """The mouse chose a column to sort by."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.selection = Selection()
        self._entries: Sequence[Entry] = ()
        self._columns: tuple[Column, ...] = ()
        self._look = Look()
        self._sort = ""
        self._inverted = False
        self._empty = ""

    @property
    def page(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height - 1)

    @property
    def entries(self) -> Sequence[Entry]:
        """All rows, in their order, in sight or not."""
        return self._entries

    @property
    def position(self) -> int:
        """The cursor's place, 1 for the first row; 0 without rows."""
        return min(self.selection.index, len(self._entries) - 1) + 1

    @property
    def sortable(self) -> list[Column]:
        """The columns in sight that rows can be sorted by."""
        laid = laid_out(self._columns, self._look, self.size.width, self.app.size.width)
        return [column for column, _size in laid if column.value is not None]

    @property
    def current(self) -> Entry | None:
        """The row under the cursor."""
        if not self._entries:
            return None
        return self._entries[min(self.selection.index, len(self._entries) - 1)]

    def show(
        self,
        entries: Sequence[Entry],
        columns: tuple[Column, ...],
        look: Look,
        *,
        sort: str,
        inverted: bool,
        follow: bool,
        empty: str,
    ) -> None:
        """Takes what to draw; `empty` is said where there are no entries."""
        self._entries, self._columns, self._look = entries, columns, look
        self._sort, self._inverted, self._empty = sort, inverted, empty
        self.selection.update([entry.key for entry in entries], self.page, follow=follow)
        self.repaint()

    def move(self, step: int) -> None:
        self.selection.move(step, self.page)
        self.repaint()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        # A resize comes without new rows, and may leave the cursor out of sight.
        self.selection.update([entry.key for entry in self._entries], max(1, height - 1))
        columns = laid_out(self._columns, self._look, width - 2, self.app.size.width)
        lines = [self._titles(columns)]
        if not self._entries:
            return [*lines, [], [("  " + self._empty, self._look.palette.quiet)]]
        top = self.selection.top
        last = min(len(self._entries), top + height - 1)
        rows = (self._row(self._entries[at], columns, at == self.selection.index) for at in range(top, last))
        return [*lines, *rows]

    def _titles(self, columns: Sequence[tuple[Column, int]]) -> Line:
        palette = self._look.palette
        line: Line = [(" ", palette.plain)]
        for index, (column, size) in enumerate(columns):
            if index:
                line.append((" " * self._gap, palette.plain))
            is_sorted = column.id == self._sort
            title = column.title + (self._arrow if is_sorted else "")
            if column.id == "heat":
                title = _legend(size, title, self._look)
            line.append(
                (fit(title, size, column.align, dots=""), palette.sorted if is_sorted else palette.head)
            )
        return line

    def _row(self, entry: Entry, columns: Sequence[tuple[Column, int]], under_cursor: bool) -> Line:
        palette = self._look.palette
        line: Line = [(">", palette.marker) if under_cursor else (" ", palette.plain)]
        gap = (" " * self._gap, palette.plain)
        for index, (column, size) in enumerate(columns):
            if index:
                line.append(gap)
            line.extend(column.cell(entry, self._look, size))
        if under_cursor:
            line[1:] = [
                (text, palette.cursor if style in (palette.plain, palette.quiet, palette.strong) else style)
                for text, style in line[1:]
            ]
        return line

    @property
    def _gap(self) -> int:
        return gap_of(self.app.size.width)

    @property
    def _arrow(self) -> str:
        down, up = ("v", "^") if self._look.ascii else ("▾", "▴")
        return up if self._inverted else down

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            edge = 1
            for column, size in laid_out(self._columns, self._look, self.size.width - 2, self.app.size.width):
                if edge <= event.x < edge + size and column.value is not None:
                    self.post_message(self.TitleClicked(column.id))
                    return
                edge += size + self._gap
        elif self.selection.top + event.y - 1 < len(self._entries):
            self.move(self.selection.top + event.y - 1 - self.selection.index)
            self.post_message(self.Chosen())

    def on_mouse_scroll_down(self) -> None:
        self._scroll(_WHEEL)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-_WHEEL)

    def _scroll(self, step: int) -> None:
        self.selection.scroll(step, self.page)
        self.repaint()
        self.post_message(self.Chosen())


def _legend(width: int, title: str, look: Look) -> str:
    """What the parts of a bar are, where there is room to say it."""
    python, native, system, waiting = PARTS_ASCII if look.ascii else PARTS
    parts = [f"py{python}", f"native{native}", f"sys{system}"] if look.native else []
    if look.waiting:
        parts = [*(parts or [f"own{python}"]), f"wait{waiting}"]
    if not parts:
        return title
    legend, short = " ".join(parts), "".join(parts).replace("native", "nat")
    return next((text for text in (f"{title} {legend}", legend, short) if len(text) <= width), title)


def scale_of(entries: Sequence[Entry]) -> float:
    """What a full heat bar stands for in this table."""
    return bar_scale(max((entry.own_share for entry in entries), default=0.0))
