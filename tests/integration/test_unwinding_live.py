"""C stacks of real threads that stood still for an instant, unwound after they ran on."""

from __future__ import annotations

from random import random
from time import sleep

import pytest

from livetop.cpython.tree import Place
from livetop.native.copied import Copied
from livetop.native.loops import Loops
from livetop.native.modules import Modules
from livetop.native.unwind import Unwinder, Walk
from livetop.target.memory import RemoteMemory
from livetop.target.registers import Registers, this_architecture
from livetop.target.stop import Stopper
from tests import interpreters
from tests.reading import OneThread

STOPS = 300
ROOM = 256 << 10


class Stops:
    """Stops of a target's main thread: registers, the stack to its end, the Python stack and its mark."""

    def __init__(self, pid: int) -> None:
        self.one = OneThread(pid)
        self.memory = RemoteMemory(pid)
        self.modules = Modules(self.one.process, self.memory, self.one.runtime.address)
        self.marked = self.one.runtime.layout.frames != "heap"
        self.unwinder = Unwinder(self.modules, self.memory, loops=None if self.marked else Loops())
        self.stopper = Stopper(pid)
        self.pid = pid
        self.end = 0

    def take(self) -> tuple[Registers, Copied, int] | None:
        """One stop: the mark is 0 where no evaluation loop runs; None when there was no whole copy."""
        thread, read = self.one.watched, self.one.read
        reader = thread.reader
        sleep(random() / 1000)
        if not self.stopper.stop(self.pid, 1.0):
            return None
        try:
            registers = self.stopper.registers()
            self.end = self.end or self.modules.stack_end(registers.sp)
            size = min(ROOM, self.end - registers.sp)
            copied = reader.read_single(read, registers.sp, size)
            # Callers that lie elsewhere now must be known before the copy is of any use.
            if not copied or not reader.covers(read.buffer, 0):
                copied = reader.lay_out() and reader.read_single(read, registers.sp, size)
        finally:
            self.stopper.release()
        if not copied:
            return None
        before = reader.single_size
        if type(reader.parse(read.buffer, 0, False)) is not Place:
            reader.lay_out()
            return None
        content = bytearray(read.buffer[: before + size])
        return registers, Copied(content, before, registers.sp, size), reader.mark

    def many(self, count: int = STOPS, what: str = "mark") -> list[tuple[Registers, Copied, int]]:
        """So many stops at random moments, with `what` the reader found."""
        found: list[tuple[Registers, Copied, int]] = []
        for _ in range(3 * count):
            stop = self.take()
            if stop is not None:
                found.append((*stop[:2], getattr(self.one.watched.reader, what)))
            if len(found) == count:
                break
        assert len(found) == count
        return found

    def close(self) -> None:
        self.stopper.close()
        self.one.close()


@pytest.fixture
def stops(start, any_build):
    target = start("calls.py", "mixed", python=any_build.path)
    found = Stops(target.pid)
    yield found
    found.close()
    assert target.untraced


def test_stacks_are_complete_to_the_mark_and_to_the_threads_start(stops, any_build):
    """In 99 of 100 stops, and wherever both ways of unwinding get there they agree."""
    to_mark = to_start = 0
    taken = stops.many()
    for registers, stack, mark in taken:
        assert stack.low <= mark < stack.end if stops.marked else not mark
        walk = stops.unwinder.walk(registers, stack, mark)
        to_mark += walk.complete and walk.loop == len(walk.pcs) - 1 and not walk.guessed
        whole = stops.unwinder.walk(registers, stack, mark, whole=True)
        to_start += whole.complete and not whole.guessed
        if walk.complete and whole.complete:
            assert whole.pcs[: len(walk.pcs)] == walk.pcs
            assert whole.loop == walk.loop
        general = Walk()
        numbered = this_architecture().numbered(registers)
        stops.unwinder._general(numbered, stack, mark, 0, general)
        if whole.complete:
            assert (general.pcs, general.cfas) == (whole.pcs, whole.cfas)
            assert general.modules == whole.modules
    # What BOLT writes of functions that are just being left is wrong at some instructions: 0.7 % of stops.
    enough = 0.97 if any_build.name.startswith("bolt") else 0.99
    assert to_mark >= enough * len(taken)
    assert to_start >= enough * len(taken)


def test_before_311_there_is_one_loop_a_frame(start):
    """Counted by their names, in stacks that are whole; at most one more is being entered, or left."""
    for build in (one for one in interpreters.everything() if one.minor < (3, 11)):
        stops = Stops(start("calls.py", "mixed", python=build.path).pid)
        fit = whole = 0
        for registers, stack, depth in stops.many(60, what="depth"):
            walk = stops.unwinder.walk(registers, stack, 0, whole=True)
            loops = Loops().are(walk.pcs, walk.modules)
            whole += walk.complete
            fit += walk.complete and len(loops) in (depth, depth + 1)
            assert not loops or walk.loop == loops[0]
        assert fit >= 0.95 * whole > 50, build
        stops.close()


def test_the_frame_with_the_mark_is_an_evaluation_loops(stops):
    """It is the same function of the interpreter each time, and the innermost one of the stack.

    So is the one that is told by its name, where there are no marks.
    """
    functions = set()
    entering = 0
    for registers, stack, mark in stops.many(100):
        walk = stops.unwinder.walk(registers, stack, mark, whole=True)
        if walk.loop < 0:
            continue
        found = [
            module.frames.function(pc - (number > 0)) if module is not None and module.frames else None
            for number, (pc, module) in enumerate(zip(walk.pcs, walk.modules, strict=True))
        ]
        assert walk.modules[walk.loop].kind == "runtime"
        functions.add(found[walk.loop])
        # One further in is just being entered, or left: it has no mark yet.
        entering += found[walk.loop] in found[: walk.loop]
    assert entering <= 5
    # A loop that was split has its parts.
    assert 1 <= len(functions) <= 3
