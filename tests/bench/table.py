"""One row a measure: its figures, how they compare, and whether the goal was met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .rounds import Series

LIVETOP = "livetop"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a figure is written. `scale` turns seconds, fractions and bytes into what is shown."""

    name: str
    scale: float = 1.0
    digits: int = 1
    more_is_better: bool = False
    comparable: bool = True
    """Whether the ratio of two such figures tells something."""

    def text(self, value: float) -> str:
        """Like `12,345 Hz`."""
        return f"{value * self.scale:,.{self.digits}f} {self.name}"


HERTZ = Unit("Hz", digits=0, more_is_better=True)
MICROSECONDS = Unit("µs", 1e6)
SHARE = Unit("%", 100, 2)
LOSS = Unit("%", 100, 1, comparable=False)
SPEED = Unit("%", 100, 1, more_is_better=True)
SECONDS = Unit("s", 1, 3)
EXTRA = Unit("s", 1, 3, comparable=False)
KILOBYTES = Unit("KB/s", 1e-3, 1)
MEGABYTES = Unit("MB", 1e-6, 1)


@dataclass(frozen=True, slots=True)
class Goal:
    """`limit` in the unit's own scale, of livetop's figure; or `times` better than the better py-spy."""

    limit: float | None = None
    times: float | None = None

    def text(self, unit: Unit) -> str:
        """Like `< 2.00 %` or `≥ 25 x`."""
        if self.times is not None:
            return f"≥ {self.times:g} x"
        assert self.limit is not None
        return f"{'>' if unit.more_is_better else '<'} {unit.text(self.limit)}"

    def met(self, value: float | None, ratio: float | None, unit: Unit) -> bool:
        """What was not measured was not met."""
        if self.times is not None:
            return ratio is not None and ratio >= self.times
        assert self.limit is not None
        return value is not None and (value > self.limit if unit.more_is_better else value < self.limit)


@dataclass(frozen=True, slots=True)
class Row:
    """`series` by contender, livetop's under LIVETOP; `figure` names what of it is shown."""

    what: str
    unit: Unit
    figure: str
    series: Mapping[str, Series]
    goal: Goal | None = None
    notes: tuple[str, ...] = field(default=())

    def value(self, name: str) -> float | None:
        """A contender's median, in seconds, fractions, bytes."""
        series = self.series.get(name)
        return series.median(self.figure) if series is not None else None

    @property
    def ratio(self) -> float | None:
        """How many times better livetop is than the better of the others: a ratio of medians."""
        mine = self.value(LIVETOP)
        others = [value for name in self.series if name != LIVETOP and (value := self.value(name))]
        if not mine or not others or not self.unit.comparable:
            return None
        return mine / max(others) if self.unit.more_is_better else min(others) / mine

    @property
    def met(self) -> bool | None:
        """None without a goal."""
        return self.goal.met(self.value(LIVETOP), self.ratio, self.unit) if self.goal else None

    @property
    def problems(self) -> list[str]:
        """What kept rounds from being measured."""
        return [
            f"{name}: {len(series.failures)} failed: {series.failures[-1]}"
            for name, series in self.series.items()
            if series.failures
        ]

    def cell(self, name: str) -> str:
        """A contender's figure as it is shown."""
        series = self.series.get(name)
        if series is None:
            return "-"
        value = series.median(self.figure)
        return "failed" if value is None else self.unit.text(value)

    def as_json(self) -> dict[str, Any]:
        """Everything, with each round's figures."""
        return {
            "what": self.what,
            "unit": self.unit.name,
            "scale": self.unit.scale,
            "figure": self.figure,
            "contenders": {name: _spread(series, self.figure) for name, series in self.series.items()},
            "ratio": self.ratio,
            "goal": self.goal.text(self.unit) if self.goal else None,
            "met": self.met,
            "notes": list(self.notes),
        }


def _spread(series: Series, figure: str) -> dict[str, Any]:
    values = series.values(figure)
    return {
        "median": series.median(figure),
        "min": min(values, default=None),
        "max": max(values, default=None),
        "rounds": series.rounds,
        "failures": series.failures,
    }


Rows = list[Row]
HEADINGS = ("measure", "livetop", "py-spy", "py-spy --nonblocking", "ratio", "goal", "")
CONTENDERS = HEADINGS[1:4]
_MET = {None: "", True: "met", False: "NOT MET"}


def _cells(row: Row) -> list[str]:
    ratio = row.ratio
    shown = "" if ratio is None else f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.1f} x"
    goal = row.goal.text(row.unit) if row.goal else ""
    return [row.what, *map(row.cell, CONTENDERS), shown, goal, _MET[row.met]]


def _remarks(rows: Rows) -> list[str]:
    return [f"{row.what}: {text}" for row in rows for text in (*row.notes, *row.problems)]


def as_line(row: Row) -> str:
    """One row alone, to tell how it goes."""
    shown = [f"{name} {row.cell(name)}" for name in CONTENDERS if name in row.series]
    return f"{row.what}: {', '.join(shown)}"


def as_text(sections: Mapping[str, Rows], machine: Mapping[str, str]) -> str:
    """For a terminal."""
    cells = [_cells(row) for rows in sections.values() for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]

    def line(values: list[str]) -> str:
        first, *rest = values
        parts = [first.ljust(widths[0]), *(v.rjust(w) for v, w in zip(rest, widths[1:], strict=True))]
        return "  ".join(parts).rstrip()

    out = [f"{label}: {value}" for label, value in machine.items()]
    out += ["", line(list(HEADINGS)), line(["-" * width for width in widths])]
    for name, rows in sections.items():
        out += [f"[{name}]", *(line(_cells(row)) for row in rows)]
    everything = [row for rows in sections.values() for row in rows]
    return "\n".join([*out, "", *_remarks(everything)]).rstrip() + "\n"


def as_markdown(sections: Mapping[str, Rows], machine: Mapping[str, str]) -> str:
    """For the README."""
    out = [f"| {' | '.join(HEADINGS)} |", "|---|" + "---:|" * (len(HEADINGS) - 2) + "---|"]
    for rows in sections.values():
        out += [f"| {' | '.join(_cells(row))} |" for row in rows]
    out += ["", "; ".join(f"{label}: {value}" for label, value in machine.items()) + "."]
    everything = [row for rows in sections.values() for row in rows]
    return "\n".join([*out, *(f"- {remark}" for remark in _remarks(everything))]) + "\n"


def as_json(sections: Mapping[str, Rows], machine: Mapping[str, str]) -> dict[str, Any]:
    """With each round's figures, and least and most of each."""
    return {
        "machine": dict(machine),
        "sections": {name: [row.as_json() for row in rows] for name, rows in sections.items()},
    }
