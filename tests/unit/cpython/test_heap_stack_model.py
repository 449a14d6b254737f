"""Stacks of frames on the heap that change at random, read as the sampler does, against what they are."""

from __future__ import annotations

import random
import struct

import pytest
from fake_heap_thread import HEAP, LINES, FakeHeapThread
from fake_target import CODE_TYPE, HEAP_LAYOUTS

from livetop.cpython.code import CodeReader
from livetop.cpython.heap_regions import HeapShape
from livetop.cpython.heap_stack import HeapReader
from livetop.cpython.layout import Layout
from livetop.cpython.limit import CALLERS, WHOLE, Limit
from livetop.cpython.outcome import EMPTY, MISS, TORN, Outcome
from livetop.cpython.tree import Place, StackTree

Stack = list[tuple[int, int]]


class Model:
    """A thread, and the reader that has to keep up with it."""

    def __init__(self, layout: Layout, seed: int, limit: Limit = WHOLE) -> None:
        self.chance = random.Random(seed)
        self.thread = FakeHeapThread(layout, self.chance)
        self.memory = self.thread.memory
        self.tree = StackTree(CodeReader(self.memory, layout, CODE_TYPE))
        self.reader = HeapReader(self.memory, HeapShape(layout), self.tree, self.thread.address, limit)

    def change(self) -> None:
        """One step of the target."""
        thread, chance = self.thread, self.chance
        step, depth = chance.random(), len(thread.frames)
        code, line = chance.choice(thread.codes), chance.randrange(LINES)
        if not depth or (step < 0.35 and depth < 60):
            thread.call(code, line)
        elif step < 0.45 and depth < 60:
            thread.resume(code, line)
        elif step < 0.75:
            thread.leave()
        else:
            thread.move(line)

    def fetch(self, double: bool, at: int = 0, steps: int = 0) -> tuple[bytearray, int] | None:
        """Read like a vectored read, changing the target before region `at` of the list."""
        reader = self.reader
        flat = reader.regions if double else reader.single
        regions = list(zip(flat[::2], flat[1::2], strict=True))
        parts = self.memory.read_many(regions[:at])
        for _ in range(steps):
            self.change()
        parts += self.memory.read_many(regions[at:])
        if None in parts:
            return None
        base = self.chance.choice([0, 24, 4096])
        buffer = bytearray(bytes(base) + b"".join(part or b"" for part in parts))
        assert len(buffer) - base == (reader.size if double else reader.single_size)
        return buffer, base

    def sample(self, double: bool) -> Place | Outcome:
        """What the sampler does while the target stands still: lay out anew when the stack has moved away."""
        outcome: Place | Outcome = MISS
        for _ in range(4):
            got = self.fetch(double)
            if got is not None:
                outcome = self.reader.parse(*got, double)
                if outcome is not MISS:
                    break
            assert self.reader.lay_out()
        return outcome

    def seen(self, outcome: Place | Outcome) -> Stack:
        """A stack as the thread's truth is given; [] for an empty one."""
        if outcome is EMPTY:
            return []
        assert type(outcome) is Place, outcome
        return [(code.address, line - code.first_line) for code, line in outcome.frames()]


@pytest.fixture(params=HEAP_LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return HEAP_LAYOUTS[request.param]


@pytest.mark.parametrize("seed", range(3))
def test_every_sample_of_a_stack_that_stands_still_is_the_stack(layout: Layout, seed: int) -> None:
    model = Model(layout, seed)
    for step in range(300):
        for _ in range(model.chance.choice([0, 1, 1, 2, 5, 30])):
            model.change()
        if model.chance.random() < 0.01:
            model.tree.reset()
        # The order matters: what one kind of sample has learned is used by the next.
        for double in model.chance.choice([(True,), (False,), (True, False), (False, True)]):
            found = model.sample(double)
            assert model.seen(found) == model.thread.truth(), (step, double)
            assert model.reader.depth == len(model.thread.truth()), step
            frames = [frame.address for frame in reversed(model.thread.frames)]
            assert not frames or model.reader.frames() == frames


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_that_is_accepted_while_the_thread_runs_was_its_stack(layout: Layout, seed: int) -> None:
    model = Model(layout, 100 + seed)
    accepted = torn = 0
    for step in range(500):
        if model.chance.random() < 0.3:
            model.sample(model.chance.random() < 0.5)
        before = model.thread.truth()
        at = model.chance.randrange(len(model.reader.regions) // 2 + 1)
        got = model.fetch(True, at, model.chance.choice([0, 1, 1, 2, 3, 8, 40]))
        after = model.thread.truth()
        outcome = model.reader.parse(*got, True) if got is not None else MISS
        if outcome is TORN or outcome is MISS:
            torn += 1
            continue
        accepted += 1
        seen = model.seen(outcome)
        # Where the innermost frame stands may be of either moment; who called it must be one stack.
        depth = len(seen)
        stacks = before[-depth:], after[-depth:]
        assert seen[1:] in (stack[1:] for stack in stacks), (step, at)
        assert seen[:1] in (stack[:1] for stack in stacks), (step, at)
        assert not seen or seen[0][0] in (before[0][0], after[0][0])
    assert accepted > 50
    assert torn > 50


@pytest.mark.parametrize("depth", [1500, 2000])
def test_deep_stacks(layout: Layout, depth: int) -> None:
    model = Model(layout, 0)
    thread = model.thread
    for _ in range(depth):
        thread.call(model.chance.choice(thread.codes), model.chance.randrange(LINES))
    for double in (True, False, True):
        assert model.seen(model.sample(double)) == thread.truth()
    # What lies far out is read once.
    assert len(model.reader.regions) // 2 < depth + 500
    for _ in range(depth - 10):
        thread.leave()
    assert model.seen(model.sample(True)) == thread.truth()
    # After a while less is read again.
    for _ in range(100):
        model.sample(True)
    assert len(model.reader.regions) // 2 < 150


def test_a_caller_that_is_new_is_missed_and_then_known_after_a_short_look(layout: Layout) -> None:
    model = Model(layout, 0)
    thread, reader = model.thread, model.reader
    for code in thread.codes[:4]:
        thread.call(code, 3)
    assert model.seen(model.sample(False)) == thread.truth()
    for _ in range(30):
        for code in thread.codes[4:]:
            thread.call(code, 5)
        got = model.fetch(False)
        assert got is not None
        known = reader.covers(*got)
        if not known:
            assert reader.lay_out(follow=False)
            got = model.fetch(False)
            assert got is not None and reader.covers(*got)
        assert model.seen(reader.parse(*got, False)) == thread.truth()
        for _ in range(3):
            thread.leave()
        # Other memory the next time.
        thread._zombies.clear()
    assert len(reader.regions) // 2 < 600


def test_memory_that_was_given_back_is_forgotten(layout: Layout) -> None:
    model = Model(layout, 0)
    thread = model.thread
    thread.call(thread.codes[0])
    elsewhere = 0x50000000
    model.memory.segments[elsewhere] = thread.heap[:4096]
    thread.call(thread.codes[1])
    assert model.seen(model.sample(True)) == thread.truth()
    inner = thread.frames[1].address
    thread.leave()
    model.reader._slots[elsewhere] = (0, 0, 0)
    model.reader._assemble(list(model.reader._slots), [])
    assert elsewhere + model.reader._shape.low in model.reader.regions
    del model.memory.segments[elsewhere]
    assert model.fetch(True) is None
    assert model.seen(model.sample(True)) == thread.truth()
    assert elsewhere + model.reader._shape.low not in model.reader.regions
    assert inner not in model.reader.frames()


def test_only_frames_that_run_are_believed_of_a_running_thread(layout: Layout) -> None:
    model = Model(layout, 0)
    thread = model.thread
    for code in thread.codes[:4]:
        thread.call(code, 3)
    for frame in thread.frames:
        assert model.seen(model.sample(True)) == thread.truth()
        thread._mark(frame, running=False)
        assert model.sample(True) is TORN
        # One that stands still is what it is: a generator that another one's throw() passes by.
        assert model.seen(model.sample(False)) == thread.truth()
        thread._mark(frame, running=True)


def test_a_frame_that_unwinds_calls_destructors() -> None:
    layout = HEAP_LAYOUTS["3.10"]
    model = Model(layout, 0)
    thread = model.thread
    for code in thread.codes[:3]:
        thread.call(code, 3)
    assert layout.frame_state is not None
    struct.pack_into("<b", thread.heap, thread.frames[1].address - HEAP + layout.frame_state, 2)
    assert model.seen(model.sample(True)) == thread.truth()


def test_frames_that_another_thread_uses_by_now_are_left_out(layout: Layout) -> None:
    model = Model(layout, 0)
    thread = model.thread
    thread.call(thread.codes[0], 1)
    thread.call(thread.codes[1], 1)
    model.sample(True)
    gone = thread.frames[1]
    thread.leave()
    assert model.seen(model.sample(True)) == thread.truth()
    for _ in range(40):
        first = model.fetch(True)
        thread._mark(gone, running=True)
        second = model.fetch(True)
        thread._mark(gone, running=False)
        assert first is not None and second is not None
        middle = model.reader._heads + 8
        both = first[0][: first[1] + middle] + second[0][second[1] + middle :]
        outcome = model.reader.parse(both, first[1], True)
        if outcome is MISS:
            assert model.reader.lay_out()
            break
        assert outcome is TORN
    assert gone.address + model.reader._shape.low not in model.reader.regions


def test_a_frame_that_would_have_called_two_at_once_is_of_another_instant(layout: Layout) -> None:
    model = Model(layout, 0)
    thread = model.thread
    for code in thread.codes[:2]:
        thread.call(code, 1)
    model.sample(True)
    gone = thread.frames[1]
    thread.leave()
    thread.call(thread.codes[2], 2)
    assert model.seen(model.sample(True)) == thread.truth()
    thread._mark(gone, running=True)
    assert model.sample(True) is TORN
    assert model.sample(True) is TORN
    # A parked greenlet's runs, too, and was called by nobody.
    thread.point(gone.address, 0)
    assert model.seen(model.sample(True)) == thread.truth()
    # Whatever else has got its memory, it is not in the way for ever.
    thread.point(gone.address, thread.frames[0].address)
    model.reader.forget()
    for _ in range(40):
        outcome = model.sample(True)
    assert model.seen(outcome) == thread.truth()
    assert gone.address not in model.reader._slots


def test_a_cycle_of_frames_ends(layout: Layout) -> None:
    model = Model(layout, 0)
    thread = model.thread
    for code in thread.codes:
        thread.call(code)
    assert model.seen(model.sample(True)) == thread.truth()
    for inner in (1, 4, 7):
        thread.point(thread.frames[0].address, thread.frames[inner].address)
        model.reader.forget()
        assert model.sample(True) is TORN
        assert model.sample(False) is TORN
        thread.point(thread.frames[0].address, 0)
        assert model.seen(model.sample(True)) == thread.truth()


def test_a_chain_without_end_is_cut(layout: Layout) -> None:
    model = Model(layout, 0)
    o, thread = layout, model.thread
    thread.call(thread.codes[0])
    count = WHOLE.most + 100
    endless = 0x60000000
    content = bytearray(128 * count + 256)
    for number in range(count):
        struct.pack_into("<Q", content, 128 * number + o.frame_previous, endless + 128 * (number + 1))
        struct.pack_into("<Q", content, 128 * number + o.frame_code, thread.codes[0])
    model.memory.segments[endless] = bytes(content)
    thread.point(thread.frames[0].address, endless)
    # What is asked for ends, and what was not read is not made up.
    outcome = model.sample(False)
    assert type(outcome) is Place
    assert outcome.frames()[-1][0] is CALLERS
    assert len(outcome.frames()) == WHOLE.kept + 1
    assert len(model.reader.regions) // 2 < WHOLE.kept + 500


LIMIT = Limit(40, 20, 6)


@pytest.mark.parametrize("seed", range(4))
def test_of_a_stack_beyond_the_limit_the_innermost_frames_are_seen(layout: Layout, seed: int) -> None:
    model = Model(layout, seed, LIMIT)
    thread = model.thread
    cuts = wholes = 0
    for step in range(400):
        # Up to a great depth and down again, over and over.
        for _ in range(model.chance.choice([0, 1, 1, 5, 30])):
            model.change()
        for _ in range(model.chance.choice([0, 0, 0, 5, 60])):
            if step % 80 < 40 and len(thread.frames) < 300:
                thread.call(model.chance.choice(thread.codes), 3)
            elif step % 80 >= 40 and thread.frames:
                thread.leave()
        if model.chance.random() < 0.01:
            model.tree.reset()
        outcome = model.sample(model.chance.random() < 0.5)
        truth = thread.truth()
        if type(outcome) is Place and outcome.frames()[-1][0] is CALLERS:
            seen = [(code.address, (line - 1) % 100) for code, line in outcome.frames()[:-1]]
            assert LIMIT.least <= len(seen) < len(truth), step
            assert [address for address, _ in seen] == [code for code, _ in truth[: len(seen)]], step
            frames = [frame.address for frame in reversed(thread.frames)]
            assert model.reader.frames() == frames[: len(seen)]
            cuts += 1
        else:
            assert model.seen(outcome) == truth, step
            wholes += 1
        assert model.reader.depth <= LIMIT.most + 1
    assert cuts > 20
    assert wholes > 20


def test_a_thread_without_frames_is_empty(layout: Layout) -> None:
    model = Model(layout, 0)
    assert model.sample(True) is EMPTY
    model.thread.call(model.thread.codes[0])
    model.thread.leave()
    assert model.sample(True) is EMPTY
    assert model.reader.depth == 0
