"""The help screen, made from the key table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from livetop.tui.bars import PARTS, PARTS_ASCII
from livetop.tui.columns import WIDE
from livetop.tui.fit import fit
from livetop.tui.keys import DO, KEYS, MOVE, PICK, SHOW
from livetop.tui.paint import Line, Painted, fill, spread
from livetop.tui.theme import Palette

WORDS: tuple[tuple[str, str], ...] = (
    ("%OWN %TOT", "share of the window: of the line itself, with what it calls"),
    ("OWN TOTAL", "the same in seconds, since the reset"),
    ("NAT% ~", "native part of its CPU time (dim: vaguely known, ~: estimated)"),
    ("HEAT", "%OWN as a bar: §"),
    ("(9.8)", "in the source: no time of its own, but so much of what it calls"),
    ("+/-", "^ v: more or less than five seconds ago, beyond noise"),
    ("±", "95 % interval of the share: fewer samples, wider"),
    ("waits", "what its threads waited for there, of all they waited"),
    ("mode", "cpu: time on a core; wall: all time; gil: time holding the GIL"),
    ("ok", "samples that could be read, of those due; lost ones are [unread]"),
    ("paused", "part of its time the process stood still to be read"),
    ("idle n/m", "threads that were parked throughout the window, of all"),
    ("cost", "livetop's own CPU: the engine + this screen"),
)
_SECTIONS = ((MOVE, PICK), (SHOW, DO))
_WORD_CELLS = 11


class HelpPage(Painted):
    """Keys by section, then what the words mean; scrolls where it does not fit."""

    def __init__(self, palette: Palette, ascii_only: bool) -> None:
        super().__init__()
        self._palette, self._ascii = palette, ascii_only
        self._top = 0

    def scroll(self, step: int) -> None:
        self._top += step
        self.repaint()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        lines = self._lines(width)
        self._top = max(0, min(self._top, len(lines) - (height - 2)))
        shown = lines[self._top : self._top + height - 2]
        more = f"{self._top + len(shown)}/{len(lines)} " if len(lines) > height - 2 else ""
        palette = self._palette
        title: Line = [
            (" livetop", palette.strong),
            ("  the lines of a running Python process", palette.quiet),
        ]
        close: Line = [(" Esc", palette.key), (" Back", palette.quiet)]
        if more:
            close += [("  j k PgUp PgDn", palette.key), (" Scroll", palette.quiet)]
        blank: list[Line] = [[]] * (height - 2 - len(shown))
        return [title, *shown, *blank, spread(close, [(more, palette.quiet)], width)]

    def _lines(self, width: int) -> list[Line]:
        palette = self._palette
        if width >= WIDE:
            half = width // 2
            left, right = (
                [line for section in side for line in self._section(section, half)] for side in _SECTIONS
            )
            rows = max(len(left), len(right))
            left += [[]] * (rows - len(left))
            right += [[]] * (rows - len(right))
            lines = [[*fill(one, half), *two] for one, two in zip(left, right, strict=True)]
        else:
            lines = [line for side in _SECTIONS for section in side for line in self._section(section, width)]
        python, native, system, waiting = PARTS_ASCII if self._ascii else PARTS
        legend = f"python {python}, native {native}, system {system}, waiting {waiting} (wall mode)"
        words: list[Line] = [[], [(" Words", palette.strong)]]
        for word, meaning in WORDS:
            shown = word.replace("±", "(+/-4.1)" if self._ascii else "(±4.1)")
            words.append(_explained(shown, meaning.replace("§", legend), width, palette))
        return [*lines, *words]

    def _section(self, section: str, width: int) -> list[Line]:
        palette = self._palette
        lines: list[Line] = [[], [(f" {section}", palette.strong)]]
        lines += [_explained(key.shown, key.help, width, palette) for key in KEYS if key.section == section]
        return lines


def _explained(word: str, meaning: str, width: int, palette: Palette) -> Line:
    text = fit(meaning, max(0, width - _WORD_CELLS - 3), dots="..")
    return [("  ", palette.plain), (fit(word, _WORD_CELLS), palette.key), (text, palette.plain)]


class HelpScreen(ModalScreen[None]):
    """Closes with any of the keys that opened it."""

    DEFAULT_CSS = "HelpScreen { background: ansi_default; } HelpPage { height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,h,f1,enter,space", "close", id="help.close"),
        Binding("down,j", "scroll(1)", id="help.down"),
        Binding("up,k", "scroll(-1)", id="help.up"),
        Binding("pagedown", "scroll(10)", id="help.page_down"),
        Binding("pageup", "scroll(-10)", id="help.page_up"),
        Binding("ctrl+c,ctrl+q,f10", "quit", id="help.quit", priority=True),
    ]

    def __init__(self, palette: Palette, ascii_only: bool) -> None:
        super().__init__()
        self._help = HelpPage(palette, ascii_only)

    def compose(self) -> ComposeResult:
        yield self._help

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, step: int) -> None:
        self._help.scroll(step)

    def action_quit(self) -> None:
        self.app.exit()
