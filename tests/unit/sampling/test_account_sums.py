"""Seconds add up, whatever the samples say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.profile.states import WALL, State
from livetop.sampling.account import UNREAD, UNSEEN, Account, Cells

MS = 1_000_000


def _sum(cells: Cells, *states: State) -> float:
    return sum(cell[1] for (_, state, _), cell in cells.items() if state in states)


def _take(account: Account, key: str, now: float, late: float, exact: bool, holds: bool) -> None:
    """A sample of a running thread; an exact one is evidence, too."""
    weight = account.ran(key, now, late, holds)
    if exact:
        account.evidence.note(key, State.EXACT, "", weight)


def _owed(account: Account) -> float:
    return account.owed_own + account.owed_queued + account.owed_sleep


sample = st.tuples(
    st.sampled_from(["ran", "slept"]),
    st.sampled_from("abc"),
    st.sampled_from([State.GIL, State.WAIT, State.IDLE]),
    st.floats(0, 0.5),  # since the last one
    st.floats(0, 0.6),  # late
    st.booleans(),
    st.booleans(),
)
# Samples, and what the kernel adds until the settlement: nanoseconds on a core, and waiting for one.
stretch = st.tuples(
    st.lists(sample, max_size=12), st.floats(0, 2), st.integers(0, 10**9), st.integers(0, 10**8)
)


@given(st.lists(stretch, min_size=1, max_size=12))
def test_cells_sum_to_the_wall_time_less_what_is_owed(stretches: list) -> None:
    now, run, queued = 100.0, 5 * 10**9, 10**9
    account = Account(now, (run, queued))
    cells: Cells = {}
    kernel_own = kernel_queued = 0.0
    for samples, rest, more_run, more_queued in stretches:
        for kind, key, state, gap, late, exact, holds in samples:
            now += gap
            if kind == "ran":
                _take(account, key, now, late, exact, holds)
            else:
                account.slept(key, state, now, late)
        now += rest
        run += more_run
        queued += more_queued
        kernel_own += more_run / 1e9
        kernel_queued += more_queued / 1e9
        seconds = account.settle(now, (run, queued), cells)
        # What is returned are the kernel's figures, and as many samples as came in.
        assert seconds.own == pytest.approx(more_run / 1e9)
        assert seconds.queued == pytest.approx(more_queued / 1e9)
        assert seconds.samples == len(samples)
        assert 0 <= seconds.idle <= seconds.wait + 1e-9
        # All of the wall time is somewhere.
        assert _sum(cells, *WALL) == pytest.approx(now - 100.0 - _owed(account), abs=1e-6)
        # And each kind for itself.
        assert _sum(cells, State.OWN) == pytest.approx(kernel_own - account.owed_own, abs=1e-6)
        assert _sum(cells, State.QUEUED) == pytest.approx(kernel_queued - account.owed_queued, abs=1e-6)
        # Nothing is ever negative.
        assert all(count >= 0 and weight >= 0 and squared >= 0 for count, weight, squared in cells.values())
        assert _sum(cells, State.EXACT) <= _sum(cells, State.OWN) + 1e-6


@given(st.lists(stretch, min_size=1, max_size=8))
def test_nothing_is_owed_for_long(stretches: list) -> None:
    now, run = 0.0, 0
    account = Account(now, (0, 0))
    for samples, rest, more_run, _ in stretches:
        for kind, key, state, gap, late, exact, holds in samples:
            now += gap
            if kind == "ran":
                _take(account, key, now, late, exact, holds)
            else:
                account.slept(key, state, now, late)
        now += rest
        # No thread is on a core for longer than there was time.
        run += min(more_run, int((now - account.settled) * 1e9))
        account.settle(now, (run, 0), {})
    for _ in range(30):
        now += 1.0
        account.settle(now, (run, 0), {})
    # Ten seconds and what was not old enough then.
    assert account.owed_own <= 0.011
    assert account.owed_sleep <= 11.0


def test_own_time_is_shared_by_weight_and_the_rest_by_sleep() -> None:
    account = Account(0.0, (0, 0))
    account.ran("a", 0.3, 0.0, False)
    _take(account, "b", 0.4, 0.0, True, True)
    account.slept("lock", State.IDLE, 0.7, 0.0)
    account.slept("gil", State.GIL, 0.8, 0.0)
    cells: Cells = {}
    seconds = account.settle(1.0, (400 * MS, 100 * MS), cells)
    assert cells["a", State.OWN, ""][:2] == pytest.approx([1, 0.3])
    assert cells["b", State.OWN, ""][:2] == pytest.approx([1, 0.1])
    assert cells["b", State.EXACT, ""][:2] == pytest.approx([1, 0.1])
    assert cells["a", State.QUEUED, ""][1] == pytest.approx(0.075)
    assert cells["lock", State.IDLE, ""][1] == pytest.approx(0.375)
    assert cells["gil", State.GIL, ""][1] == pytest.approx(0.125)
    assert cells["b", State.HELD, ""][1] == pytest.approx(0.1)
    assert (seconds.own, seconds.queued, seconds.gil) == pytest.approx((0.4, 0.1, 0.125))
    assert (seconds.wait, seconds.idle) == pytest.approx((0.375, 0.375))
    assert account.busy == pytest.approx(0.4)


def test_time_nobody_watched_is_unseen_not_charged_to_the_next_line() -> None:
    account = Account(0.0, (0, 0))
    account.ran("a", 0.1, 0.0, False)
    account.ran("b", 0.7, 0.5, False)
    cells: Cells = {}
    account.settle(0.8, (800 * MS, 0), cells)
    assert cells[UNSEEN, State.OWN, ""][1] == pytest.approx(0.5)
    # The rest is the line's, in equal parts: 0.1 s each were watched.
    assert cells["a", State.OWN, ""][1] == pytest.approx(0.15)
    assert cells["b", State.OWN, ""][1] == pytest.approx(0.15)


def test_a_thread_that_was_asleep_before_and_after_slept_meanwhile() -> None:
    account = Account(0.0, (0, 0))
    account.slept("lock", State.IDLE, 0.1, 0.0)
    account.slept("lock", State.IDLE, 5.1, 5.0)
    cells: Cells = {}
    account.settle(5.2, (0, 0), cells)
    assert (UNSEEN, State.WAIT, "") not in cells
    assert cells["lock", State.IDLE, ""][1] == pytest.approx(5.2)


def test_lateness_is_never_more_than_the_time_that_passed() -> None:
    account = Account(0.0, (0, 0))
    account.ran("a", 0.5, 0.1, False)
    account.ran("a", 0.6, 9.0, False)
    assert account.unseen == pytest.approx(0.2)
    # A sample may stand for an instant before the last one.
    account.ran("a", 0.4, 0.3, False)
    account.slept("a", State.WAIT, 0.3, 0.3)
    assert account.unseen == pytest.approx(0.2)
    assert account.last == 0.6


def test_cpu_time_that_no_sample_saw_waits_for_one() -> None:
    account = Account(0.0, (0, 0))
    cells: Cells = {}
    account.slept("lock", State.IDLE, 0.9, 0.0)
    account.settle(1.0, (30 * MS, 0), cells)
    assert _sum(cells, State.OWN) == 0.0
    assert account.owed_own == pytest.approx(0.03)
    account.ran("late", 1.5, 0.0, False)
    account.settle(2.0, (40 * MS, 0), cells)
    assert cells["late", State.OWN, ""][1] == pytest.approx(0.04)
    assert account.owed_own == 0.0


def test_what_no_sample_ever_sees_becomes_unseen() -> None:
    account = Account(0.0, (0, 0))
    cells: Cells = {}
    for second in range(1, 13):
        account.slept("lock", State.IDLE, second - 0.1, 0.0)
        account.settle(float(second), (second * 10 * MS, second * 5 * MS), cells)
    assert cells[UNSEEN, State.OWN, ""][1] == pytest.approx(0.11)
    assert cells[UNSEEN, State.QUEUED, ""][1] == pytest.approx(0.06)
    assert _sum(cells, *WALL) == pytest.approx(12.0 - _owed(account))


def test_the_kernel_counting_ahead_is_paid_back() -> None:
    # schedstat moves in steps: more CPU time than wall time in one stretch, less in the next.
    account = Account(0.0, (0, 0))
    cells: Cells = {}
    account.ran("a", 0.1, 0.0, False)
    account.settle(0.1, (104 * MS, 0), cells)
    assert account.owed_sleep == pytest.approx(-0.004)
    account.slept("b", State.WAIT, 0.2, 0.0)
    seconds = account.settle(0.2, (104 * MS, 0), cells)
    assert seconds.wait == pytest.approx(0.096)
    assert _sum(cells, *WALL) == pytest.approx(0.2)


def test_times_that_do_not_move_or_go_back() -> None:
    account = Account(0.0, (500 * MS, 500 * MS))
    cells: Cells = {}
    _take(account, "a", 0.5, 0.0, True, True)
    seconds = account.settle(1.0, (500 * MS, 500 * MS), cells)
    assert (seconds.own, seconds.queued) == (0.0, 0.0)
    # It was seen running, so whatever it used will be charged there.
    seconds = account.settle(2.0, (400 * MS, 500 * MS), cells)
    assert seconds.own == 0.0
    seconds = account.settle(2.0, (500 * MS, 500 * MS), cells)
    assert seconds.own == pytest.approx(0.1)
    assert cells["a", State.OWN, ""][1] == pytest.approx(0.1)


def test_code_that_was_replaced_is_not_named() -> None:
    account = Account(0.0, (0, 0))
    _take(account, "gone", 0.1, 0.0, True, True)
    account.ran("kept", 0.2, 0.0, True)
    account.ran(UNREAD, 0.3, 0.0, False)
    account.slept("gone", State.GIL, 0.4, 0.0)
    account.slept("gone", State.WAIT, 0.5, 0.0)
    account.rename({"gone", "never met"})
    assert account.last_key == UNREAD
    cells: Cells = {}
    account.settle(0.5, (300 * MS, 0), cells)
    assert not [key for key, *_ in cells if key == "gone"]
    assert cells[UNREAD, State.OWN, ""][:2] == pytest.approx([2, 0.2])
    assert cells[UNREAD, State.EXACT, ""][0] == 1
    assert cells[UNREAD, State.GIL, ""][1] == pytest.approx(0.1)
    assert cells[UNREAD, State.WAIT, ""][1] == pytest.approx(0.1)
    assert cells["kept", State.HELD, ""][0] == 1
    assert _sum(cells, *WALL) == pytest.approx(0.5)
