"""Whose time samples were: what stops at the same place say, however many of them there are."""

from __future__ import annotations

from collections import Counter

import pytest

from livetop.native.verdict import NATIVE, PYTHON, SYSTEM
from livetop.profile.states import State
from livetop.sampling.evidence import Evidence
from livetop.sampling.kernel_time import KernelTime
from livetop.sampling.verdicts import Note, Verdicts


def note(weight: float, kind: str = PYTHON, library: str = "", *, in_call: bool = False) -> Note:
    return Note(weight, kind, library, in_call, False, 0.0, False)


def settled(verdicts: Verdicts[str]) -> tuple[Counter[tuple[str, int, str]], int]:
    """Seconds by place, state and library, and how many stops they come from."""
    evidence: Evidence[str] = Evidence()
    found: Counter[tuple[str, int, str]] = Counter()
    counts = 0

    def add(key: str, state: int, library: str, count: float, seconds: float, squared: float) -> None:
        nonlocal counts
        found[key, state, library] += seconds
        counts += int(count)

    verdicts.settle(evidence, KernelTime())
    evidence.settle(1.0, add)
    return found, counts


def test_stops_at_a_place_share_the_weight_of_its_samples() -> None:
    verdicts: Verdicts[str] = Verdicts()
    verdicts.ask("a", 3.0)
    verdicts.ask("b", 1.0)
    for one in (note(1.0), note(1.0), note(2.0, NATIVE, "libz")):
        verdicts.tell("a", one)
    # Far more stops than samples: a stop comes rather in a system call.
    for _ in range(30):
        verdicts.tell("b", note(1.0, SYSTEM, in_call=True))
    found, counts = settled(verdicts)
    assert found == {
        ("a", State.PYTHON, ""): pytest.approx(1.5),
        ("a", State.NATIVE, "libz"): pytest.approx(1.5),
        ("b", State.SYSTEM, ""): pytest.approx(1.0),
    }
    assert counts == 33
    assert settled(verdicts) == (Counter(), 0)


def test_what_no_stop_has_told_waits_and_fades() -> None:
    verdicts: Verdicts[str] = Verdicts()
    verdicts.ask("a", 1.0)
    assert settled(verdicts) == (Counter(), 0)
    verdicts.tell("a", note(0.1, NATIVE, "libz"))
    found, _ = settled(verdicts)
    assert 0.5 < found["a", State.NATIVE, "libz"] < 1.0
    verdicts.ask("b", 1.0)
    for _ in range(100):
        settled(verdicts)
    verdicts.tell("b", note(0.1))
    assert settled(verdicts) == (Counter(), 0)


def test_what_no_sample_asks_for_is_kept_within_bounds() -> None:
    verdicts: Verdicts[str] = Verdicts()
    for place in range(10_000):
        verdicts.tell(str(place), note(1.0))
    for _ in range(10_000):
        verdicts.tell("9999", note(1.0))
    assert verdicts.places == []
    verdicts.ask("9999", 1.0)
    assert verdicts.places == ["9999"]
    found, counts = settled(verdicts)
    assert found == {("9999", State.PYTHON, ""): pytest.approx(1.0)}
    assert counts <= 32


def test_places_that_are_no_longer_what_they_were_are_not_named() -> None:
    verdicts: Verdicts[str] = Verdicts()
    for place in "ab":
        verdicts.ask(place, 1.0)
        verdicts.tell(place, note(1.0))
    verdicts.rename("a")
    assert verdicts.places == ["b"]
    verdicts.forget()
    assert verdicts.places == []
    assert settled(verdicts) == (Counter(), 0)
