"""Looking at tasks never keeps ticks waiting for long, and every process has its turn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from livetop.sampling import task_turns
from livetop.target.errors import MemoryFault


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(task_turns, "monotonic", clock)
    return clock


class _Watch:
    """A process that looks for 1.5 ms, and then not before a second has passed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.looks = 0
        self.due = 0.0

    def look(self, now: float) -> None:
        if now >= self.due:
            self.looks += 1
            self.clock.now += 0.0015
            self.due = now + 1.0


def _member(watch: Any) -> Any:
    return SimpleNamespace(sampler=SimpleNamespace(subject=SimpleNamespace(tasks=watch)))


def test_many_processes_take_turns(clock: Clock) -> None:
    watches = [_Watch(clock) for _ in range(40)]
    members = [_member(watch) for watch in watches]
    longest = 0.0
    for _ in range(25):
        began = clock.now
        task_turns.look_at_tasks(members, lambda member, error: None)
        longest = max(longest, clock.now - began)
        clock.now += 0.02
    assert longest < 0.004
    assert [watch.looks for watch in watches] == [1] * 40


def test_one_that_cannot_be_read_does_not_keep_others_from_it(clock: Clock) -> None:
    def fail(now: float) -> None:
        raise MemoryFault(0x1000, 8)

    good, told = _Watch(clock), []
    bad = _member(SimpleNamespace(look=fail))
    without = _member(None)
    task_turns.look_at_tasks([without, bad, _member(good)], lambda member, error: told.append(member))
    assert told == [bad]
    assert good.looks == 1
