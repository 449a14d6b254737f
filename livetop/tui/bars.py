"""Bars and sparklines as plain text: pure functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SPARKS = "▁▂▃▄▅▆▇█"
SPARKS_ASCII = "_.,-=+*#"
PARTS, PARTS_ASCII = ("█", "▒", "░", "·"), ("#", "=", "-", ".")
"""What the parts of a bar are drawn with: python, native, system, waiting."""
SMALLEST = 0.005
"""The share from which on a bar has one cell at least: below it only the number speaks."""
_SCALES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def sparkline(values: Sequence[float | None], width: int, top: float, *, ascii_only: bool = False) -> str:
    """The last `width` values, newest at the right, 0 to `top`; None and the time before are blank."""
    if width <= 0:
        return ""
    glyphs = SPARKS_ASCII if ascii_only else SPARKS
    highest = len(glyphs) - 1
    last = values[-width:] if len(values) > width else values
    drawn = [" " if value is None else glyphs[_step(value, top, highest)] for value in last]
    return " " * (width - len(drawn)) + "".join(drawn)


def _step(value: float, top: float, highest: int) -> int:
    if top <= 0 or not value > 0:
        return 0
    return min(highest, int(value / top * highest + 0.5))


def bar_scale(largest: float) -> float:
    """The share (0..1) a full bar stands for: a round one, so that bars do not breathe with noise."""
    for scale in _SCALES:
        if largest <= scale:
            return scale
    return 1.0


class Bar(NamedTuple):
    """The parts of a bar, as text."""

    python: str
    native: str
    system: str
    waiting: str
    empty: str


def heat_bar(
    share: float,
    scale: float,
    width: int,
    native: float | None = None,
    system: float = 0.0,
    waiting: float = 0.0,
    *,
    ascii_only: bool = False,
) -> Bar:
    """A bar of `width` cells.

    `share` and `scale` are 0..1; `waiting` is the part of the share (0..1) that was not on a core, `native`
    and `system` are parts of the rest (0..1), `native` None when unknown: then the rest is drawn undivided.
    """
    if width <= 0 or not share > 0:
        return Bar("", "", "", "", " " * max(0, width))
    length = min(width, int(share / scale * width + 0.5)) if scale > 0 else width
    if length == 0 and share >= SMALLEST:
        length = 1
    # Rounded at the borders between the parts, so that they fill the bar exactly; each counts what is
    # to the right of it.
    asleep = min(length, int(length * waiting + 0.5))
    other = kernel = asleep
    if native is not None:
        awake = 1.0 - waiting
        other = max(asleep, min(length, int(length * (waiting + awake * (native + system)) + 0.5)))
        kernel = max(asleep, min(other, int(length * (waiting + awake * system) + 0.5)))
    python_glyph, native_glyph, system_glyph, waiting_glyph = PARTS_ASCII if ascii_only else PARTS
    return Bar(
        python_glyph * (length - other),
        native_glyph * (other - kernel),
        system_glyph * (kernel - asleep),
        waiting_glyph * asleep,
        " " * (width - length),
    )
