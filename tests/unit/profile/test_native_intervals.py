"""The 95 % intervals of native shares hold the truth, though only some samples are exact.

A target is in one line all the time, and in native code by turns; the truth is the native share of the very
window's time. Which samples are exact is drawn at random, as the engine does it.
"""

from __future__ import annotations

import random

import pytest
from model_builder import STEP, Builder
from test_intervals import PERIOD, SLOTS, STREAMS, TICKS

from livetop.profile.rows import Query
from livetop.profile.states import State


@pytest.mark.parametrize(("window", "exact"), [(5.0, 0.12), (5.0, 0.5), (20.0, 0.12)])
@pytest.mark.parametrize("name", STREAMS)
def test_native_intervals_hold_the_truth(name: str, window: float, exact: float) -> None:
    chance = random.Random(f"{name} {window} {exact}")
    held = runs = 0
    for _ in range(150):
        at = STREAMS[name](chance)
        made = Builder()
        truth: list[bool] = []
        for _ in range(round((window + 1) / STEP)):
            seen = {True: 0, False: 0}
            for _ in range(TICKS):
                slots = [at(len(truth) + slot) for slot in range(SLOTS)]
                truth.extend(slots)
                if chance.random() < exact:
                    seen[chance.choice(slots)] += 1
            made.add(
                made.cell("main:1", TICKS * PERIOD, count=TICKS),
                *(
                    made.cell("main:1", count * PERIOD, State.NATIVE if native else State.PYTHON, count=count)
                    for native, count in seen.items()
                    if count
                ),
            )
        table = made.profile.rows(Query(window=window))
        (row,) = [row for row in table.rows if row.function == "main"]
        looked_at = truth[-round(table.duration * 1000) :]
        share = sum(looked_at) / len(looked_at)
        assert row.native_low is not None and row.native_high is not None and row.native_share is not None
        assert 0 <= row.native_low <= row.native_share <= row.native_high <= 1
        runs += 1
        held += row.native_low <= share <= row.native_high
    assert held / runs >= 0.93, f"{held} of {runs}"
