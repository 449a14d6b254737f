"""Widgets that are lines of cells: drawn from plain text, and only what changed is sent.

Textual's compositor does not compare frames: whatever region is refreshed goes to the terminal, from
the widget's left edge up to the region's right end. So every line is compared with the one on the
screen here, and its region ends with the last cell that differs: changing figures belong left of text
that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from livetop.tui.fit import cells, cut, plain

Span = tuple[str, Style]
Line = list[Span]

_PLAIN = Style()


class Painted(Widget):
    """A widget whose whole content is `draw()`, line by line."""

    DEFAULT_CSS = "Painted { width: 100%; }"
    ALLOW_SELECT = False
    FOCUS_ON_CLICK = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._drawn: list[Line] = []
        self._strips: list[Strip] = []

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The lines to show, at most `height` of them; longer ones are cut, shorter ones padded."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Draws again and refreshes the cells that changed."""
        width, height = self.size
        if width <= 0 or height <= 0 or not self.is_attached:
            return
        lines = [fill(line, width) for line in self.draw(width, height)[:height]]
        lines += [[(" " * width, _PLAIN)]] * (height - len(lines))
        if len(lines) != len(self._drawn):
            self._drawn, self._strips = lines, [strip_of(line, width) for line in lines]
            self.refresh()
            return
        changed = []
        for y, (old, new) in enumerate(zip(self._drawn, lines, strict=True)):
            if old != new:
                start, end = difference(old, new, width)
                changed.append(Region(start, y, max(1, end - start), 1))
                self._strips[y] = strip_of(new, width)
        self._drawn = lines
        if changed:
            self.refresh(*changed)

    def on_resize(self, event: events.Resize) -> None:
        self._drawn = []
        self.repaint()

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, _PLAIN)

    def render_lines(self, crop: Region) -> list[Strip]:
        # The lines are whole already: going round Textual's style cache saves its time, and the
        # background colour it would add to every segment.
        strips = [self.render_line(y) for y in crop.line_range]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips


def fill(line: Line, width: int) -> Line:
    """The line in exactly `width` cells."""
    filled: Line = []
    room = width
    for text, style in line:
        size = cells(text)
        if size > room:
            text = cut(text, room, dots="")
            size = cells(text)
        if text:
            filled.append((text, style))
        room -= size
        if room <= 0:
            return filled
    filled.append((" " * room, _PLAIN))
    return filled


def strip_of(line: Line, width: int) -> Strip:
    """The line for Textual, neighbours of one style joined."""
    segments: list[Segment] = []
    texts: list[str] = []
    current = _PLAIN
    for text, style in line:
        if style is not current and texts:
            segments.append(Segment("".join(texts), current))
            texts = []
        current = style
        texts.append(text)
    if texts:
        segments.append(Segment("".join(texts), current))
    return Strip(segments, width)


def difference(old: Line, new: Line, width: int) -> tuple[int, int]:
    """The first cell that differs and the one after the last, by whole spans. Both lines are `width` wide."""
    start = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        start += cells(after[0])
    end = width
    for before, after in zip(reversed(old), reversed(new), strict=False):
        if before != after:
            break
        end -= cells(after[0])
    return (start, end) if start < end else (0, width)


def text_of(line: Iterable[Span]) -> str:
    """What the line says, without styles."""
    return "".join(text for text, _style in line)


def width_of(line: Iterable[Span]) -> int:
    """How many cells the line takes."""
    return sum(cells(text) for text, _style in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` at the left edge and `right` at the right one; what is too much is cut from `left`."""
    room = max(0, width - width_of(right))
    return [*fill(left, room), *right]


def safe(text: str, style: Style) -> Span:
    """A span of text that came from the target."""
    return plain(text), style
