"""How much of a core the search for greenlets takes."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

import pytest
from fake_memory import FakeMemory

from livetop.cpython.code import CodeReader
from livetop.cpython.greenlet_search import GreenletSearch
from livetop.cpython.layout import TABLES
from livetop.cpython.threads import Interpreter
from livetop.sampling import greenlets
from livetop.sampling.errands import Errands
from livetop.sampling.greenlets import GreenletWatch


def test_a_search_leaves_most_of_the_budget_to_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    slices: list[float] = []

    def advance(self: GreenletSearch, interpreters: Iterable[Interpreter], seconds: float) -> bool:
        slices.append(seconds)
        return False

    monkeypatch.setattr(GreenletSearch, "advance", advance)
    monkeypatch.setattr(greenlets, "uses_greenlets", lambda *_: True)
    layout = TABLES[3, 12]
    memory = FakeMemory()
    roster = SimpleNamespace(interpreters=[], by_state={})
    watch = GreenletWatch(memory, layout, CodeReader(memory, layout, 0), roster, Errands())
    for poll in range(100):
        watch.look(1000 + poll / 10)
    assert len(slices) == 100
    # Of ten seconds.
    assert sum(slices) <= 0.11
