"""Who may run Python code, from the words that a tick reads first."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fake_memory import FakeMemory

from livetop.cpython.layout import TABLES, Layout, with_object_head
from livetop.cpython.threads import Interpreter
from livetop.sampling.holding import Gils, StateWords, words_of

GIL, OTHER_GIL, STATES = 0x5000, 0x6000, 0x10000
FREE = replace(
    with_object_head(TABLES[3, 12], 32, "free-threaded"),
    free_threaded=True, thread_state=44, gil_enabled=0, gil_last_holder=16, gil_locked=24,
)  # fmt: skip


@dataclass(eq=False)
class One:
    """A watched thread, as far as it matters here."""

    warm: bool = False


@dataclass
class Target:
    """GILs and thread states in memory, and the roster of them."""

    layout: Layout
    gils: tuple[int, ...] = (GIL,)
    by_state: dict[int, Any] = field(default_factory=dict)
    unknown: dict[int, Any] = field(default_factory=dict)
    """Found by the next poll."""

    def __post_init__(self) -> None:
        self.memory = FakeMemory({at: bytearray(0x100) for at in {*self.gils}})
        self.memory.segments[STATES] = bytearray(0x100 * 600)
        self.interpreters = [Interpreter(0x1000 + number, gil) for number, gil in enumerate(self.gils)]
        self.words = words_of(self, self.layout, self.poll)  # type: ignore[arg-type]

    def poll(self, now: float) -> None:
        self.by_state.update(self.unknown)

    def heat(self, thread: One, now: float) -> None:
        thread.warm = True

    def write(self, address: int, form: str, value: int) -> None:
        for base, segment in self.memory.segments.items():
            if base <= address < base + len(segment):
                struct.pack_into(form, segment, address - base, value)

    def hold(self, state: int, gil: int = GIL, locked: int = 1) -> None:
        self.write(gil + self.layout.gil_last_holder, "<Q", state)
        if self.layout.gil_attached is not None:
            # Up to 3.11 the runtime knows it beside the GIL.
            self.write(gil + self.layout.gil_attached, "<Q", state if locked else 0)
        if self.layout.gil_locked is not None:
            self.write(gil + self.layout.gil_locked, "<i", locked)

    def attached(self) -> list[One]:
        flat = self.words.regions()
        data = b"".join(self.memory.read(at, size) for at, size in zip(flat[::2], flat[1::2], strict=True))
        assert len(data) == self.words.size
        # Stacks follow.
        return self.words.attached(bytearray(data + b"\1" * 64), 0.0)  # type: ignore[return-value]


@pytest.mark.parametrize("of", [(3, 6), (3, 8), (3, 11), (3, 12)])
def test_the_holder_of_the_gil(of: tuple[int, int]) -> None:
    thread = One()
    target = Target(TABLES[of], by_state={STATES: thread})
    assert type(target.words) is Gils
    assert target.words.held
    assert target.attached() == []
    target.hold(STATES)
    assert target.attached() == [thread]
    assert thread.warm


@pytest.mark.parametrize("of", [(3, 8), (3, 11), (3, 12)])
def test_a_last_holder_that_has_let_go_holds_nothing(of: tuple[int, int]) -> None:
    target = Target(TABLES[of], by_state={STATES: One()})
    target.hold(STATES, locked=0)
    assert target.attached() == []


def test_a_holder_that_has_just_begun_is_looked_for() -> None:
    thread = One()
    target = Target(TABLES[3, 12], unknown={STATES: thread})
    target.hold(STATES)
    assert target.attached() == [thread]
    target.hold(0xDEAD)
    assert target.attached() == []


def test_each_gil_has_a_holder_and_one_that_is_shared_is_read_once() -> None:
    threads = [One(), One()]
    target = Target(
        TABLES[3, 12], (GIL, OTHER_GIL, GIL), dict(zip((STATES, STATES + 0x100), threads, strict=True))
    )
    target.hold(STATES)
    target.hold(STATES + 0x100, OTHER_GIL)
    assert target.attached() == threads


def free(count: int) -> tuple[Target, list[One]]:
    threads = [One() for _ in range(count)]
    target = Target(FREE, by_state={STATES + 0x100 * number: one for number, one in enumerate(threads)})
    assert type(target.words) is StateWords
    return target, threads


def test_threads_without_a_gil_are_found_by_their_own_words() -> None:
    target, threads = free(5)
    assert target.attached() == []
    # Detached, attached, suspended.
    for number, state in enumerate((0, 1, 2, 1, 0)):
        target.write(STATES + 0x100 * number + 44, "<i", state)
    assert target.attached() == [threads[1], threads[3]]
    assert [one.warm for one in threads] == [False, True, False, True, False]
    assert not target.words.held


def test_a_gil_that_is_in_use_all_the_same_is_held() -> None:
    target, threads = free(2)
    target.write(STATES + 44, "<i", 1)
    assert target.attached() == [threads[0]]
    assert not target.words.held
    for enabled in (1, 256, 0x7FFFFFFF):
        target.write(GIL, "<i", enabled)
        assert target.attached() == [threads[0]]
        assert target.words.held
    target.write(GIL, "<i", 0)
    assert target.attached() == [threads[0]]
    assert not target.words.held


def test_of_very_many_threads_those_that_nothing_else_reads_come_first() -> None:
    target, threads = free(600)
    for one in threads[:400]:
        one.warm = True
    assert len(target.words.regions()) < 2 * 300
    for number in range(600):
        target.write(STATES + 0x100 * number + 44, "<i", 1)
    assert {*map(id, target.attached())} >= {*map(id, threads[400:])}
