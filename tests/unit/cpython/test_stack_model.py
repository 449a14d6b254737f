"""Stacks that change at random, read as the sampler reads them, against what they really are."""

from __future__ import annotations

import random

import pytest
from fake_target import CODE_TYPE, LAYOUTS, FakeObjects, FakeThread

from livetop.cpython.code import CodeReader
from livetop.cpython.layout import Layout
from livetop.cpython.limit import CALLERS, WHOLE, Limit
from livetop.cpython.outcome import EMPTY, MISS, TORN, Outcome
from livetop.cpython.shape import Shape
from livetop.cpython.stack import StackReader
from livetop.cpython.tree import Place, StackTree

LINES = 20
Stack = list[tuple[int, int]]


class Model:
    """A thread, and the reader that has to keep up with it."""

    def __init__(self, layout: Layout, seed: int, chunk_size: int, limit: Limit = WHOLE) -> None:
        self.chance = random.Random(seed)
        self.objects = FakeObjects(layout)
        self.codes = [
            self.objects.code(f"f{index}", first_line=100 * index, lines=LINES) for index in range(6)
        ]
        self.thread = FakeThread(self.objects, self.codes, chunk_size)
        self.memory = self.thread.memory
        self.tree = StackTree(CodeReader(self.memory, layout, CODE_TYPE))
        self.reader = StackReader(self.memory, Shape(layout), self.tree, self.thread.address, limit)
        self.most = 60

    def change(self) -> None:
        """One step of the target."""
        thread, chance = self.thread, self.chance
        step = chance.random()
        depth = len(thread.frames)
        code, line = chance.choice(self.codes), chance.randrange(LINES)
        if step < 0.3 and depth < self.most:
            thread.call(code, line, chance.choice([80, 96, 240, 1200]))
        elif step < 0.4 and depth < self.most:
            # Python code is never entered but by a call or from C.
            if not depth:
                thread.call(code, line)
            thread.resume(code, line)
        elif step < 0.45 and depth < self.most:
            thread.enter()
            if thread.layout.version >= (3, 12):
                thread.call(code, line)
        elif step < 0.75 and depth:
            thread.leave()
            self._return_to_c()
        elif depth:
            thread.move(line)
        thread.scribble(chance)

    def _return_to_c(self) -> None:
        """An entry frame is never the innermost for longer than an instant."""
        while self.thread.frames and not self.thread.frames[-1].code:
            self.thread.leave()

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
        return bytearray(bytes(base) + b"".join(part or b"" for part in parts)), base

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

    def regions(self) -> int:
        return len(self.reader.regions) // 2


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


@pytest.mark.parametrize("chunk_size", [1536, 16384])
@pytest.mark.parametrize("seed", range(3))
def test_every_sample_of_a_stack_that_stands_still_is_the_stack(
    layout: Layout, seed: int, chunk_size: int
) -> None:
    model = Model(layout, seed, chunk_size)
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


@pytest.mark.parametrize("chunk_size", [1536, 16384])
@pytest.mark.parametrize("seed", range(3))
def test_a_sample_that_is_accepted_while_the_thread_runs_was_its_stack(
    layout: Layout, seed: int, chunk_size: int
) -> None:
    model = Model(layout, 100 + seed, chunk_size)
    accepted = torn = 0
    for step in range(400):
        if model.chance.random() < 0.3:
            model.sample(model.chance.random() < 0.5)
        before = model.thread.truth()
        at = model.chance.randrange(model.regions() + 1)
        got = model.fetch(True, at, model.chance.choice([0, 1, 1, 2, 3, 8, 40]))
        after = model.thread.truth()
        outcome = model.reader.parse(*got, True) if got is not None else MISS
        if outcome is TORN or outcome is MISS:
            torn += 1
            continue
        accepted += 1
        seen = model.seen(outcome)
        # Where the innermost frame stands may be of either moment; who called it must be one stack.
        assert seen[1:] in (before[1:], after[1:]), (step, at)
        assert seen[:1] in (before[:1], after[:1]), (step, at)
    assert accepted > 50
    assert torn > 50


def test_a_stack_that_does_not_end_with_its_base_is_torn() -> None:
    model = Model(LAYOUTS["3.15"], 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    thread.call(model.codes[1])
    thread.point(thread.frames[0].address, 0)
    assert model.sample(False) is TORN
    thread.point(thread.frames[0].address, thread._bottom)
    assert model.seen(model.sample(False)) == thread.truth()


def test_a_thread_without_frames_is_empty(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    assert model.sample(True) is EMPTY
    model.thread.call(model.codes[0])
    model.thread.leave()
    assert model.sample(True) is EMPTY
    assert model.reader.depth == 0


@pytest.mark.parametrize("depth", [1200])
def test_a_deep_stack_over_many_chunks(layout: Layout, depth: int) -> None:
    model = Model(layout, 0, 16384)
    for _ in range(depth):
        model.thread.call(model.chance.choice(model.codes), model.chance.randrange(LINES))
    assert model.seen(model.sample(True)) == model.thread.truth()
    for _ in range(depth // 2):
        model.thread.leave()
    assert model.seen(model.sample(True)) == model.thread.truth()


@pytest.mark.parametrize("count", [10, 100, 350])
def test_a_chain_of_generators_outside_the_chunks(layout: Layout, count: int) -> None:
    model = Model(layout, 0, 16384)
    model.thread.call(model.codes[0])
    model.chance.shuffle(model.thread._free)
    for _ in range(count):
        model.thread.resume(model.chance.choice(model.codes), model.chance.randrange(LINES))
    for double in (True, False):
        assert model.seen(model.sample(double)) == model.thread.truth()
    assert model.regions() < 1024


def test_coroutines_that_were_never_seen_are_read_after_one_near_look(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread, reader = model.thread, model.reader
    model.chance.shuffle(thread._free)
    thread.call(model.codes[0])
    for number in range(20):
        for code in model.codes[1:5]:
            thread.resume(code, number % LINES)
        thread.call(model.codes[5])
        got = model.fetch(False)
        # As when a thread stands still: what was read first does not reach them all.
        assert got is not None and not reader.covers(*got)
        assert reader.lay_out(follow=False)
        got = model.fetch(False)
        assert got is not None and reader.covers(*got)
        assert model.seen(reader.parse(*got, False)) == thread.truth()
        # Addresses of coroutines that have ended do not pile up.
        assert model.regions() < 60
        for _ in range(5):
            thread.leave()
        thread._free.insert(0, thread._free.pop())
        model.chance.shuffle(thread._free)


def test_memory_of_a_generator_that_was_given_back(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    thread.resume(model.codes[1])
    thread.call(model.codes[2])
    assert model.seen(model.sample(True)) == thread.truth()
    thread.leave()
    thread.leave()
    assert model.seen(model.sample(True)) == thread.truth()
    # Its slot is kept, as generators are resumed again and again; this one is not.
    del model.memory.segments[thread._heap_base]
    assert model.seen(model.sample(True)) == thread.truth()
    thread.call(model.codes[2])
    assert model.seen(model.sample(False)) == thread.truth()


def test_a_caller_that_differs_between_the_copies_is_torn(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    for code in model.codes[:4]:
        thread.call(code, 3)
    for at in range(model.regions() + 1):
        model.sample(True)
        first = model.fetch(True)
        assert first is not None
        # Back in the caller's caller, which goes to another line and calls what it called before.
        frames = [(frame.code, frame.line) for frame in thread.frames]
        for _ in range(2):
            thread.leave()
        thread.move(thread.frames[-1].line + 1)
        for code, line in frames[-2:]:
            thread.call(code, line)
        second = model.fetch(True)
        assert second is not None
        # The copies are those before and after.
        (before, base), (after, other) = first, second
        middle = base + model.reader._copy
        torn = before[:middle] + after[other + model.reader._copy :]
        assert model.reader.parse(torn, base, True) is TORN, at
        assert model.seen(model.sample(True)) == thread.truth()
        thread.frames[-3].line = thread.frames[-3].line % (LINES - 2)
        thread._stand(thread.frames[-3])


def test_other_code_in_the_innermost_frame_is_torn_but_another_line_is_not(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0], 3)
    thread.call(model.codes[1], 3)
    for code, line, torn in (
        (model.codes[2], 3, True),
        (model.codes[2], 9, False),
        (model.codes[1], 3, True),
    ):
        assert model.seen(model.sample(True)) == thread.truth()
        before = thread.truth()
        first = model.fetch(True)
        thread.leave()
        thread.call(code, line)
        second = model.fetch(True)
        assert first is not None and second is not None
        copy = model.reader._copy
        both = first[0][: first[1] + copy] + second[0][second[1] + copy :]
        outcome = model.reader.parse(both, first[1], True)
        if torn:
            assert outcome is TORN
        else:
            assert model.seen(outcome) == before


def test_a_generator_caller_that_differs_between_the_copies_is_torn(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    thread.resume(model.codes[1], 3)
    thread.call(model.codes[2], 3)
    assert model.seen(model.sample(True)) == thread.truth()
    # Twice: by comparison with what is known, and by a walk that knows nothing.
    for _ in range(2):
        first = model.fetch(True)
        thread.frames[1].line += 1
        thread._stand(thread.frames[1])
        second = model.fetch(True)
        assert first is not None and second is not None
        copy = model.reader._copy
        torn = first[0][: first[1] + copy] + second[0][second[1] + copy :]
        assert model.reader.parse(torn, first[1], True) is TORN
        model.reader.forget()


def test_a_generator_without_caller_is_torn(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    thread.resume(model.codes[1])
    thread.call(model.codes[2])
    thread.point(thread.frames[1].address, 0)
    assert model.sample(True) is TORN
    assert model.sample(False) is TORN
    thread.point(thread.frames[1].address, thread.frames[0].address)
    assert model.seen(model.sample(True)) == thread.truth()


def test_a_cycle_of_frames_ends(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    for code in model.codes:
        thread.call(code)
    assert model.seen(model.sample(True)) == thread.truth()
    thread.point(thread.frames[1].address, thread.frames[4].address)
    # The innermost frame's callers are where they were, so the change has to be found.
    assert model.sample(True) is TORN
    thread.point(thread.frames[1].address, thread.frames[0].address)
    assert model.seen(model.sample(True)) == thread.truth()
    thread.point(thread.frames[5].address, thread.frames[5].address)
    assert model.sample(True) is TORN


def test_a_cycle_through_generators_ends(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    for code in model.codes[1:]:
        thread.resume(code)
    thread.point(thread.frames[1].address, thread.frames[4].address)
    assert model.sample(True) is TORN


def test_a_million_frames_end_bounded(layout: Layout) -> None:
    model = Model(layout, 0, 1 << 17)
    thread = model.thread
    for _ in range(WHOLE.most + 1_000):
        thread.call(model.codes[0], size=80)
    # More than Python code has by accident: the innermost ones.
    outcome = model.sample(False)
    assert type(outcome) is Place
    frames = outcome.frames()
    assert frames.pop()[0] is CALLERS
    assert WHOLE.kept <= len(frames) <= WHOLE.most
    while len(thread.frames) > 15_000:
        thread.leave()
    assert model.seen(model.sample(False)) == thread.truth()


LIMIT = Limit(40, 20, 6)


@pytest.mark.parametrize("seed", range(4))
def test_of_a_stack_beyond_the_limit_the_innermost_frames_are_seen(layout: Layout, seed: int) -> None:
    model = Model(layout, seed, 1536, LIMIT)
    model.most = 300
    thread = model.thread
    cuts = wholes = 0
    for step in range(400):
        # Up to a great depth and down again, over and over.
        for _ in range(model.chance.choice([0, 1, 1, 5, 30])):
            model.change()
        for _ in range(model.chance.choice([0, 0, 0, 5, 60])):
            if step % 80 < 40:
                thread.call(model.chance.choice(model.codes), 3, 80)
            elif thread.frames:
                thread.leave()
                model._return_to_c()
        if model.chance.random() < 0.01:
            model.tree.reset()
        outcome = model.sample(model.chance.random() < 0.5)
        truth = thread.truth()
        if type(outcome) is Place and outcome.frames()[-1][0] is CALLERS:
            seen = [(code.address, line - code.first_line) for code, line in outcome.frames()[:-1]]
            assert LIMIT.least // 2 <= len(seen) < len(truth), step
            assert seen == truth[: len(seen)], step
            cuts += 1
        else:
            assert model.seen(outcome) == truth, step
            wholes += 1
        assert model.reader.depth <= LIMIT.most + 1
    assert cuts > 20
    assert wholes > 20


def test_frames_where_no_memory_is(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    thread.call(model.codes[1])
    thread.point(thread.frames[1].address, 0x123456780000)
    assert model.sample(True) is MISS
    thread.point(thread.frames[1].address, thread.frames[0].address)
    assert model.seen(model.sample(True)) == thread.truth()


def test_a_thread_state_that_is_gone(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    model.thread.call(model.codes[0])
    del model.memory.segments[model.thread.address]
    assert not model.reader.lay_out()
    assert model.fetch(True) is None


def test_regions_stay_within_one_call_whatever_the_memory_says(layout: Layout) -> None:
    chance = random.Random(5)
    model = Model(layout, 5, 1536)
    for _ in range(40):
        for _ in range(20):
            model.change()
        # Words of the thread state and of the chunks turn to garbage or to pointers of any kind.
        pointers = [frame.address for frame in model.thread.frames] + [*model.memory.segments, 0, 1 << 63]
        saved = {address: bytes(data) for address, data in model.memory.segments.items()}
        for address, data in list(model.memory.segments.items()):
            if address == model.thread.address or address >= 0x40000000:
                for _ in range(4):
                    at = chance.randrange(len(data) // 8) * 8
                    value = chance.choice([chance.getrandbits(64), chance.choice(pointers) % (1 << 64)])
                    data[at : at + 8] = value.to_bytes(8, "little")
        model.reader.lay_out()
        assert model.regions() <= 1024
        assert model.reader.size == sum(model.reader.regions[1::2]) < 64 << 20
        for double in (True, False):
            got = model.fetch(double)
            if got is not None:
                model.reader.parse(*got, double)
        for address, content in saved.items():
            model.memory.segments[address][:] = content
    assert model.seen(model.sample(True)) == model.thread.truth()


def test_a_quick_look_at_a_thread_that_stands_still_reads_no_code(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    model.thread.call(model.codes[0])
    model.reader.lay_out(follow=False)
    got = model.fetch(False)
    assert got is not None
    reads = model.memory.reads
    assert model.reader.covers(*got)
    assert model.memory.reads == reads
    assert model.seen(model.reader.parse(*got, False)) == model.thread.truth()


def test_code_replaced_at_its_address_gets_its_new_name(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0])
    thread.call(model.codes[1], 2)
    model.tree.now = 10.0
    old = model.sample(True)
    assert type(old) is Place
    assert [code.name for code, _ in old.frames()] == ["f1", "f0"]
    # Young code is compared at every sample.
    model.objects.code("other", first_line=500, lines=LINES, at=model.codes[1])
    assert not model.tree.confirm(old)
    new = model.sample(True)
    assert type(new) is Place
    assert [(code.name, line) for code, line in new.frames()] == [("other", 502), ("f0", 0)]
    assert model.tree.confirm(new)
    # What has been there for long is compared once a second.
    model.tree.now = 200.0
    assert model.tree.confirm(new)
    model.objects.code("third", first_line=700, lines=LINES, at=model.codes[0])
    assert model.tree.confirm(new)
    replaced = model.tree.verify([new])
    assert [code.name for code in replaced] == ["f0"]
    third = model.sample(True)
    assert type(third) is Place
    assert [(code.name, line) for code, line in third.frames()] == [("other", 502), ("third", 700)]
    # The last stack is not taken for known, though no byte of it has changed.
    assert not model.tree.verify([third])


def test_code_that_overlaps_where_other_code_was(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread, objects = model.thread, model.objects
    thread.call(model.codes[0], 16)
    assert model.seen(model.sample(True)) == thread.truth()
    # The very same instruction address, of another code object.
    thread.leave()
    other = objects.code("other", first_line=500, lines=LINES, at=model.codes[0] + 16)
    lines_before = 16 - 16 // 4
    assert objects.instruction(other, lines_before) == objects.instruction(model.codes[0], 16)
    thread.call(other, lines_before)
    found = model.sample(True)
    assert type(found) is Place
    assert [(code.name, line) for code, line in found.frames()] == [("other", 500 + lines_before)]


def test_an_instruction_outside_its_code_reveals_a_replacement(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    thread = model.thread
    thread.call(model.codes[0], 2)
    model.sample(True)
    thread.leave()
    model.objects.code("longer", first_line=500, lines=LINES, at=model.codes[0])
    size = model.objects.layout.object_size
    model.objects.write(model.codes[0] + size, "<Q", 4 * LINES)
    thread.call(model.codes[0], LINES + 3)
    found = model.sample(True)
    assert type(found) is Place
    assert found.code is not None
    assert found.code.name == "longer"


def test_an_instruction_in_no_code_is_torn(layout: Layout) -> None:
    model = Model(layout, 0, 16384)
    model.thread.call(model.codes[0], 2000)
    assert model.sample(True) is TORN
    model.thread.leave()
    model.thread.call(model.objects.place(bytes(512)), 0)
    assert model.sample(True) is TORN
