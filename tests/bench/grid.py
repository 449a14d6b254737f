"""A table of its own: a line a target, a column a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Grid:
    """`rows` of texts below `headings`; `remarks` below the table; `figures`: what the texts were made of."""

    headings: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False

    def as_text(self) -> str:
        """For a terminal."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        ruled = [self.headings, ["-" * width for width in widths], *self.rows]
        out = ["  ".join(map(_aligned, line, widths, range(len(widths)))).rstrip() for line in ruled]
        return "\n".join([*out, "", *self.remarks]).rstrip() + "\n"

    def as_markdown(self) -> str:
        """For the README."""
        out = [f"| {' | '.join(self.headings)} |", "|---|---|" + "---:|" * (len(self.headings) - 2)]
        out += [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([*out, "", *(f"- {remark}" for remark in self.remarks)]) + "\n"


def _aligned(text: str, width: int, column: int) -> str:
    """Names stand left, figures right."""
    return text.ljust(width) if column < 2 else text.rjust(width)
