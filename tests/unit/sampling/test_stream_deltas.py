"""Deltas are gathered until somebody takes them, without growing for ever."""

from __future__ import annotations

import pytest

from livetop.profile.states import State
from livetop.sampling import stream as stream_module
from livetop.sampling.account import UNREAD, Account, Cells, Seconds
from livetop.sampling.definitions import Definitions
from livetop.sampling.process_names import ProcessNames
from livetop.sampling.stream import Stream
from livetop.sampling.watched import Stranger, Watched
from livetop.wire.messages import Sampling


def _watched(tid: int = 7) -> Watched:
    thread = Watched.__new__(Watched)
    thread.tid, thread.name, thread.wire = tid, f"worker-{tid}", 0
    thread.account = Account(0.0, (0, 0))
    return thread


def _stranger(tid: int = 9) -> Stranger:
    thread = Stranger.__new__(Stranger)
    thread.tid, thread.name, thread.wire, thread.state = tid, "blas", 0, "running"
    return thread


def _seconds(own: float = 0.0, idle: float = 0.0, samples: int = 0) -> Seconds:
    seconds = Seconds()
    seconds.own, seconds.wait, seconds.idle, seconds.samples = own, idle, idle, samples
    return seconds


@pytest.fixture
def names() -> ProcessNames:
    return Definitions().process(1, "/", [])


def test_settlements_are_summed_until_taken(names: ProcessNames) -> None:
    stream = Stream(10.0)
    assert stream.empty
    thread = _watched()
    for second in range(3):
        cells: Cells = {("a", State.OWN, ""): [2, 0.25, 0.03], ("b", State.IDLE, ""): [1, 0.75, 0.5]}
        stream.add(names, [(thread, cells, _seconds(0.25, 0.75, 3))], 11.0 + second, ())
    assert not stream.empty
    delta = stream.take(Sampling(ticks=5))
    assert (delta.sequence, delta.t0, delta.t1) == (1, 10.0, 13.0)
    cells_by_node = {(cell.node, cell.state): cell for cell in delta.cells}
    a = cells_by_node[names.node("a"), State.OWN]
    assert (a.count, a.thread, a.library) == (6, thread.wire, 0)
    assert (a.weight, a.squared) == pytest.approx((0.75, 0.09))
    assert cells_by_node[names.node("b"), State.IDLE].weight == pytest.approx(2.25)
    (use,) = delta.threads
    assert (use.thread, use.own, use.wait, use.idle, use.samples) == (thread.wire, 0.75, 2.25, 2.25, 9)
    assert delta.sampling.ticks == 5
    # The next one begins where this ended, and holds nothing of it.
    assert stream.empty
    stream.add(names, [], 14.0, ())
    following = stream.take(Sampling())
    assert (following.sequence, following.t0, following.t1) == (2, 13.0, 14.0)
    assert not following.cells and not following.threads


def test_threads_do_not_mix(names: ProcessNames) -> None:
    stream = Stream(0.0)
    one, two = _watched(1), _watched(2)
    cell = {("a", State.OWN, ""): [1.0, 0.5, 0.25]}
    stream.add(names, [(one, dict(cell), _seconds(0.5)), (two, dict(cell), _seconds(0.5))], 1.0, ())
    delta = stream.take(Sampling())
    assert {cell.thread for cell in delta.cells} == {one.wire, two.wire}
    assert len(delta.cells) == len(delta.threads) == 2


def test_cells_on_top_go_to_other_and_lose_no_second(
    names: ProcessNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "MAX_CELLS", 50)
    stream = Stream(0.0)
    thread = _watched()
    for number in range(400):
        cells: Cells = {(f"line {number}", State.OWN, ""): [1, 0.01, 0.0001]}
        stream.add(names, [(thread, cells, _seconds(0.01))], number / 100, ())
    delta = stream.take(Sampling())
    assert len(delta.cells) <= 52
    assert sum(cell.weight for cell in delta.cells) == pytest.approx(4.0)
    assert sum(cell.count for cell in delta.cells) == 400
    other = names.node("[other]")
    assert sum(cell.weight for cell in delta.cells if cell.node == other) == pytest.approx(3.5)
    # What is already there goes on being counted for itself after the next take.
    stream.add(names, [(thread, {("line 1", State.OWN, ""): [1, 0.01, 0.0001]}, _seconds(0.01))], 5.0, ())
    assert [cell.node for cell in stream.take(Sampling()).cells] == [names.node("line 1")]


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.OWN, "running"), (State.GIL, "gil"), (State.WAIT, "wait"), (State.IDLE, "idle")],
)
def test_the_state_is_the_last_one_seen(names: ProcessNames, state: State, word: str) -> None:
    stream = Stream(0.0)
    thread = _watched()
    if state is State.OWN:
        thread.account.ran("a", 0.5, 0.0, False)
    else:
        thread.account.slept("a", state, 0.5, 0.0)
    stream.add(names, [(thread, {}, _seconds(samples=1))], 1.0, ())
    assert [use.state for use in stream.take(Sampling()).threads] == [word]


def test_a_thread_that_was_never_seen_waits(names: ProcessNames) -> None:
    stream = Stream(0.0)
    thread = _watched()
    assert thread.account.last_key == UNREAD
    stream.add(names, [(thread, {}, _seconds())], 1.0, ())
    assert [use.state for use in stream.take(Sampling()).threads] == ["wait"]


def test_threads_that_ended_are_gone_and_strangers_run(names: ProcessNames) -> None:
    stream = Stream(0.0)
    thread, stranger = _watched(), _stranger()
    wire = names.thread(thread)
    settled = [(thread, {}, _seconds(0.1)), (stranger, {}, _seconds(0.1))]
    stream.add(names, settled, 1.0, ())
    stream.add(names, settled, 2.0, [thread])
    states = {use.thread: use.state for use in stream.take(Sampling()).threads}
    assert states == {wire: "gone", stranger.wire: "running"}
