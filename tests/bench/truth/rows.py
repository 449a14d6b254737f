"""The truth section's rows: one a line of the program, then what is worst and usual of each tool."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.bench.rounds import Figures, Series
from tests.bench.table import POINTS, Goal, Row

from .known import Split, Truth
from .tools import Reading

WORTH = 0.03
"""Lines below this share of all CPU time are not judged."""
GOAL = Goal(limit=0.02)
TRUTH = "truth"
PARTS = ("python", "native", "system")


def figures(truth: Truth, reading: Reading | None) -> dict[str, Figures]:
    """Item -> figures of the items that are worth it; the truth's own without a reading.

    `error`: the largest difference of python, native and system, of all CPU time; `kernel_aside`: of python
    and all else; `relative`: of python, native and system within the line's own time, whatever its share;
    `own_error`: of the own share.
    """
    found: dict[str, Figures] = {}
    for item, true in truth.splits.items():
        if true.own < WORTH:
            continue
        if reading is None:
            found[item] = {**true._asdict(), "own": true.own, "unsure": truth.unsure[item]}
            continue
        own = reading.own.get(item, 0.0)
        each: Figures = {"own": own, "own_error": abs(own - true.own)}
        # Nothing seen of a line is three shares of nothing.
        split = reading.splits.get(item) or (None if own else Split(0.0, 0.0, 0.0))
        if split is not None:
            each |= split._asdict()
            each["error"] = max(abs(a - b) for a, b in zip(split, true, strict=True))
            each["kernel_aside"] = max(abs(split.python - true.python), abs(split.rest - true.rest))
            if split.own:
                each["relative"] = max(
                    abs(a / split.own - b / true.own) for a, b in zip(split, true, strict=True)
                )
            each["exact"] = reading.exact.get(item, 0)
        found[item] = each
    return found


@dataclass(frozen=True, slots=True)
class SplitRow(Row):
    """A line's python, native and system in per cent of all CPU time, and in brackets its error."""

    def cell(self, name: str) -> str:
        """Like `0.1 4.9 0.0 (0.2)`."""
        series = self.series.get(name)
        if series is None or not series.rounds:
            return "failed" if series and series.failures else "-"
        figures = series.rounds[-1]
        if "python" not in figures:
            return f"own {figures['own'] * 100:.1f}"
        parts = " ".join(f"{figures[part] * 100:4.1f}" for part in PARTS)
        return f"{parts} ({figures['error'] * 100:.1f})" if "error" in figures else parts

    @property
    def ratio(self) -> float | None:
        """Errors of single lines are not compared."""
        return None

    @property
    def problems(self) -> list[str]:
        """A tool that failed is told of once, not for every line."""
        return []

    def as_json(self) -> dict[str, object]:
        """All figures of all tools."""
        contenders = {name: series.rounds for name, series in self.series.items()}
        return {"what": self.what, "contenders": contenders, "goal": self.goal_text, "met": self.met}


def line_rows(
    named: Mapping[str, str], told: Mapping[str, dict[str, Figures]], prefix: str
) -> Iterator[SplitRow]:
    """A row an item, the largest first; `named`: item -> its lines; `told`: contender -> item -> figures."""
    truths = told[TRUTH]
    for item in sorted(truths, key=lambda item: -truths[item]["own"]):
        series = {
            name: Series([items[item]] if item in items else [], [] if items else ["failed"])
            for name, items in told.items()
        }
        yield SplitRow(f"{prefix}{item}:{named[item]}", POINTS, "error", series, GOAL)


def summary(
    told: Mapping[str, list[dict[str, Figures]]],
    failures: Mapping[str, list[str]],
    notes: tuple[str, ...],
) -> Iterator[Row]:
    """Worst and mean of each tool over all lines of all mixes."""
    tables = (
        ("worst error of python/native/system", "error", max, GOAL),
        ("mean error of python/native/system", "error", statistics.mean, None),
        ("worst error of python/all else", "kernel_aside", max, None),
        ("mean error of python/all else", "kernel_aside", statistics.mean, None),
        ("worst error within a line's own time", "relative", max, None),
        ("mean error within a line's own time", "relative", statistics.mean, None),
        ("worst error of the own share", "own_error", max, None),
        ("mean error of the own share", "own_error", statistics.mean, None),
    )
    for what, figure, how, goal in tables:
        series = {}
        for name, mixes in told.items():
            values = [item[figure] for items in mixes for item in items.values() if figure in item]
            found = [{figure: how(values)}] if values else []
            # The first row tells of failures.
            series[name] = Series(found, list(failures[name]) if goal else [])
        yield Row(what, POINTS, figure, series, goal, notes if goal else ())
