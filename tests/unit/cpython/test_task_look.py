"""A look at many tasks is done in slices: the program goes on meanwhile, and half a look is not the whole."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from fake_target import ALL_LAYOUTS, FakeObjects

from livetop.cpython.objects import ObjectReader
from livetop.cpython.task_layouts import TASKS
from livetop.cpython.task_lists import _NODES_AT_ONCE, TaskAddress, TaskLists
from livetop.cpython.task_look import TaskLook
from livetop.cpython.tasks import TaskInfo, Tasks
from livetop.target.errors import ProcessGone

LAYOUT = ALL_LAYOUTS["3.14"]
TABLE = TASKS[LAYOUT.version][0]
COUNT = 3 * _NODES_AT_ONCE
INFO = TaskInfo(1, "a task", True, "waiting", "works", [], "", 0, 0, 0, 0)


def test_a_look_is_complete_only_at_its_end() -> None:
    def steps(look: TaskLook):
        for number in range(5):
            look.infos[number] = number
            yield

    look = TaskLook(steps)
    for number in range(1, 6):
        assert not look.advance(1.0, 0.0)
        assert len(look.infos) == number and not look.done
    assert look.advance(1.0, 0.0) and look.done
    assert look.advance(2.0, 0.0)


def test_a_look_that_failed_is_never_complete() -> None:
    def steps(look: TaskLook):
        yield
        raise ProcessGone("process 7 has exited")

    look = TaskLook(steps)
    assert not look.advance(1.0, 0.0)
    with pytest.raises(ProcessGone):
        look.advance(1.0, 1.0)
    assert not look.advance(1.0, 1.0) and not look.done


def test_how_many_are_read_at_once_follows_what_they_take() -> None:
    look = TaskLook(lambda look: iter(()))
    for _ in range(20):
        look.adapt(0.0001)
    assert look.at_once == 64
    look.adapt(0.0015)
    assert look.at_once == 64
    for _ in range(20):
        look.adapt(0.1)
    assert look.at_once == 1


class Linked(FakeObjects):
    """A thread's list of tasks, as CPython 3.14 keeps it: nodes of (next, prev)."""

    def __init__(self, count: int = COUNT) -> None:
        super().__init__(LAYOUT)
        assert TABLE.head_of_thread is not None and TABLE.node is not None
        self.thread = self.place(bytes(4096))
        self.head = self.thread + TABLE.head_of_thread
        self.tasks = [self.place(bytes(TABLE.node + 16)) for _ in range(count)]
        for one, following in pairwise([self.head, *map(self.node, self.tasks), self.head]):
            self.link(one, following)
        self.lists = TaskLists(self.memory, LAYOUT, ObjectReader(self.memory, LAYOUT))

    def node(self, task: int) -> int:
        assert TABLE.node is not None
        return task + TABLE.node

    def link(self, one: int, following: int) -> None:
        self.write(one, "<Q", following)
        self.write(following + 8, "<Q", one)

    def unlink(self, task: int) -> None:
        following, before = struct.unpack("<QQ", self.memory.read(self.node(task), 16))
        self.link(before, following)
        self.write(self.node(task), "<QQ", 0, 0)

    def look(self) -> tuple[list[TaskAddress], object]:
        found: list[TaskAddress] = []
        return found, self.lists.look([], [self.thread], TABLE, found, sliced=True)


def addresses(found: list[TaskAddress]) -> list[int]:
    return [task.address for task in found]


def test_lists_that_do_not_change() -> None:
    linked = Linked()
    for _ in range(2):
        found, steps = linked.look()
        assert len(list(steps)) == 3
        assert addresses(found) == linked.tasks
        assert linked.lists.whole


def test_a_list_that_was_read_before_takes_few_reads() -> None:
    linked = Linked()
    list(linked.look()[1])
    linked.memory.reads = 0
    found, steps = linked.look()
    list(steps)
    assert addresses(found) == linked.tasks
    assert linked.memory.reads < 20


@pytest.mark.parametrize("gone", [1, 10])
def test_tasks_that_end_where_a_slice_does(gone: int) -> None:
    linked = Linked()
    found, steps = linked.look()
    next(steps)
    # The last ones that were seen, and some that were not.
    at = _NODES_AT_ONCE
    ended = linked.tasks[at - gone : at] + linked.tasks[at + 5 : at + 8]
    for task in ended:
        linked.unlink(task)
    list(steps)
    assert set(linked.tasks) - set(addresses(found)) == set(linked.tasks[at + 5 : at + 8])
    assert linked.lists.whole


def test_a_list_of_which_all_that_was_seen_has_ended() -> None:
    linked = Linked()
    found, steps = linked.look()
    next(steps)
    for task in linked.tasks[:_NODES_AT_ONCE]:
        linked.unlink(task)
    list(steps)
    assert set(addresses(found)) == set(linked.tasks)
    assert linked.lists.whole


def test_a_list_that_changes_too_fast_is_not_said_to_be_whole() -> None:
    linked = Linked()
    found, steps = linked.look()
    stay, go = 150, _NODES_AT_ONCE - 150
    begin = stay
    for _ in steps:
        # More than is stepped back, each time.
        for task in linked.tasks[begin : begin + go]:
            linked.unlink(task)
        begin += go
    assert not linked.lists.whole
    assert len(found) < COUNT


@pytest.mark.parametrize(("gone", "seconds", "whole"), [(0, 5.0, True), (1, 5.0, False), (1, 0.1, True)])
def test_tasks_that_end_during_a_long_look_leave_doubt(
    monkeypatch: pytest.MonkeyPatch, gone: int, seconds: float, whole: bool
) -> None:
    tasks = Tasks(FakeObjects(LAYOUT).memory, LAYOUT, None)

    def found(*ignored, **choices):
        ignored[3].extend(TaskAddress(address, 0) for address in range(1, 31))
        yield

    def some(look: TaskLook, thread_of: dict[int, int]) -> None:
        look.infos |= {address: INFO for address in thread_of if address > gone}

    monkeypatch.setattr(tasks._lists, "look", found)
    monkeypatch.setattr(tasks, "_some_of", some)
    look = tasks.look([], [])
    now = 0.0
    while not look.advance(now, 0.0):
        now += seconds / 10
    assert len(look.infos) == 30 - gone
    assert look.whole is whole
