"""Whose CPU time a parent's counter holds, and what of it nobody has been charged with."""

from __future__ import annotations

import os

import pytest

from livetop.sampling import ended_children
from livetop.sampling.ended_children import EndedChildren

ROOT, CHILD, GRANDCHILD = 100, 101, 102


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The PIDs that /proc has."""
    pids = {ROOT, CHILD, GRANDCHILD}
    monkeypatch.setattr(ended_children.os.path, "exists", lambda path: int(os.path.basename(path)) in pids)
    return pids


@pytest.fixture
def family(there: set[int]) -> EndedChildren:
    found = EndedChildren(ROOT)
    # No such processes: none of them has a past.
    found.begin([])
    return found


def charged(found: EndedChildren, living: set[int]) -> dict[int, float]:
    return {pid: sum(row[2].own for row in rows) for pid, rows in found.settle(living)}


def test_what_nobody_read_is_a_row_of_the_parent(family: EndedChildren) -> None:
    family.settled(ROOT, 0.2, 1.5)
    ((pid, ((row, cells, seconds),)),) = family.settle({ROOT})
    assert (pid, row.name, seconds.own) == (ROOT, "ended children", 1.5)
    assert [key for key, _, _ in cells] == ["[ended children]"]
    family.settled(ROOT, 0.2, 1.5)
    assert not family.settle({ROOT})


def test_small_steps_are_kept_until_they_are_sure(family: EndedChildren) -> None:
    shown = 0.0
    for step in range(1, 21):
        family.settled(ROOT, 0.0, 0.01 * step)
        shown += sum(charged(family, {ROOT}).values())
    assert shown == pytest.approx(0.2, abs=0.05) and shown <= 0.2 + 1e-9


def test_what_watched_children_were_charged_with_is_not_charged_again(
    family: EndedChildren, there: set[int]
) -> None:
    family.settled(CHILD, 3.0, 0.0)
    there.remove(CHILD)
    # Its parent has waited for it before anybody knows that it has ended.
    family.settled(ROOT, 0.0, 3.4)
    assert not charged(family, {ROOT, CHILD})
    family.ended(CHILD, ROOT, {ROOT})
    assert charged(family, {ROOT}) == {ROOT: pytest.approx(0.4)}


def test_a_grandchild_counts_once_on_its_way_up(family: EndedChildren, there: set[int]) -> None:
    living = {ROOT, CHILD}
    family.settled(GRANDCHILD, 2.0, 0.0)
    family.ended(GRANDCHILD, CHILD, living)
    family.settled(CHILD, 1.0, 2.5)
    assert charged(family, living) == {CHILD: pytest.approx(0.5)}
    family.ended(CHILD, ROOT, {ROOT})
    family.settled(ROOT, 0.0, 3.7)
    assert charged(family, {ROOT}) == {ROOT: pytest.approx(0.2)}


def test_children_that_nobody_waits_for_are_never_charged_below_zero(family: EndedChildren) -> None:
    family.settled(CHILD, 2.0, 0.0)
    family.ended(CHILD, ROOT, {ROOT})
    family.settled(ROOT, 0.0, 1.0)
    assert not charged(family, {ROOT})
    family.settled(ROOT, 0.0, 2.5)
    assert charged(family, {ROOT}) == {ROOT: pytest.approx(0.5)}


def test_the_past_is_nobodys() -> None:
    found = EndedChildren(os.getppid())
    pid = os.fork()
    if not pid:
        while os.times().user < 0.1:
            pass
        os.read(os.pipe()[0], 1)
    try:
        while ended_children.read_stat(pid).cpu < 10:
            pass
        found.begin([pid])
        past = ended_children.read_stat(os.getppid()).waited / ended_children.clock_ticks()
        found.ended(pid, os.getppid(), {os.getppid()})
        found.settled(os.getppid(), 0.0, past + 0.2)
        ((_, shown),) = charged(found, {os.getppid()}).items()
        assert shown == pytest.approx(0.1, abs=0.04)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
