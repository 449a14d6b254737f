"""A target whose work has exactly the sampler's period must not fool it."""

import pytest

from livetop.profile.states import State
from livetop.sampling.account import Account
from livetop.sampling.schedule import Schedule


@pytest.mark.parametrize("phase", [0.0, 0.35, 0.7])
def test_shares_are_right_when_the_target_is_in_step_with_the_rate(phase: float) -> None:
    rate, share = 100.0, 0.3
    schedule = Schedule(rate, 0.0, seed=7)
    account = Account(0.0, (0, 0))
    now = 0.0
    for _ in range(40_000):
        now = schedule.due
        late = schedule.advance(now)
        place = "early" if (now * rate + phase) % 1.0 < share else "late"
        account.ran(place, schedule.moment, late, False)
    cells: dict = {}
    account.settle(now, (int(now * 1e9), 0), cells)
    own = {key: seconds for (key, state, _), (_, seconds, _) in cells.items() if state == State.OWN}
    # 40,000 samples: one standard deviation is below 0.0023.
    assert own["early"] / sum(own.values()) == pytest.approx(share, abs=0.01)


def test_missed_periods_count_for_the_sample_that_ends_them() -> None:
    schedule = Schedule(100.0, 0.0, seed=7)
    account = Account(0.0, (0, 0))
    for _ in range(10):
        schedule.advance(schedule.due)
    account.ran("before", schedule.moment, 0.0, False)
    before = schedule.moment
    late = schedule.advance(schedule.due + 0.5)
    account.ran("after", schedule.moment, late, False)
    # The half second was not watched, and is not charged to what came after it.
    assert account.unseen == pytest.approx(0.5, abs=0.02)
    assert account.running["after"][1] == pytest.approx(schedule.moment - before - late)
    assert 0 <= account.running["after"][1] < 0.03
