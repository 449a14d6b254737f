"""Whose time is it: what livetop, py-spy and Scalene say of a program that knows."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.bench.environment import prepared
from tests.bench.rounds import EXPECTED, Figures, Plan, Series
from tests.bench.table import KEPT, LIVETOP, Goal, Row
from tests.bench.truth import tools
from tests.bench.truth.known import Knowledge, Places, Truth, learn, truth_of
from tests.bench.truth.rows import TRUTH, figures, line_rows, summary
from tests.bench.truth.tools import Reading, Settings

USUAL = "livetop, usual"
CONTENDERS = (LIVETOP, USUAL, "py-spy --native", "Scalene")
SETTINGS = {LIVETOP: Settings(1000.0, 1.0), USUAL: Settings(100.0, 0.01)}
"""Every sample exact at 1,000 Hz; and as it is without options."""
MIXES = (("even", 1), ("odd", 1), ("all", 2))
"""Half of the workloads, threads."""
CALIBRATION = (1.0, 3.0)
"""Seconds of CPU time a workload: quickly, and well."""
WINDOW = 3.0
LEAST = 0.01
"""Of a window's CPU time: intervals of rarer lines are not held against it."""
HONEST = Goal(limit=0.93)
SEED = 11
PYSPY_RATE = 1000.0


def truth(plan: Plan) -> Iterator[Row]:
    """Each tool for as long, on a fresh run of the same mix, judged by that run's own truth."""
    quick = plan.rounds == 1
    seconds = 3 * plan.long
    python = prepared(plan.python, "numpy")
    mixes = MIXES[:1] if quick else MIXES
    learnt: dict[int, Knowledge] = {}
    told: dict[str, list[dict[str, Figures]]] = {name: [] for name in CONTENDERS}
    failures: dict[str, list[str]] = {name: [] for name in CONTENDERS}
    fared: list[str] = []
    held: dict[str, list[Check]] = {name: [] for name in SETTINGS}
    for number, (half, threads) in enumerate(mixes):
        if threads not in learnt:
            learnt[threads] = learn(python, CALIBRATION[0] if quick else CALIBRATION[1], threads)
        knowledge = learnt[threads]
        mix = _Mix(python, plan.pyspy, knowledge, half, threads, SEED + number, seconds)
        of_mix: dict[str, dict[str, Figures]] = {}
        for name in CONTENDERS:
            try:
                of_mix[name], checks = mix.measure(name)
            except EXPECTED as error:
                failures[name].append(str(error))
                of_mix[name], checks = {}, []
            if note := mix.notes.get(name):
                fared.append(f"{name} on {half}, {threads} threads: {note}")
            told[name].append(of_mix[name])
            if name in held:
                held[name] += checks
        more = f"{threads} threads, " if threads > 1 else ""
        where = {item: knowledge.places.where(item) for item in mix.truth}
        yield from line_rows(where, {TRUTH: mix.truth, **of_mix}, more)
    yield from summary(told, failures, tuple(fared))
    for share in ("own", "native"):
        series, notes = {}, []
        for name, checks in held.items():
            of_share = [check for check in checks if check.share == share]
            missed = Counter(check.item for check in of_share if not check.holds)
            kept = len(of_share) - missed.total()
            series[name] = Series([{"held": kept / len(of_share)}] if of_share else [])
            worst = ", ".join(f"{item} {count}" for item, count in missed.most_common(6))
            notes.append(f"{name}: {kept} of {len(of_share)}; not for {worst or 'none'}")
        label = f"95 % intervals of the {share} share that hold it, windows of {WINDOW:g} s"
        yield Row(label, KEPT, "held", series, HONEST, tuple(notes))


class Check(NamedTuple):
    """One interval of a row's own or native share, held against the truth of its window."""

    share: str
    item: str
    holds: bool


class _Mix:
    """One mix of workloads: every tool gets a run of its own. `truth`: the last one's figures by item."""

    def __init__(
        self,
        python: str,
        pyspy: str,
        knowledge: Knowledge,
        half: str,
        threads: int,
        seed: int,
        seconds: float,
    ) -> None:
        self._python, self._pyspy, self._knowledge = python, pyspy, knowledge
        self._words = (str(threads), str(seed), half)
        self._seconds = seconds
        self.truth: dict[str, Figures] = {}
        self.notes: dict[str, str] = {}
        self._how: dict[str, Callable[[Path], list[Reading]]] = {
            **{name: partial(self._livetop, settings) for name, settings in SETTINGS.items()},
            "py-spy --native": self._by_pyspy,
            "Scalene": self._scalene,
        }

    def measure(self, name: str) -> tuple[dict[str, Figures], list[Check]]:
        """(figures by item, what came of the intervals of the windows)."""
        with tempfile.TemporaryDirectory(prefix="livetop-bench-") as folder:
            whole, *windows = self._how[name](Path(folder))
            self.notes[name] = whole.note
            true = truth_of(self._knowledge, Path(folder), whole.t0, whole.t1)
            found = figures(true, whole)
            # Shares differ a little from run to run: the table shows those of the first.
            self.truth = self.truth or figures(true, None)
            checks: list[Check] = []
            for window in windows:
                of_window = truth_of(self._knowledge, Path(folder), window.t0, window.t1)
                checks += _checks(window, of_window, self._knowledge.places)
        return found, checks

    def _arguments(self, folder: Path) -> list[str]:
        return ["run", str(folder), *self._words]

    def _livetop(self, settings: Settings, folder: Path) -> list[Reading]:
        """The whole stretch, then windows of a second recording on the same run."""
        places = self._knowledge.places
        with tools.mixing(self._python, self._arguments(folder)) as pid:
            long = tools.livetop(pid, places, settings, 1, self._seconds)
            return long + tools.livetop(pid, places, settings, round(self._seconds / WINDOW), WINDOW)

    def _by_pyspy(self, folder: Path) -> list[Reading]:
        with tools.mixing(self._python, self._arguments(folder)) as pid:
            time.sleep(0.5)
            return [tools.pyspy(self._pyspy, pid, self._knowledge.places, PYSPY_RATE, self._seconds)]

    def _scalene(self, folder: Path) -> list[Reading]:
        # It may not be there for this version: then it alone is missing.
        python = prepared(self._python, "scalene")
        return [tools.scalene(python, self._knowledge.places, self._arguments, folder, self._seconds)]


def _checks(window: Reading, true: Truth, places: Places) -> Iterator[Check]:
    """What is not known of the truth itself is not held against an interval.

    Of an item of several lines only the native share is known of each, and only if it is none.
    """
    for share, bounds in (("own", window.bounds_own), ("native", window.bounds_native)):
        for bound in bounds:
            split = true.splits.get(bound.item)
            if split is None or split.own < LEAST or (split.native and not places.is_one_line(bound.item)):
                continue
            value, unsure = split.own, 0.0
            if share == "native":
                value, unsure = split.native / split.own, true.unsure[bound.item] / split.own
            yield Check(share, bound.item, bound.low - unsure <= value <= bound.high + unsure)
