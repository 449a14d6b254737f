"""What the engine does beside ticks keeps to its parts of the budget, and ticks keep the rest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from livetop.sampling import errands as errands_module
from livetop.sampling.budget import CpuBudget
from livetop.sampling.errands import KINDS, Errands


class Clock:
    """A machine on which work takes twice the CPU time that it costs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.cpu = 5.0
        monkeypatch.setattr(errands_module, "thread_time", lambda: self.cpu)

    def work(self, seconds: float) -> None:
        self.cpu += seconds
        self.now += 2 * seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_all_kinds_together_leave_something_to_ticks() -> None:
    assert sum(kind.part for kind in KINDS.values()) <= 0.9
    assert all(kind.part > 0 for kind in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cost", [50e-6, 3e-3, 0.4])
def test_each_kind_keeps_to_its_part_whatever_a_piece_of_it_costs(
    clock: Clock, kind: str, cost: float
) -> None:
    errands = Errands(0.05)
    errand = errands.errand(kind)
    began = clock.now
    while clock.now < began + 2000:
        if errand.allows(clock.now):
            with errand:
                clock.work(cost)
        clock.now += 0.01
    allowed = KINDS[kind].part * 0.05 * (clock.now - began + KINDS[kind].rest) + cost
    assert 0.5 * min(allowed, cost * 2000 / 0.011) < errands.spent <= allowed * 1.01


def test_many_processes_share_the_part_and_none_is_left_out(clock: Clock) -> None:
    errands = Errands(0.05)
    errands.processes = 50
    polls = [errands.errand("polling") for _ in range(50)]
    done = [0] * 50
    began = clock.now
    while clock.now < began + 100:
        for index, poll in enumerate(polls):
            if poll.allows(clock.now):
                done[index] += 1
                with poll:
                    clock.work(100e-6)
        clock.now += 0.01
    assert errands.spent <= KINDS["polling"].part * 0.05 * (clock.now - began + 2.0) + 50 * 100e-6
    assert min(done) > 0.8 * max(done) > 20


def test_errands_within_each_other_are_charged_once(clock: Clock) -> None:
    errands = Errands(0.05)
    outer, inner = errands.errand("telling"), errands.errand("usage")
    assert outer.allows(clock.now) and inner.allows(clock.now)
    with outer:
        clock.work(0.010)
        with inner:
            clock.work(0.030)
        clock.work(0.010)
    assert errands.spent == pytest.approx(0.050)
    # 20 ms of 0.75 % of a core, of which 2 s may be caught up with; 30 ms of 0.1 %.
    assert outer.allows(1000.7) and not outer.allows(1000.6)
    assert not inner.allows(1027.9) and inner.allows(1028.1)


def test_work_that_fails_is_charged_too(clock: Clock) -> None:
    errands = Errands(0.05)
    errand = errands.errand("tasks")
    assert errand.allows(clock.now)
    with pytest.raises(OSError), errand:
        clock.work(1.0)
        raise OSError
    assert errands.spent == pytest.approx(1.0)
    assert not errand.allows(clock.now)


def test_another_share_holds_from_the_next_piece_on(clock: Clock) -> None:
    errands = Errands(0.001)
    errand = errands.errand("telling")
    errands.share = 1.0
    assert errand.allows(clock.now)
    with errand:
        clock.work(0.1)
    assert errand.allows(clock.now)


def test_without_a_limit_everything_is_allowed(clock: Clock) -> None:
    errand = Errands().errand("tasks")
    for _ in range(5):
        with errand:
            clock.work(100.0)
        assert errand.allows(clock.now)


# ---------------------------------------------------------------- what is left to ticks


def _run(tick: float, errands: float, seconds: int = 60) -> SimpleNamespace:
    """So many seconds of ticks that cost `tick` each, beside errands of `errands` a second."""
    budget = CpuBudget(0.05, 100.0, 0.0)
    cpu = aside = 0.0
    used = 0.0
    for second in range(1, seconds + 1):
        used = tick * budget.rate + errands
        cpu += used
        aside += errands
        budget.adjust(float(second), cpu, aside)
    return SimpleNamespace(rate=budget.rate, used=used)


def test_errands_do_not_lower_the_rate_while_there_is_enough_for_both() -> None:
    assert _run(200e-6, 0.029).rate == 100.0


def test_ticks_have_what_errands_leave() -> None:
    found = _run(1e-3, 0.03)
    assert found.rate == pytest.approx(0.95 * 0.02 / 1e-3, rel=0.02)
    assert found.used <= 0.05
    assert _run(1e-3, 0.0).rate == pytest.approx(0.95 * 0.05 / 1e-3, rel=0.02)


def test_a_burst_of_errands_does_not_stop_ticks() -> None:
    budget = CpuBudget(0.05, 100.0, 0.0)
    cpu = aside = 0.0
    slowest = 100.0
    for second in range(1, 40):
        errands = 0.3 if second == 5 else 0.0
        cpu += 100e-6 * budget.rate + errands
        aside += errands
        budget.adjust(float(second), cpu, aside)
        slowest = min(slowest, budget.rate)
    assert slowest >= 40
    assert budget.rate == 100.0
