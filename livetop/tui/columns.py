"""The columns of a table of hot rows, declared: width, value, order, and from which width they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livetop.export import process_names
from livetop.tui import figures
from livetop.tui.bars import Bar, heat_bar
from livetop.tui.entries import Entry
from livetop.tui.fit import Align, fit
from livetop.tui.paint import Line
from livetop.tui.theme import COLOR, Palette

WIDE = 100
"""Columns of the terminal from which on the wide widths are used."""
HOT, COLD = 0.10, 0.0005
"""Own shares from which on a row stands out, and below which its figure is a quiet 0.0."""
VAGUE = 0.25
"""A native share that may be off by more than this is quiet: too few exact samples yet."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a table is drawn now. `scale`: the share a full bar stands for."""

    palette: Palette = COLOR
    ascii: bool = False
    scale: float = 1.0
    native: bool = False
    """Some figure of native code is known."""
    trend: bool = True
    processes: bool = False
    """Rows may be of several processes."""
    waiting: bool = False
    """Shares are of wall time: what was waited is a part of them."""

    @property
    def dots(self) -> str:
        return ".." if self.ascii else "…"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `cell` fills exactly the width it is given; `value` orders rows by it (None: it cannot).

    `shown`: a number as it is read, where that is less precise, so that noise which nobody sees moves no row.
    `narrow` and `wide` are widths below and from WIDE columns on; a `grow` column shares what is left.
    `from_width`: the terminal's width from which on it is shown; `needed` may hide it altogether.
    """

    id: str
    title: str
    narrow: int
    wide: int
    cell: Callable[[Entry, Look, int], Line]
    value: Callable[[Entry], float | str] | None = None
    align: Align = "right"
    grow: int = 0
    from_width: int = 0
    needed: Callable[[Look], bool] = lambda look: True
    shown: Callable[[float], float] = float


def as_share(value: float) -> float:
    """A share (0..1) as `figures.share` writes it."""
    return round(value * 100, 1)


def as_percent(value: float) -> float:
    """A share (0..1) as `figures.percent` writes it."""
    return round(value * 100)


def _share_cell(value: Callable[[Entry], float]) -> Callable[[Entry, Look, int], Line]:
    def cell(entry: Entry, look: Look, width: int) -> Line:
        at = value(entry)
        style = look.palette.quiet if at < COLD else look.palette.plain
        return [(figures.share(at).rjust(width), style)]

    return cell


def _own_share(entry: Entry, look: Look, width: int) -> Line:
    at = entry.own_share
    palette = look.palette
    style = palette.strong if at >= HOT else palette.quiet if at < COLD else palette.plain
    return [(figures.share(at).rjust(width), style)]


def _seconds_cell(value: Callable[[Entry], float]) -> Callable[[Entry, Look, int], Line]:
    def cell(entry: Entry, look: Look, width: int) -> Line:
        at = value(entry)
        style = look.palette.quiet if at < 0.05 else look.palette.plain
        return [(figures.seconds(at).rjust(width), style)]

    return cell


def _native(entry: Entry, look: Look, width: int) -> Line:
    margin = entry.row.native_margin
    style = look.palette.quiet if margin is None or margin > VAGUE else look.palette.plain
    return [(figures.native(entry.native, entry.row.estimated).rjust(width), style)]


def _heat(entry: Entry, look: Look, width: int) -> Line:
    # The time of a thread that is outside of Python is not split, but Python's it is not.
    native = entry.native if entry.native is not None or entry.runs_python else 1.0
    bar = heat_bar(
        entry.own_share,
        look.scale,
        width,
        native,
        entry.system,
        entry.waiting,
        ascii_only=look.ascii,
    )
    return painted(bar, look.palette, unknown=look.native and native is None)


def painted(bar: Bar, palette: Palette, *, unknown: bool = False) -> Line:
    """A bar's parts in their colours; `unknown`: beside others that are divided, its parts are not known."""
    python = palette.quiet if unknown else palette.python
    styles = (python, palette.native, palette.system, palette.waiting, palette.plain)
    return list(zip(bar, styles, strict=True))


def _trend(entry: Entry, look: Look, width: int) -> Line:
    return [(fit(" ^v"[entry.trend], width, "center"), look.palette.plain)]


def _process(entry: Entry, look: Look, width: int) -> Line:
    shared = entry.row.process is None
    return [
        (process_names.of_row(entry.row).rjust(width), look.palette.quiet if shared else look.palette.plain)
    ]


def _process_order(entry: Entry) -> float:
    """Those of one process by its id, then those of the fewest."""
    return float(entry.row.process or 1e9 + len(entry.row.processes))


def _function(entry: Entry, look: Look, width: int) -> Line:
    style = look.palette.strong if entry.own_share >= HOT else look.palette.plain
    return [(fit(entry.row.function, width, dots=look.dots), style)]


def _library(entry: Entry, look: Look, width: int) -> Line:
    style = look.palette.strong if entry.own_share >= HOT else look.palette.plain
    return [(fit(library_of(entry), width, keep="right", dots=look.dots), style)]


def library_of(entry: Entry) -> str:
    """The name of a library's row."""
    return entry.row.module or entry.row.function


def _location(entry: Entry, look: Look, width: int) -> Line:
    """The folder quietly, the file and line plainly; the end is what must stay."""
    text = fit(entry.location, width, keep="right", dots=look.dots)
    cut = text.rfind("/") + 1
    return [(text[:cut], look.palette.quiet), (text[cut:], look.palette.plain)]


# fmt: off
HOT_COLUMNS: tuple[Column, ...] = (
    Column("own_share", "%OWN", 5, 5, _own_share, lambda entry: entry.own_share, shown=as_share),
    Column("total_share", "%TOT", 5, 5, _share_cell(lambda entry: entry.total_share),
           lambda entry: entry.total_share, shown=as_share),
    Column("own", "OWN", 6, 7, _seconds_cell(lambda entry: entry.own), lambda entry: entry.own),
    Column("total", "TOTAL", 6, 7, _seconds_cell(lambda entry: entry.total), lambda entry: entry.total,
           from_width=90),
    Column("native", "NAT%", 5, 5, _native, lambda entry: -1.0 if entry.native is None else entry.native,
           needed=lambda look: look.native, shown=as_percent),
    Column("heat", "HEAT", 9, 16, _heat, align="left", from_width=70),
    Column("trend", "+/-", 3, 3, _trend, align="center", from_width=WIDE, needed=lambda look: look.trend),
    Column("process", "PROC", 7, 7, _process, _process_order, needed=lambda look: look.processes),
    Column("function", "FUNCTION", 10, 16, _function, lambda entry: entry.row.function, "left", grow=2),
    Column("location", "LOCATION", 12, 18, _location, lambda entry: entry.in_order, "left", grow=3),
)

LIBRARY_COLUMNS: tuple[Column, ...] = (
    Column("own_share", "%OWN", 5, 5, _own_share, lambda entry: entry.own_share, shown=as_share),
    Column("own", "OWN", 6, 7, _seconds_cell(lambda entry: entry.own), lambda entry: entry.own),
    Column("heat", "HEAT", 16, 24, _heat, align="left"),
    Column("trend", "+/-", 3, 3, _trend, align="center", from_width=WIDE, needed=lambda look: look.trend),
    Column("function", "LIBRARY", 20, 20, _library, library_of, "left", grow=1),
)
# fmt: on

SORT_WORDS = {
    "own": "own_share",
    "total": "total_share",
    "line": "location",
    "name": "function",
    "nat": "native",
}
"""Words that name a column on the command line, beside its title."""


def laid_out(columns: tuple[Column, ...], look: Look, width: int, terminal: int) -> list[tuple[Column, int]]:
    """The columns that fit a table of `width` cells (gaps between them not counted), each with its width."""
    wide = terminal >= WIDE
    gap = gap_of(terminal)
    shown = [column for column in columns if terminal >= column.from_width and column.needed(look)]
    sizes = [column.wide if wide else column.narrow for column in shown]
    room = width - sum(sizes) - gap * (len(shown) - 1)
    total = sum(column.grow for column in shown)
    if room > 0 and total:
        for index, column in enumerate(shown):
            if column.grow:
                extra = room * column.grow // total
                sizes[index] += extra
                room -= extra
                total -= column.grow
    return list(zip(shown, sizes, strict=True))


def gap_of(terminal: int) -> int:
    """Cells between two columns."""
    return 2 if terminal >= WIDE else 1


def find_sort(columns: tuple[Column, ...], wanted: str) -> str | None:
    """The id of the column meant by `wanted` (an id, a title, or a word for it); None when there is none."""
    word = wanted.casefold().strip()
    word = SORT_WORDS.get(word, word)
    for column in columns:
        title = column.title.casefold()
        titles = {column.id, title, f"{title[1:]}%" if title.startswith("%") else title}
        if column.value is not None and word in titles:
            return column.id
    return None
