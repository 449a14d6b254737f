"""The source around the selected line, with the heat of each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from livetop.profile.info import LineHeat
from livetop.tui import figures
from livetop.tui.bars import bar_scale, heat_bar
from livetop.tui.columns import COLD, HOT, WIDE, painted
from livetop.tui.fit import cells, cut, fit, plain
from livetop.tui.paint import Line, Painted, fill, spread, width_of
from livetop.tui.theme import COLOR, Palette

_BAR = 8
_TAB = 4
_LEAST_CALLER = 12


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What the pane shows. `line` is the selected one; `reason` says why there are no `lines`."""

    title: str = ""
    function: str = ""
    details: str = ""
    libraries: str = ""
    """What the native part is; behind the details, or a line of its own where it is too long for that."""
    line: int | None = None
    lines: Sequence[str] | None = None
    reason: str = ""
    whole_function: bool = False
    """`line` is where a function begins: what is below it matters more than what is above."""
    heat: Mapping[int, LineHeat] = field(default_factory=dict)
    callers: tuple[tuple[str, float], ...] = ()
    waits: str = ""
    """What was waited for there; a line of its own above the callers."""
    chain: str = ""
    """The coroutines that a task is in, innermost first."""
    places: tuple[tuple[str, float], ...] = ()
    """In place of source: where its time is spent, with shares of all time."""
    counts: str = ""
    health: str = ""
    """How sampling fared as a whole; left out on a narrow screen."""


class SourcePane(Painted):
    """A title, lines of source, and who calls it."""

    def __init__(self, palette: Palette = COLOR, ascii_only: bool = False, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._palette, self._ascii = palette, ascii_only
        self._excerpt = Excerpt()
        self._first: int | None = None
        self._moved = 0

    def show(self, excerpt: Excerpt) -> None:
        if (excerpt.title, excerpt.line) != (self._excerpt.title, self._excerpt.line):
            self._moved = 0
            self._keep_in_sight(excerpt)
        self._excerpt = excerpt
        self.repaint()

    def scroll(self, step: int) -> None:
        """Moves what is shown, away from the selected line."""
        self._moved += step
        self.repaint()

    def scroll_page(self, step: int) -> None:
        self.scroll(step * max(1, self._room - 1))

    @property
    def _room(self) -> int:
        return max(0, self.size.height - 2 - len(self._facts(self.size.width)))

    def _keep_in_sight(self, excerpt: Excerpt) -> None:
        """Neighbouring lines of one file are shown without moving the text."""
        same_file = excerpt.title.rpartition(":")[0] == self._excerpt.title.rpartition(":")[0]
        first, line = self._first, excerpt.line
        if not same_file or first is None or line is None or not 0 < line - first < self._room - 1:
            self._first = None

    def draw(self, width: int, height: int) -> Sequence[Line]:
        excerpt = self._excerpt
        facts = self._facts(width)
        room = max(0, height - 2 - len(facts))
        lines = self._source(excerpt, room) if excerpt.lines is not None else self._missing(excerpt)
        lines = [*lines[:room], *([[]] * (room - len(lines)))]
        return [self._title(width), *lines, *facts, self._callers(width)][:height]

    def _title(self, width: int) -> Line:
        line = self._named()
        if self._excerpt.libraries and self._libraries_fit(width):
            line += [(f": {plain(self._excerpt.libraries)}", self._palette.plain)]
        if self._excerpt.title:
            line.append((" ", self._palette.plain))
        rule = "-" if self._ascii else "─"
        return fill([*line, (rule * max(0, width - width_of(line)), self._palette.rule)], width)

    def _named(self) -> Line:
        """The title without its libraries."""
        palette, excerpt = self._palette, self._excerpt
        line: Line = [(("-" if self._ascii else "─") * 2, palette.rule)]
        if excerpt.title:
            name = (
                f"{plain(excerpt.function)}()" if excerpt.function.isidentifier() else plain(excerpt.function)
            )
            line += [(" ", palette.plain), (plain(excerpt.title), palette.strong), ("  ", palette.plain)]
            line += [(name, palette.plain), ("  ", palette.plain)] if name else []
            line += [(plain(excerpt.details), palette.plain)]
        return line

    def _libraries_fit(self, width: int) -> bool:
        return width_of(self._named()) + cells(plain(self._excerpt.libraries)) + 4 <= width

    def _missing(self, excerpt: Excerpt) -> list[Line]:
        palette = self._palette
        if not excerpt.title:
            return []
        where: list[Line] = []
        if excerpt.places:
            return [
                [(f"   {excerpt.reason}", palette.quiet)],
                *(
                    [(f"   {figures.share(share):>5}  ", palette.plain), (plain(label), palette.plain)]
                    for label, share in excerpt.places
                ),
            ]
        if excerpt.line is not None:
            where = [[(f"   line {excerpt.line} of {plain(excerpt.function)}", palette.plain)]]
        return [[], *where, [("   " + plain(excerpt.reason), palette.quiet)]]

    def _source(self, excerpt: Excerpt, room: int) -> list[Line]:
        lines = excerpt.lines or ()
        selected = excerpt.line or 1
        if self._first is None:
            self._first = selected - (1 if excerpt.whole_function else room // 2)
        last = max(1, len(lines) - room + 1)
        self._first = max(1, min(self._first, last))
        first = max(1, min(self._first + self._moved, last))
        self._moved = first - self._first
        scale = bar_scale(max((heat.own for heat in excerpt.heat.values()), default=0.0))
        divided = any(heat.native is not None for heat in excerpt.heat.values())
        drawn = [
            self._line(
                number, lines[number - 1], excerpt.heat.get(number), number == excerpt.line, scale, divided
            )
            for number in range(first, min(len(lines), first + room - 1) + 1)
        ]
        if excerpt.line is not None and excerpt.line > len(lines):
            changed = f"   line {excerpt.line} is beyond the end of this file: it was changed since"
            drawn = [*drawn[: room - 1], [(changed, self._palette.quiet)]]
        return drawn

    def _line(
        self, number: int, text: str, heat: LineHeat | None, selected: bool, scale: float, divided: bool
    ) -> Line:
        palette = self._palette
        line: Line = [(">" if selected else " ", palette.marker)]
        if heat is None or heat.own < COLD:
            total = f"({figures.share(heat.total)})" if heat is not None and heat.total >= COLD else ""
            line += [(total.rjust(6)[-6:] + " " * (_BAR + 2), palette.quiet)]
        else:
            parts = heat.native, heat.system, heat.waiting
            bar = heat_bar(heat.own, scale, _BAR, *parts, ascii_only=self._ascii)
            style = palette.strong if heat.own >= HOT else palette.plain
            line += [
                (figures.share(heat.own).rjust(5), style),
                (" ", palette.plain),
                *painted(bar, palette, unknown=divided and heat.native is None),
                ("  ", palette.plain),
            ]
        rule = "|" if self._ascii else "│"
        return [
            *line,
            (f"{number:>5} {rule} ", palette.quiet),
            (_expanded(text), palette.cursor if selected else palette.plain),
        ]

    def _facts(self, width: int) -> list[Line]:
        """The lines between source and callers: each is there only when there is something to say."""
        libraries = self._excerpt.libraries
        facts = (
            (" native: ", "" if self._libraries_fit(width) else libraries),
            (" waits: ", self._excerpt.waits),
            (" in: ", self._excerpt.chain),
        )
        palette = self._palette
        return [[(label, palette.quiet), (plain(text), palette.plain)] for label, text in facts if text]

    def _callers(self, width: int) -> Line:
        palette, excerpt = self._palette, self._excerpt
        health = f" {excerpt.health}" if self.app.size.width >= WIDE else ""
        right: Line = [(f"  {excerpt.counts}{health} ", palette.quiet)]
        room = width - width_of(right)
        line: Line = [(" callers: " if excerpt.callers else "", palette.quiet)]
        for index, (label, share) in enumerate(excerpt.callers):
            text = f"{', ' if index else ''}{plain(label)}"
            end = f" {figures.percent(share)}"
            left = room - width_of(line) - len(end)
            if cells(text) > left:
                if index or left < _LEAST_CALLER:
                    break
                # Better a part of the first one, with its place, than none.
                text = cut(text, left, keep="right", dots="..." if self._ascii else "…")
            line.append((text + end, palette.plain))
        return spread([(fit("", 0), palette.plain), *line], right, width)


@lru_cache(maxsize=4096)
def _expanded(text: str) -> str:
    return plain(text.expandtabs(_TAB))
