"""Several wait for SIGCHLD at once, and the handler that was there before comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from livetop.target.child_signal import ChildSignal


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before)


def strike() -> None:
    os.kill(os.getpid(), signal.SIGCHLD)


def test_each_hears_as_long_as_it_waits_whoever_ends_first() -> None:
    heard: list[str] = []
    signal.signal(signal.SIGCHLD, lambda number, frame: heard.append("before"))
    one, two = (ChildSignal(lambda name=name: heard.append(name)) for name in ("one", "two"))  # type: ignore[misc]
    one.watch()
    two.watch()
    strike()
    assert heard == ["one", "two", "before"]
    one.unwatch()
    heard.clear()
    strike()
    assert heard == ["two", "before"]
    one.watch()
    two.unwatch()
    heard.clear()
    strike()
    assert heard == ["one", "before"]
    one.unwatch()
    heard.clear()
    strike()
    assert heard == ["before"]


def test_one_may_end_while_it_is_told() -> None:
    heard: list[str] = []
    signals: list[ChildSignal] = []

    def last_word() -> None:
        heard.append("one")
        signals[0].unwatch()

    signals.append(ChildSignal(last_word))
    other = ChildSignal(lambda: heard.append("other"))
    signals[0].watch()
    other.watch()
    strike()
    strike()
    assert heard == ["one", "other", "other"]
    other.unwatch()


def test_it_is_kept_away_from_what_it_surrounds() -> None:
    heard: list[str] = []
    one = ChildSignal(lambda: heard.append("one"))
    one.watch()
    with one:
        strike()
        assert not heard
    assert heard == ["one"]
    one.unwatch()
