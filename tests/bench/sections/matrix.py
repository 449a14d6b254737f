"""Version x build: does livetop read this interpreter right, how much does it reject, and what does it cost?

100,000 samples of each kind a target, of three call-heavy programs (--quick: 2,000).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from tests import build_targets, interpreters
from tests.bench import correctness
from tests.bench.correctness import FULL, QUICK
from tests.bench.grid import Grid
from tests.bench.rounds import EXPECTED
from tests.interpreters import Interpreter

HEADINGS = (
    "CPython",
    "build",
    "dump equal",
    "torn of 10,000",
    "torn exact",
    "rejected",
    "mean depth (stopped)",
    "µs a sample",
    "native whole",
)
_FAILED = (*EXPECTED, AssertionError, RuntimeError, AttributeError)
"""What one cell may end with; the table is printed all the same."""


def matrix(quick: bool, only: str | None = None) -> Grid:
    """Measure every interpreter found or made here, or the one whose path or name is given."""
    effort = QUICK if quick else FULL
    grid = Grid(HEADINGS)
    for one in interpreters.everything() + _others():
        if only in (None, str(one), one.path):
            _measure(one, effort, grid)
    if only is None:
        missing = [name for name in build_targets.TARGETS if name not in build_targets.built()]
        grid.remarks.append(f"targets that were not here: {', '.join(missing) or 'none'}")
    return grid


def _others() -> list[Interpreter]:
    """Those that were made here for what they are linked with, not for how they were built."""
    made = build_targets.built().items()
    return [
        Interpreter(path, version, build, "CPython", name)
        for name, (path, version, build) in made
        if build not in interpreters.BUILDS
    ]


def _measure(one: Interpreter, effort: correctness.Effort, grid: Grid) -> None:
    measures: tuple[Callable[[], dict[str, Any]], ...] = (
        partial(correctness.dump_equal, one.path),
        partial(correctness.torn, one.path, effort),
        partial(correctness.depth, one.path, effort),
        partial(correctness.cost, one.path, effort),
        partial(correctness.native, one.path, effort),
    )
    figures: dict[str, Any] = {}
    problems = []
    for measure in measures:
        try:
            figures |= measure()
        except _FAILED as error:
            said = (str(error).splitlines() or [""])[0]
            problems.append(f"{measure.func.__name__}: {type(error).__name__}: {said}"[:300])
    row = [one.version, one.name or one.build, *(cell(figures) for cell in _CELLS)]
    grid.rows.append(row)
    grid.figures.append({"interpreter": str(one), "version": one.version, "build": one.build, **figures})
    grid.remarks += [f"{one}: {text}" for text in (*problems, *_remarks(figures))]
    grid.failed = grid.failed or bool(problems)
    print(f"bench: {', '.join(row)}", file=sys.stderr)
    for problem in problems:
        print(f"bench: {one}: {problem}", file=sys.stderr)


# ---------------------------------------------------------------------- columns


def _dump(figures: dict[str, Any]) -> str:
    if "equal_nonblocking" not in figures:
        return "-"
    threads = figures["threads"]
    worst = min(figures["equal"], figures["equal_nonblocking"])
    more = max(figures["equal_others"], figures["equal_nonblocking_others"])
    return "yes" if worst == threads and not more else f"{worst} of {threads}"


def _torn(figures: dict[str, Any]) -> str:
    return f"{figures['torn'] / figures['accepted'] * 10_000:.1f}" if figures.get("accepted") else "-"


def _torn_exact(figures: dict[str, Any]) -> str:
    return str(figures["torn_exact"]) if figures.get("exact") else "-"


def _rejected(figures: dict[str, Any]) -> str:
    tried = figures.get("accepted", 0) + figures.get("rejected", 0)
    return f"{figures['rejected'] / tried:.1%}" if tried else "-"


def _depth(figures: dict[str, Any]) -> str:
    if "depth" not in figures:
        return "-"
    return f"{figures['depth']:.2f} ({figures['depth_true']:.2f} ± {2 * figures['depth_error']:.2f})"


def _cost(figures: dict[str, Any]) -> str:
    return f"{figures['cpu_sample'] * 1e6:.0f}" if "cpu_sample" in figures else "-"


def _native(figures: dict[str, Any]) -> str:
    return f"{figures['complete']:.2%}" if "complete" in figures else "-"


_CELLS = (_dump, _torn, _torn_exact, _rejected, _depth, _cost, _native)


def _remarks(figures: dict[str, Any]) -> list[str]:
    """What of the samples a reader must know to believe the figures."""
    said = [f"{figures[kind]:,} {kind}" for kind in ("accepted", "exact") if kind in figures]
    if figures.get("unread_exact"):
        said.append(f"{figures['unread_exact']:,} exact ones between two stacks")
    return [", ".join(said), *(f"such as: {why}" for why in figures.get("why", ()))] if said else []
