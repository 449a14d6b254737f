"""What the processes of one session share: ids, budgets, attention, events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from livetop.cpython.code import Code
from livetop.cpython.tree import Place
from livetop.sampling.attention import Attention
from livetop.sampling.budget import PauseBudget
from livetop.sampling.chronicle import Chronicle
from livetop.sampling.definitions import Definitions
from livetop.sampling.member import Changes
from livetop.sampling.process_names import ProcessNames
from livetop.sampling.running import Running


def _place(line: int, file: str = "/srv/app.py") -> Place:
    return Place(Place(None, None, 0), Code(0x1000, 0x1100, 100, "work", file, 1, b""), line)


def test_ids_are_unique_over_all_processes_and_files_are_shared() -> None:
    definitions = Definitions()
    one = definitions.process(1, "/srv", ["python", "/srv/app.py"])
    two = definitions.process(2, "/elsewhere", ["python", "-c", "..."])
    nodes = [one.node(_place(3)), two.node(_place(3)), one.node("[unseen]"), two.node("[unseen]")]
    told = definitions.take()
    assert told is not None
    assert len(set(nodes)) == 4
    assert [(node.parent, node.line) for node in told.nodes if not node.function] == [(0, 1), (0, 2)]
    # The same line of the same file, whoever runs it: named as the first process has it.
    assert [(file.name, file.module) for file in told.files] == [("/srv/app.py", "app.py")]
    assert [function.name for function in told.functions] == ["work", "[unseen]"]
    assert definitions.file_path(told.files[0].id) == ("/srv/app.py", 1)
    ids = [entry.id for entry in (*told.nodes, *told.files, *told.functions)]
    assert len(ids) == len(set(ids))


def test_a_reset_is_for_all_and_a_process_that_ended_is_not_named_again() -> None:
    definitions = Definitions()
    names: list[ProcessNames] = [definitions.process(number, "/", []) for number in (1, 2, 3)]
    names[1].close()
    definitions.take()
    definitions.reset()
    told = definitions.take()
    assert told is not None and told.reset
    assert [node.line for node in told.nodes] == [1, 3]


def _running(budget: PauseBudget) -> Running:
    subject: Any = SimpleNamespace(
        budget=budget, exact=SimpleNamespace(allowed=lambda now: True), stacks=None, frames=False
    )
    collections: Any = None
    return Running(subject, collections, 0.0)


def test_the_pause_budget_is_for_all_processes_together() -> None:
    alone, shared = PauseBudget(0.01, 0.0), PauseBudget(0.01, 0.0)
    single, several = _running(alone), [_running(shared) for _ in range(4)]
    for tick in range(1, 4):
        for one in (single, *several):
            one._threads = 1
            one.begin(float(tick), 0.001)
    chance = single._chances[0]
    assert 0 < chance < 1
    assert sum(one._chances[0] for one in several) == pytest.approx(chance)
    # One that has ended leaves its part to the others.
    several.pop().close()
    for one in several:
        one._threads = 1
        one.begin(9.0, 0.001)
    assert sum(one._chances[0] for one in several) == pytest.approx(chance)


class _Member:
    def __init__(self, number: int, *, idle: bool) -> None:
        self.number = number
        self.parent = 1
        self.polled = 0.0
        self.sampler: Any = SimpleNamespace(idle=idle, poll_less=self._poll_less)
        self.names: Any = SimpleNamespace(thread=lambda thread: thread.tid)

    def _poll_less(self, factor: float) -> None:
        self.polled = factor


def test_few_processes_have_all_the_attention() -> None:
    attention, members = Attention(), [_Member(number, idle=True) for number in range(1, 9)]
    attention.share(members)  # type: ignore[arg-type]
    assert attention.whole
    assert {member.polled for member in members} == {1.0}
    assert attention.next_tick(members) is members  # type: ignore[arg-type, comparison-overlap]


def test_of_many_the_idle_ones_take_turns_and_the_busy_ones_never_wait() -> None:
    attention = Attention()
    members = [_Member(number, idle=number > 3) for number in range(1, 101)]
    attention.share(members)  # type: ignore[arg-type]
    assert not attention.whole
    assert len({member.polled for member in members}) > 50
    assert max(member.polled for member in members) <= 12.5
    seen = [[member.number for member in attention.next_tick(members)] for _ in range(7)]  # type: ignore[arg-type]
    assert all({1, 2, 3} <= set(numbers) and len(numbers) <= 20 for numbers in seen)
    assert {number for numbers in seen for number in numbers} == set(range(1, 101))


def test_events_of_many_are_counted() -> None:
    told: list[tuple[str, str]] = []
    chronicle = Chronicle(lambda now, kind, text, thread: told.append((kind, text)))
    for number in range(3):
        chronicle.note("child", f"process {number} is watched")
    for number in range(9):
        chronicle.note("exit", f"process {number} exited")
    chronicle.tell_of_processes(1.0)
    assert told == [("exit", "9 processes ended"), *(("child", f"process {n} is watched") for n in range(3))]
    told.clear()
    chronicle.tell_of_processes(2.0)
    assert not told


def test_the_threads_that_a_child_begins_with_are_no_news() -> None:
    told: list[str] = []
    chronicle = Chronicle(lambda now, kind, text, thread: told.append(text))
    thread: Any = SimpleNamespace(name="worker", tid=7)
    child, root = _Member(2, idle=True), _Member(1, idle=True)
    root.parent = 0
    for member in (child, root):
        chronicle.tell_of_threads(1.0, member, Changes([thread], [], True, 0.0, 0.0))  # type: ignore[arg-type]
    chronicle.tell_of_threads(2.0, child, Changes([], [thread], False, 0.0, 0.0))  # type: ignore[arg-type]
    assert told == ["thread worker (7) began", "thread worker (7) ended"]
