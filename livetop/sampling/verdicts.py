"""What exact samples of one thread say, kept until samples of the same place ask whose time they were.

A stop comes some microseconds after the look that drew it, and rather where the thread makes a system call.
So where the time went is what looks say; whose time it was at a place, stops that found the thread there.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from livetop.native.verdict import NATIVE, PYTHON, SYSTEM
from livetop.profile.states import State

from .evidence import Evidence
from .kernel_time import KernelTime

_KINDS = {PYTHON: State.PYTHON, NATIVE: State.NATIVE, SYSTEM: State.SYSTEM, "": State.EXACT}
# Stops at one place that are kept while no sample asks for them.
_KEPT = 32
_PLACES = 2_000
# What is asked for and not answered fades at each settlement, until it is not worth an answer.
_FADES = 0.8
_NOTHING = 1e-5

K = TypeVar("K")


class Note(NamedTuple):
    """One stop. `kind` and `library` as in `Verdict`, "" where C stacks are not read.

    `in_call` and `doubtful` as in `Still`; `faults` a second, None if not known; `watched`: whether the
    kernel's time has to be looked for in page faults.
    """

    weight: float
    kind: str
    library: str
    in_call: bool
    doubtful: bool
    faults: float | None
    watched: bool


class Verdicts(Generic[K]):
    """Notes by place, and the weight of the samples that they are for. Weights are those of `Account`."""

    __slots__ = ("_asked", "_notes")

    def __init__(self) -> None:
        self._asked: dict[K, float] = {}
        self._notes: dict[K, list[Note]] = {}

    def ask(self, place: K, weight: float) -> None:
        """A sample at a place is to be told whose time it was."""
        self._asked[place] = self._asked.get(place, 0.0) + weight

    def tell(self, place: K, note: Note) -> None:
        """A stop found the thread at a place."""
        notes = self._notes.get(place)
        if notes is None:
            if len(self._notes) >= _PLACES:
                self._notes.clear()
            notes = self._notes[place] = []
        notes.append(note)
        if len(notes) > _KEPT and place not in self._asked:
            del notes[0]

    @property
    def places(self) -> list[K]:
        """What `settle` may name."""
        return [place for place in self._asked if place in self._notes]

    def rename(self, gone: K) -> None:
        """A place is no longer what it was."""
        self._asked.pop(gone, None)
        self._notes.pop(gone, None)

    def forget(self) -> None:
        """All places are no longer what they were."""
        self._asked.clear()
        self._notes.clear()

    def settle(self, evidence: Evidence[K], kernel: KernelTime[K]) -> None:
        """Turn notes into evidence: those of a place have the weight of its samples between them."""
        asked, self._asked = self._asked, {}
        for place, weight in asked.items():
            notes = self._notes.pop(place, None)
            told = sum(note.weight for note in notes) if notes else 0.0
            if not notes or told <= 0.0:
                if weight * _FADES > _NOTHING:
                    self._asked[place] = weight * _FADES
                continue
            for note in notes:
                _enter(evidence, kernel, place, note, note.weight * weight / told)


def _enter(evidence: Evidence[K], kernel: KernelTime[K], place: K, note: Note, weight: float) -> None:
    system = 0.0
    if note.in_call:
        system = kernel.in_call(place, weight, note.doubtful)
    elif note.watched:
        system = kernel.in_fault(place, weight, note.faults)
    evidence.note(place, State.SYSTEM, "", weight, system)
    evidence.note(place, _KINDS[note.kind], note.library, weight, 1.0 - system)
