"""The lines around the table: tabs with what is selected, the narrow screen's status, the footer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from livetop.tui import figures
from livetop.tui.columns import WIDE
from livetop.tui.fit import cells, cut, plain
from livetop.tui.keys import KEYS, Key
from livetop.tui.paint import Line, Painted, spread, width_of
from livetop.tui.theme import COLOR, Palette


@dataclass(frozen=True, slots=True)
class Selected:
    """What is selected, in words, and how much there is of it."""

    titles: tuple[str, ...] = ()
    title: str = ""
    thread: str = "all"
    window: str = ""
    mode: str = ""
    filter: str = ""
    sort: str = ""
    position: int = 0
    rows: int = 0
    samples: int = 0
    follow: bool = False


_GIVING_WAY = (
    ("thread: ", 24),
    ("filter: ", 16),
    ("thread: ", 8),
    ("filter: ", 8),
    ("window: ", 0),
    ("filter: ", 3),
    ("thread: ", 0),
    ("filter: ", 0),
    ("mode: ", 0),
)
"""What is cut to so many cells where there is no room for all of it, or left out (0), in this order:
what hides rows stays longest."""


class _Bar(Painted):
    """A line that cuts what it has no room for."""

    def __init__(
        self,
        palette: Palette = COLOR,
        ascii_only: bool = False,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._dots = ".." if ascii_only else "…"


class Tabs(_Bar):
    """Views at the left, what is selected at the right, which gives way where there is no room for both."""

    _selected = Selected()

    def show(self, selected: Selected) -> None:
        if selected != self._selected:
            self._selected = selected
            self.repaint()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        palette, selected = self._palette, self._selected
        left: Line = []
        for title in selected.titles:
            left += [
                (" ", palette.plain),
                (title, palette.strong if title == selected.title else palette.quiet),
                (" ", palette.plain),
            ]
        right: Line = []
        gap, fitting = self._fitting(width - width_of(left))
        for label, value in fitting.items():
            right += [(" " * gap, palette.plain), (label, palette.quiet), (value, palette.plain)]
        return [spread(left, [*right, (" ", palette.plain)], width)]

    def _fitting(self, room: int) -> tuple[int, dict[str, str]]:
        """What of the selection fits, by its label, and how many cells stand before each."""
        selected = self._selected
        parts = {
            "thread: ": plain(selected.thread),
            "window: ": plain(selected.window),
            "mode: ": plain(selected.mode),
            "filter: ": cut(plain(selected.filter), 24, dots=self._dots) or "-",
        }
        for gap in (3, 2):
            if _size(parts, gap) <= room:
                return gap, parts
        if not selected.filter:
            del parts["filter: "]
        for label, most in _GIVING_WAY:
            if _size(parts, 2) <= room:
                break
            if not most:
                parts.pop(label, None)
            elif label in parts:
                parts[label] = cut(parts[label], most, dots=self._dots)
        return 2, parts


def _size(parts: Mapping[str, str], gap: int) -> int:
    """The cells of a selection, with one behind it."""
    return sum(gap + len(label) + cells(value) for label, value in parts.items()) + 1


class Status(Tabs):
    """The one line of a narrow screen that says what is selected."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        palette, selected = self._palette, self._selected
        right: Line = [
            (f"  {selected.position}/{selected.rows}", palette.plain),
            (f"  {figures.count(selected.samples)}", palette.plain),
            (" samples ", palette.quiet),
        ]
        left: Line = [(f" {selected.title}", palette.strong)]
        for label, value in (
            ("filter: ", cut(plain(selected.filter), 20, dots=self._dots)),
            ("sort: ", selected.sort),
            ("window: ", selected.window),
            ("mode: ", selected.mode),
        ):
            if value and width_of(left) + 2 + len(label) + cells(value) + width_of(right) <= width:
                left += [("  ", palette.plain), (label, palette.quiet), (value, palette.plain)]
        return [spread(left, right, width)]


class Footer(_Bar):
    """The keys worth knowing, or for a while what just happened."""

    _text = ""
    _is_error = False
    _renamed: Mapping[str, str] = MappingProxyType({})

    def show(self, text: str, *, is_error: bool, renamed: Mapping[str, str]) -> None:
        """`text` in place of most keys ("" is none); `renamed`: labels of keys that now do something else."""
        if (text, is_error, renamed) != (self._text, self._is_error, self._renamed):
            self._text, self._is_error, self._renamed = text, is_error, renamed
            self.repaint()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        palette = self._palette
        if self._text:
            keys = self._keys(("help", "quit"), width)
            room = width - width_of(keys) - 3
            style = palette.error if self._is_error else palette.notice
            return [spread([(" " + cut(plain(self._text), room, dots=self._dots), style)], keys, width)]
        return [self._keys(None, width)]

    def _keys(self, wanted: tuple[str, ...] | None, width: int) -> Line:
        wide = self.app.size.width >= WIDE
        line: Line = []
        for key in KEYS:
            label = self._renamed.get(key.id) or (key.footer if wide else key.narrow)
            if not label or (wanted is not None and key.id not in wanted):
                continue
            item: Line = [
                (" " if not line or not wide else "  ", self._palette.plain),
                (cap_of(key), self._palette.key),
                (" " + label, self._palette.quiet),
            ]
            if width_of(line) + width_of(item) > width:
                break
            line += item
        return line


def cap_of(key: Key) -> str:
    """A key as the footer writes it."""
    return key.cap or key.shown.split()[0]
