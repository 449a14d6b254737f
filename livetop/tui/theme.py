"""Styles by role. Meaning is in the text, the numbers and the bars; colour only adds to it.

Only the terminal's own colours and one orange are used, so that a user's palette, light or dark, is
kept. Python is blue and native orange, two colours that all common forms of colour vision tell apart; the
kernel is in the colour of plain text.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style


@dataclass(frozen=True, slots=True)
class Palette:
    """One real `Style` a role: a segment without one breaks Textual's filters under NO_COLOR."""

    plain: Style
    quiet: Style
    """What need not be read: labels, folders, zeros."""
    strong: Style
    """What the eye should find first: hot rows, the tab that is shown."""
    head: Style
    """Column titles."""
    sorted: Style
    """The title of the column that orders the rows."""
    cursor: Style
    """The row that the keys act on."""
    marker: Style
    python: Style
    native: Style
    system: Style
    waiting: Style
    spark: Style
    live: Style
    halted: Style
    """PAUSED and ENDED."""
    key: Style
    notice: Style
    error: Style
    rule: Style


COLOR = Palette(
    plain=Style(),
    quiet=Style(dim=True),
    strong=Style(bold=True),
    head=Style(dim=True),
    sorted=Style(bold=True),
    cursor=Style(bold=True),
    marker=Style(color="color(208)", bold=True),
    python=Style(color="bright_blue"),
    native=Style(color="color(208)"),
    system=Style(),
    waiting=Style(dim=True),
    spark=Style(dim=True),
    live=Style(color="bright_blue", bold=True),
    halted=Style(color="color(208)", bold=True, reverse=True),
    key=Style(bold=True),
    notice=Style(bold=True),
    error=Style(color="color(208)", bold=True),
    rule=Style(dim=True),
)

PLAIN = Palette(
    plain=Style(),
    quiet=Style(dim=True),
    strong=Style(bold=True),
    head=Style(dim=True),
    sorted=Style(bold=True),
    cursor=Style(bold=True),
    marker=Style(bold=True),
    python=Style(),
    native=Style(),
    system=Style(),
    waiting=Style(dim=True),
    spark=Style(dim=True),
    live=Style(bold=True),
    halted=Style(bold=True, reverse=True),
    key=Style(bold=True),
    notice=Style(bold=True),
    error=Style(bold=True, reverse=True),
    rule=Style(dim=True),
)
"""The same without any colour: NO_COLOR and --no-color."""
