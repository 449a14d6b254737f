"""The truth about tests/programs/truth_mix.py: which item spent how much CPU time of which kind, and when.

How it is known. CPU time: the thread's own clock, read before and after each burst, which lasts milliseconds.
The kernel's part: the stime of a thread that does nothing else, next to as
many others as in the mix (`calibrate`). It counts ticks, so it is as
sure as their number allows, and a tick that falls into the entry of the kernel counts for the user: it may be
a tenth too low where the kernel is entered all the time. A callback's part: its work alone. The interpreter's
part of a native line: the same bytecode over next to nothing; else the line comes round so rarely that it is
below 1 %.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.processes import PROGRAMS, MeasureError

MIX = PROGRAMS / "truth_mix.py"
WORKLOADS = PROGRAMS / "truth_workloads.py"

_MARK = re.compile(r"#: (\w+)$")
_RECORD = struct.Struct("<qqqqq")
_PATIENCE = 1200.0
_NANO = 1e-9


class Split(NamedTuple):
    """Shares of all CPU time."""

    python: float
    native: float
    system: float

    @property
    def own(self) -> float:
        return self.python + self.native + self.system

    @property
    def rest(self) -> float:
        """What is not Python, as some tools tell it."""
        return self.native + self.system


@dataclass(frozen=True)
class Places:
    """Which item a line belongs to."""

    lines: Mapping[tuple[str, int], str]
    files: Mapping[str, str]
    """Ends of the names of library files -> the item that all of their time is."""

    def item(self, file: str, line: int) -> str | None:
        """None for a line of nobody's, like the conductor's."""
        found = self.lines.get((file, line))
        if found is None and self.files:
            found = next((item for end, item in self.files.items() if file.endswith(end)), None)
        return found

    def is_one_line(self, item: str) -> bool:
        """Whether all of an item's time is at one line."""
        return list(self.lines.values()).count(item) == 1 and item not in self.files.values()

    def where(self, item: str) -> str:
        """Like `46` or `170-173`: an item's lines in the workloads' file."""
        lines = sorted(line for (_, line), name in self.lines.items() if name == item)
        return f"{lines[0]}-{lines[-1]}" if len(lines) > 1 else str(lines[0])


def places(files: Mapping[str, tuple[str, ...]]) -> Places:
    """The marked lines, and the library files of items."""
    lines = {}
    for number, text in enumerate(WORKLOADS.read_text().splitlines(), 1):
        if found := _MARK.search(text):
            lines[str(WORKLOADS), number] = found[1]
    return Places(lines, {end: item for item, ends in files.items() for end in ends})


@dataclass(frozen=True)
class Knowledge:
    """What `calibrate` found: item -> shares of its workload's CPU time."""

    names: tuple[str, ...]
    """Items by the number that the log has, one less."""
    parts: Mapping[str, Mapping[str, Any]]
    places: Places

    def share_out(self, item: str, spent: float) -> Iterator[tuple[str, Split, float]]:
        """(item, its split, one sigma of the kernel's part) of CPU time; two for work that calls back."""
        known = self.parts.get(item)
        if known is None:
            # A second step: the kernel's alone.
            yield item, Split(0.0, 0.0, spent), 0.0
            return
        unsure = known["unsure"] * spent
        system, inner = known["system"] * spent, known["inner"] * spent
        if inner:
            # Interrupts are all that the kernel has of such a line.
            yield known["inner_name"], Split(inner, 0.0, 0.0), unsure
        least = min(known["least"], 1.0) * spent
        rest = max(0.0, spent - system - inner - least)
        if known["kind"] == "python":
            yield item, Split(rest, 0.0, system), unsure
        else:
            yield item, Split(least, rest, system), unsure


class Truth(NamedTuple):
    """Of one stretch: item -> split, item -> one sigma, both as shares of all CPU time."""

    splits: dict[str, Split]
    unsure: dict[str, float]
    seconds: float
    """CPU seconds of all threads."""


def learn(python: str, seconds: float, threads: int) -> Knowledge:
    """Calibrates, with an interpreter that has numpy, `seconds` a workload. Raises MeasureError."""
    command = [python, str(MIX), "calibrate", str(seconds), str(threads)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    if run.returncode:
        raise MeasureError(f"calibration failed: {run.stderr.strip()[-200:]}")
    said = json.loads(run.stdout)
    parts = said["parts"]
    return Knowledge(
        tuple(said["items"]), parts, places({name: tuple(part["places"]) for name, part in parts.items()})
    )


def truth_of(knowledge: Knowledge, folder: Path, t0: float, t1: float) -> Truth:
    """What the program did between two instants of the monotonic clock. Raises MeasureError.

    Bursts at the edges count by the part of them that is inside.
    """
    spent: dict[str, float] = {}
    total = 0.0
    for path in sorted(folder.glob("*.log")):
        last = None
        for began, ended, before, after, number in _records(path):
            if last is not None:
                # What the conductor itself used, between two bursts.
                total += _inside(last[0], began, t0, t1) * (before - last[1])
            part = _inside(began, ended, t0, t1) * (after - before)
            last = ended, after
            if part:
                name = knowledge.names[number - 1]
                spent[name] = spent.get(name, 0.0) + part
                total += part
    if not total:
        raise MeasureError(f"the target has no record of {t1 - t0:.1f} s")
    splits: dict[str, Split] = {}
    unsure: dict[str, float] = {}
    for workload, cpu in spent.items():
        for item, split, sigma in knowledge.share_out(workload, cpu / total):
            splits[item] = split
            unsure[item] = sigma
    return Truth(splits, unsure, total * _NANO)


def _records(path: Path) -> Iterator[tuple[int, int, int, int, int]]:
    with path.open("rb") as file:
        while len(data := file.read(_RECORD.size * 4096)) >= _RECORD.size:
            for record in _RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size]):
                if not record[4]:
                    return
                yield record


def _inside(began: int, ended: int, t0: float, t1: float) -> float:
    """The part of a stretch (ns) that is between two instants (s)."""
    low, high = max(began * _NANO, t0), min(ended * _NANO, t1)
    if high <= low:
        return 0.0
    return (high - low) / ((ended - began) * _NANO)
