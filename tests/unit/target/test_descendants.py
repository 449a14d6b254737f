"""Who belongs to a family, by what /proc says at each look."""

from __future__ import annotations

import os

import pytest

from livetop.target import descendants as module
from livetop.target.descendants import Descendants
from livetop.target.errors import NoSuchProcess
from livetop.target.procfs import Stat


class World:
    """A /proc of our making: `born` adds a process, `died` takes it away, its children go to process 1."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stats: dict[int, Stat] = {}
        self.argv: dict[int, list[str]] = {}
        self._clock = 0
        monkeypatch.setattr(module.os, "listdir", lambda path: [*map(str, self.stats), "self", "meminfo"])
        monkeypatch.setattr(module, "read_stat", self._read)
        monkeypatch.setattr(module, "read_argv", lambda pid: self.argv.get(pid, ["python"]))

    def _read(self, pid: int) -> Stat:
        if pid not in self.stats:
            raise NoSuchProcess(f"there is no process {pid}")
        return self.stats[pid]

    def born(self, pid: int, parent: int, *, group: int = 0, session: int = 0, argv: str = "python") -> None:
        self._clock += 1
        above = self.stats.get(parent)
        group = group or (above.group if above else pid)
        session = session or (above.session if above else pid)
        self.stats[pid] = Stat(pid, b"python", "S", parent, False, 0, 0, self._clock, 0, group, session)
        self.argv[pid] = argv.split()

    def died(self, pid: int, *, adopter: int = 1) -> None:
        del self.stats[pid]
        for number, stat in self.stats.items():
            if stat.parent == pid:
                values = {name: getattr(stat, name) for name in Stat.__slots__}  # type: ignore[attr-defined]
                self.stats[number] = Stat(**(values | {"parent": adopter}))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(monkeypatch)
    made.born(1, 0)
    made.born(50, 1)
    made.born(60, 50, group=60)
    made.born(100, 50, group=100)
    return made


def look(family: Descendants) -> tuple[list[int], list[int]]:
    found, gone = family.look()
    return [one.pid for one in found], gone


def test_children_and_theirs_but_nobody_else(world: World) -> None:
    world.born(103, 100)
    # Numbers begin anew: a child's may be smaller than its parent's.
    world.born(90, 103)
    world.born(70, 60)
    family = Descendants(100)
    assert look(family) == ([103, 90], [])
    assert look(family) == ([], [])
    world.born(104, 90)
    world.born(105, 104)
    world.born(106, 50)
    assert look(family) == ([104, 105], [])
    assert len(family) == 5
    assert 105 in family and 106 not in family


def test_what_was_found_stays_when_its_parents_die(world: World) -> None:
    world.born(103, 100)
    world.born(104, 103)
    family = Descendants(100)
    look(family)
    world.died(103)
    assert look(family) == ([], [103])
    world.born(105, 104)
    assert look(family) == ([105], [])
    world.died(100)
    assert look(family) == ([], [100])
    world.born(106, 105)
    assert look(family) == ([106], [])


def test_orphans_of_a_session_that_one_of_ours_leads(world: World) -> None:
    world.born(200, 50, group=200, session=200)
    family = Descendants(200)
    look(family)
    world.born(203, 200)
    world.born(204, 203)
    world.died(203)
    assert look(family) == ([204], [])
    # Its leader's number cannot be given away as long as somebody is in it.
    world.died(200)
    assert look(family) == ([], [200])
    world.born(205, 204)
    world.born(206, 205)
    world.died(205)
    assert look(family) == ([206], [])


def test_orphans_of_a_group_but_not_the_pipeline_of_a_shell(world: World) -> None:
    # A pipeline: the shell has put its parts into one group, and 100 is only the first of them.
    world.born(101, 50, group=100)
    family = Descendants(100)
    assert look(family) == ([], [])
    world.born(103, 100)
    world.born(104, 103)
    world.died(103)
    assert look(family) == ([104], [])
    # One more that the shell itself has started is none of ours, whatever its group.
    world.born(107, 50, group=100)
    assert look(family) == ([], [])


def test_a_number_that_is_given_away_is_somebody_else(world: World) -> None:
    world.born(103, 100)
    family = Descendants(100)
    look(family)
    world.died(103)
    assert look(family) == ([], [103])
    world.born(103, 1, group=103, session=103)
    assert look(family) == ([], [])
    world.died(100)
    look(family)
    world.born(100, 1, group=100, session=100)
    world.born(108, 100)
    assert look(family) == ([], [])


def test_livetop_and_what_it_starts_are_not_watched(world: World) -> None:
    world.born(103, 100, argv="/usr/bin/python3 /usr/bin/livetop attach 100")
    world.born(104, 103, argv="/usr/bin/python3 -I -m livetop.sampling")
    world.born(105, 103, argv="python program.py")
    world.born(os.getpid(), 100)
    world.born(106, 100)
    family = Descendants(100)
    assert look(family) == ([106], [])
    # Seen between fork and exec it was like any other.
    family.disown(106)
    world.born(107, 106)
    assert look(family) == ([], [])


def test_only_so_many_are_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    for pid in range(300, 330):
        world.born(pid, 100)
    family = Descendants(100)
    assert len(look(family)[0]) == 9
    assert family.crowd == 21
    assert look(family) == ([], [])
