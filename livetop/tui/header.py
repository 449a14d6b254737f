"""The header: which process, how sampling fares, what the process does as a whole, what livetop costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os.path import basename

from livetop.profile.info import ProcessInfo, Totals
from livetop.tui import figures
from livetop.tui.bars import sparkline
from livetop.tui.columns import VAGUE, WIDE
from livetop.tui.fit import cut, plain
from livetop.tui.meter import Health
from livetop.tui.paint import Line, Painted, Span, spread, width_of
from livetop.tui.theme import COLOR, Palette

_RSS_CELLS = 10
_SPLIT = ("native ", "sys ")
_ROOMY = 112
"""Columns from which on the second line has room for what is nice to know."""
_NOTHING = Totals(0.0, 0.0, 0.0, None, 0, 0, 0.0)
# Builds that go without saying.
_USUAL = ("release", "")


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the header shows. `cpu`, `rss`: one value a second, oldest first."""

    state: str = "ATTACHING"
    process: ProcessInfo | None = None
    more_processes: int = 0
    health: Health = field(default_factory=Health)
    totals: Totals = _NOTHING
    duration: float = 0.0
    cpu: tuple[float, ...] = ()
    rss: tuple[float, ...] = ()
    thread: str = "all"


class Header(Painted):
    """Two lines, quiet but for the state."""

    def __init__(self, palette: Palette = COLOR, ascii_only: bool = False, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._palette, self._ascii = palette, ascii_only
        self._vitals = Vitals()

    def show(self, vitals: Vitals) -> None:
        if vitals != self._vitals:
            self._vitals = vitals
            self.repaint()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        drawing = _wide if self.app.size.width >= WIDE else _narrow
        return drawing(self._vitals, self._palette, self._ascii, width)


def _wide(vitals: Vitals, palette: Palette, ascii_only: bool, width: int) -> list[Line]:
    quiet, normal, strong = palette.quiet, palette.plain, palette.strong
    health, totals = vitals.health, vitals.totals
    identity: Line = [(" livetop", strong)]
    if vitals.process is not None:
        process = vitals.process
        identity += [
            ("  pid ", quiet),
            (_pids(vitals, process), normal),
            ("  CPython ", quiet),
            (plain(process.python), normal),
            (f" {plain(process.build)}" if process.build not in _USUAL else "", quiet),
            ("  ", normal),
            (plain(command_line(process.argv)), normal),
        ]
    sampling: Line = [
        ("  ", normal),
        _state(vitals.state, palette),
        ("  ", normal),
        (_rate(health, " of "), normal),
        (" Hz", normal),
        (", ", quiet),
        (f"{_ok(health)} ok", normal),
        (", ", quiet),
        (f"paused {figures.small_percent(health.paused)}", normal),
        (f"  {figures.clock(vitals.duration)} ", normal),
    ]
    memory: Line = []
    if vitals.rss:
        spark = sparkline(*above_floor(vitals.rss[-_RSS_CELLS:]), ascii_only=ascii_only)
        memory = [
            ("  RSS ", quiet),
            (figures.memory(vitals.rss[-1]).rjust(4), normal),
            (" ", normal),
            (spark, palette.spark),
        ]
    whole = _whole(totals, health, palette, width >= _ROOMY)
    room = width - width_of(memory) - width_of(whole) - len(" CPU 100% ")
    cpu = _cpu(vitals, palette, ascii_only, max(0, min(32, room)))
    return [
        spread(_cut(identity, width - width_of(sampling), ascii_only), sampling, width),
        spread([*cpu, *memory], whole, width),
    ]


def _pids(vitals: Vitals, process: ProcessInfo) -> str:
    """The process that was asked for, whether it has ended before the others, and how many those are."""
    if not vitals.more_processes:
        return str(process.pid)
    return f"{process.pid}{' ended' if process.state == 'gone' else ''} +{vitals.more_processes}"


def _whole(totals: Totals, health: Health, palette: Palette, roomy: bool) -> Line:
    """The right part of the second line on a wide screen."""
    quiet, normal = palette.quiet, palette.plain
    parts = [("wait ", figures.percent(totals.wait))]
    if totals.gil_held is not None:
        parts.insert(0, ("GIL held ", figures.percent(totals.gil_held)))
    if totals.native is not None:
        native = figures.native(totals.native, totals.estimated)
        parts.append(("native ", f"{native} estimated" if totals.estimated else native))
    if totals.system is not None and roomy:
        parts.append(("sys ", figures.percent(totals.system)))
    parts.append(("idle ", f"{totals.idle_threads}/{totals.threads}"))
    if totals.foreign_threads:
        parts.append(("no Python ", str(totals.foreign_threads)))
    line: Line = []
    for label, value in parts:
        vague = label in _SPLIT and totals.margin > VAGUE
        line += [("  ", normal), (label, quiet), (value, quiet if vague else normal)]
    return [
        *line,
        ("  cost ", quiet),
        (f"{figures.percent(health.engine, 1)} + {figures.percent(health.interface, 1)} ", normal),
    ]


def _narrow(vitals: Vitals, palette: Palette, ascii_only: bool, width: int) -> list[Line]:
    quiet, normal, strong = palette.quiet, palette.plain, palette.strong
    health, totals = vitals.health, vitals.totals
    identity: Line = [(" livetop", strong)]
    if vitals.process is not None:
        process = vitals.process
        identity += [
            (f" {_pids(vitals, process)}", normal),
            (" ", normal),
            (plain(program(process.argv)), normal),
            (f"  py{'.'.join(plain(process.python).split('.')[:2])}", quiet),
        ]
    sampling: Line = [
        ("  ", normal),
        _state(vitals.state, palette),
        (f" {_rate(health, '/')}Hz {_ok(health)}", normal),
        (f"  {figures.clock(vitals.duration)} ", normal),
    ]
    right: Line = []
    if totals.gil_held is not None:
        right = [("  GIL ", quiet), (figures.percent(totals.gil_held), normal)]
    if totals.native is not None:
        native = figures.native(totals.native, totals.estimated)
        right += [("  native ", quiet), (native, quiet if totals.margin > VAGUE else normal)]
    foreign = f"+{totals.foreign_threads}" if totals.foreign_threads else ""
    right += [
        ("  cost ", quiet),
        (figures.percent(health.engine + health.interface, 1), normal),
        ("  thr ", quiet),
        (f"{cut(plain(vitals.thread), 8)}/{totals.threads}{foreign} ", normal),
    ]
    return [
        spread(_cut(identity, width - width_of(sampling), ascii_only), sampling, width),
        spread(_cpu(vitals, palette, ascii_only, 16), right, width),
    ]


def _cpu(vitals: Vitals, palette: Palette, ascii_only: bool, width: int) -> Line:
    top = max(1.0, *vitals.cpu[-width:]) if vitals.cpu else 1.0
    return [
        (" CPU ", palette.quiet),
        (figures.percent(vitals.totals.cpu).rjust(4), palette.plain),
        (" ", palette.plain),
        (sparkline(vitals.cpu, width, top, ascii_only=ascii_only), palette.spark),
    ]


def _state(state: str, palette: Palette) -> Span:
    return (state, palette.live) if state == "LIVE" else (f" {state} ", palette.halted)


def _rate(health: Health, of: str) -> str:
    """The rate as it is, and the one asked for where it is lowered."""
    rate = f"{health.rate:.1f}" if health.wanted and health.rate < 9.95 else f"{health.rate:.0f}"
    return f"{rate}{of}{health.wanted:.0f}" if health.wanted else rate


def _ok(health: Health) -> str:
    if health.ok is None:
        return "-"
    # Never rounded up to all: 100% means that nothing was lost.
    return "100%" if health.ok >= 1.0 else f"{min(health.ok, 0.999) * 100:.1f}%"


def _cut(line: Line, width: int, ascii_only: bool) -> Line:
    """The line with its last span shortened, visibly, to fit."""
    excess = width_of(line) - width
    if excess <= 0:
        return line
    *before, (text, style) = line
    room = width_of([(text, style)]) - excess
    return [*before, (cut(text, room, dots=".." if ascii_only else "…"), style)] if room > 0 else before


def above_floor(values: Sequence[float]) -> tuple[list[float], int, float]:
    """Arguments of a sparkline that shows how memory moves, not how much there is: from half its lowest."""
    floor = min(values) * 0.5
    return [value - floor for value in values], _RSS_CELLS, (max(values) - floor) * 1.2


def command_line(argv: Sequence[str]) -> str:
    """The command as one would type it, the interpreter without its folder."""
    return " ".join([basename(argv[0]) or argv[0], *argv[1:]]) if argv else ""


def program(argv: Sequence[str]) -> str:
    """The script or module that runs, in one word: what tells two Python processes apart."""
    words = iter(argv[1:])
    for word in words:
        if word == "-m":
            return next(words, "-m")
        if word == "-c":
            return "-c"
        if word in ("-W", "-X"):
            next(words, "")
            continue
        if not word.startswith("-"):
            return basename(word) or word
    return basename(argv[0]) if argv else ""
