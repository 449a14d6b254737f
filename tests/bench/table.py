"""One row a measure: its figures, how they compare, and whether the goal was met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
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
POINTS = Unit("points", 100, 1)
KEPT = Unit("%", 100, 1, more_is_better=True, comparable=False)
FRACTION_KEPT = Unit("%", 100, 2, more_is_better=True, comparable=False)
PAUSE = Unit("µs", 1e6, 0, comparable=False)
TIMES = Unit("times", 1, 0, comparable=False)


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
        # livetop in another mode is no peer.
        others = [
            value for name in self.series if not name.startswith(LIVETOP) and (value := self.value(name))
        ]
        if not mine or not others or not self.unit.comparable:
            return None
        return mine / max(others) if self.unit.more_is_better else min(others) / mine

    @property
    def met(self) -> bool | None:
        """None without a goal."""
        return self.goal.met(self.value(LIVETOP), self.ratio, self.unit) if self.goal else None

    @property
    def goal_text(self) -> str:
        """Like `< 2.00 %`; "" without a goal."""
        return self.goal.text(self.unit) if self.goal else ""

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
            "goal": self.goal_text or None,
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


Rows = Sequence[Row]
USUAL = (LIVETOP, "py-spy", "py-spy --nonblocking")
_MET = {None: "", True: "met", False: "NOT MET"}


def _contenders(rows: Rows) -> tuple[str, ...]:
    """A table's columns: the usual ones, or whoever is in a section that has others, too."""
    names = dict.fromkeys(name for row in rows for name in row.series)
    return USUAL if names.keys() <= set(USUAL) else (LIVETOP, *(name for name in names if name != LIVETOP))


def _tables(sections: Mapping[str, Rows]) -> Iterator[tuple[tuple[str, ...], dict[str, Rows]]]:
    """(contenders, sections) of each table: neighbours that compare the same share one."""
    for contenders, group in groupby(sections.items(), key=lambda section: _contenders(section[1])):
        yield contenders, dict(group)


def _headings(contenders: tuple[str, ...]) -> list[str]:
    return ["measure", *contenders, "ratio", "goal", ""]


def _cells(row: Row, contenders: tuple[str, ...]) -> list[str]:
    ratio = row.ratio
    shown = "" if ratio is None else f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.1f} x"
    return [row.what, *map(row.cell, contenders), shown, row.goal_text, _MET[row.met]]


def _remarks(rows: Rows) -> list[str]:
    return [f"{row.what}: {text}" for row in rows for text in (*row.notes, *row.problems)]


def as_line(row: Row) -> str:
    """One row alone, to tell how it goes."""
    shown = [f"{name} {row.cell(name)}" for name in row.series]
    return f"{row.what}: {', '.join(shown)}"


def as_text(sections: Mapping[str, Rows], machine: Mapping[str, str]) -> str:
    """For a terminal."""
    out = [f"{label}: {value}" for label, value in machine.items()]
    for contenders, part in _tables(sections):
        out += ["", *_text_table(contenders, part)]
    everything = [row for rows in sections.values() for row in rows]
    return "\n".join([*out, "", *_remarks(everything)]).rstrip() + "\n"


def _text_table(contenders: tuple[str, ...], sections: Mapping[str, Rows]) -> Iterator[str]:
    headings = _headings(contenders)
    cells = {name: [_cells(row, contenders) for row in rows] for name, rows in sections.items()}
    columns = zip(headings, *(line for lines in cells.values() for line in lines), strict=True)
    widths = [max(map(len, column)) for column in columns]

    def line(values: list[str]) -> str:
        first, *rest = values
        parts = [first.ljust(widths[0]), *(v.rjust(w) for v, w in zip(rest, widths[1:], strict=True))]
        return "  ".join(parts).rstrip()

    yield line(headings)
    yield line(["-" * width for width in widths])
    for name, lines in cells.items():
        yield f"[{name}]"
        yield from map(line, lines)


def as_markdown(sections: Mapping[str, Rows], machine: Mapping[str, str]) -> str:
    """For the README."""
    out: list[str] = []
    for contenders, part in _tables(sections):
        headings = _headings(contenders)
        out += [f"| {' | '.join(headings)} |", "|---|" + "---:|" * (len(headings) - 2) + "---|"]
        out += [f"| {' | '.join(_cells(row, contenders))} |" for rows in part.values() for row in rows]
        out.append("")
    out.append("; ".join(f"{label}: {value}" for label, value in machine.items()) + ".")
    everything = [row for rows in sections.values() for row in rows]
    return "\n".join([*out, *(f"- {remark}" for remark in _remarks(everything))]) + "\n"


def as_json(sections: Mapping[str, Rows], machine: Mapping[str, str]) -> dict[str, Any]:
    """With each round's figures, and least and most of each."""
    return {
        "machine": dict(machine),
        "sections": {name: [row.as_json() for row in rows] for name, rows in sections.items()},
    }
