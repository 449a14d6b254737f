"""Which threads can be read without stopping them."""

from __future__ import annotations

import random

import pytest

from livetop.cpython.outcome import EMPTY, MISS, TORN
from livetop.cpython.threads import Interpreter, ThreadState
from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.sampling.account import Account
from livetop.sampling.watched import Stranger, Watched


class _Task:
    """What the kernel says of a thread that is not there."""

    tid = 7

    def __init__(self, *times: tuple[int, int] | None) -> None:
        self._times = list(times)

    def times(self) -> tuple[int, int] | None:
        return self._times.pop(0)

    def name(self) -> str:
        return "blas"


def _watched() -> Watched:
    state = ThreadState(1, 7, 7, Interpreter(1, 1))
    return Watched(state, None, _Task(), Account(0.0, (0, 0)), "worker")


def _judged(share: float, seed: int, samples: int = 3000) -> list[bool]:
    thread, chance = _watched(), random.Random(seed)
    calm = []
    for _ in range(samples):
        thread.judge(chance.random() < share)
        calm.append(thread.calm)
    return calm


def test_nobody_is_calm_before_it_was_tried() -> None:
    thread = _watched()
    assert not thread.calm
    for _ in range(15):
        thread.judge(False)
        assert not thread.calm
    thread.judge(False)
    assert thread.calm


def test_one_rejection_among_the_first_delays_it() -> None:
    thread = _watched()
    thread.judge(True)
    for _ in range(15):
        thread.judge(False)
    assert not thread.calm
    for _ in range(200):
        thread.judge(False)
    assert thread.calm


@pytest.mark.parametrize("seed", range(3))
def test_a_thread_that_is_seldom_rejected_is_calm(seed: int) -> None:
    calm = _judged(0.003, seed)
    assert sum(calm[500:]) / len(calm[500:]) > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_a_thread_that_is_often_rejected_is_not(seed: int) -> None:
    assert sum(_judged(0.15, seed)) < 100


def test_between_the_bounds_it_stays_what_it_was() -> None:
    thread = _watched()
    for _ in range(16):
        thread.judge(False)
    assert thread.calm
    # A single rejection does not end it; two do not either; a burst does.
    thread.judge(True)
    assert thread.calm
    for _ in range(3):
        thread.judge(True)
    assert not thread.calm
    # Below the upper bound again, but not below the lower one.
    while thread.rejects > 0.04:
        thread.judge(False)
    assert not thread.calm
    while thread.rejects >= 0.02:
        thread.judge(False)
    assert thread.calm


def test_a_program_that_changes_is_judged_anew() -> None:
    thread, chance = _watched(), random.Random(1)
    for share, expected in ((0.0, True), (0.3, False), (0.0, True)):
        for _ in range(500):
            thread.judge(chance.random() < share)
        assert thread.calm is expected


def test_what_a_sample_is_charged_to() -> None:
    thread = _watched()
    place = Place(None, None, 0)
    assert thread.key(place) is place
    assert thread.key(EMPTY) == "[thread: worker]"
    assert thread.key(TORN) is None
    assert thread.key(MISS) is None
    thread.rename("loader")
    assert (thread.name, thread.key(EMPTY)) == ("loader", "[thread: loader]")


def test_a_thread_without_python_is_a_row_of_its_own() -> None:
    times = [*3 * [(1_500_000_000, 0)], (2_000_000_000, 250_000_000), None, (1_000_000_000, 0)]
    stranger = Stranger(_Task(*times), (1_000_000_000, 0))
    ((found, cells, seconds),) = stranger.settle()
    assert found is stranger
    assert cells == {("[thread: blas]", State.OWN, ""): [1, 0.5, 0.25]}
    assert seconds.own == 0.5
    assert stranger.state == "running"
    # Nothing used: only that it is idle now is told, once.
    assert [cells for _, cells, _ in stranger.settle()] == [{}]
    assert stranger.state == "idle"
    assert stranger.settle() == []
    ((_, cells, seconds),) = stranger.settle()
    assert cells["[thread: blas]", State.QUEUED, ""][1] == seconds.queued == 0.25
    # Gone; and times never count backwards.
    assert [cells for _, cells, _ in stranger.settle()] == [{}]
    ((_, _, seconds),) = stranger.settle()
    assert seconds.own == 0.0
