"""The line in which a filter is typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from livetop.tui.paint import Line, Painted
from livetop.tui.theme import Palette

_PROMPT = " filter: "


class _Prompt(Painted):
    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._palette = palette

    def draw(self, width: int, height: int) -> Sequence[Line]:
        return [[(_PROMPT, self._palette.strong)]]


class FilterLine(Horizontal):
    """A prompt and an input; what is typed reaches the screen as `Input.Changed`."""

    DEFAULT_CSS = f"""
    FilterLine {{
        height: 1;
        _Prompt {{ width: {len(_PROMPT)}; height: 1; }}
        Input {{ width: 1fr; border: none; padding: 0; background: ansi_default; }}
    }}
    """

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="filter")
        self._prompt = _Prompt(palette)
        self.input = Input(
            "",
            "a part of function, file or line; ! and a regular expression",
            compact=True,
            select_on_focus=False,
        )
        self.input.cursor_blink = False
        self.display = False

    def compose(self) -> ComposeResult:
        yield self._prompt
        yield self.input
