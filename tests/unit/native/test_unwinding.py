"""Unwinding of stacks made by hand, by the usual way and the general one."""

from __future__ import annotations

import struct

import pytest
from cfi_builder import CODE, SIZE, make, sleb
from fake_memory import FakeMemory
from fake_modules import FakeModule, FakeModules
from hypothesis import given, settings
from hypothesis import strategies as st

from livetop.native.copied import Copied
from livetop.native.unwind import MAX_FRAMES, Unwinder, Walk
from livetop.target.registers import X86_64, Registers

LOW = 0x7FF0_0000
# Python regions lie before the stack in the same buffer.
BEFORE = 64

# Functions by number: frames of a fixed size, one with a frame pointer, one whose CFA is an expression, one
# whose CFA hangs on rbx, one that saves rbx, and the thread's first.
SMALL, LARGE, FRAMED, EXPRESSION, BY_RBX, SAVES_RBX, FIRST, SIGNAL = range(8)
SIZES = {SMALL: 16, LARGE: 512, FRAMED: 64, EXPRESSION: 48, BY_RBX: 80, SAVES_RBX: 32, FIRST: 64}
PROGRAMS = (
    bytes([0x0E, 16]),
    bytes([0x0E, 0x80, 4]),
    bytes([0x0E, 16, 0x86, 2, 0x0D, 6]),
    bytes([0x0F, 2, 0x77]) + sleb(48),
    bytes([0x0C, 3, 16, 0x83, 2]),
    bytes([0x0E, 32, 0x83, 2]),
    bytes([0x07, 16]),
)
SIMPLE = (SMALL, LARGE, FRAMED)
ANY = (SMALL, LARGE, FRAMED, EXPRESSION, BY_RBX, SAVES_RBX)


class Stack:
    """The stack of a thread in functions `numbers`, innermost first, and what unwinding it must give."""

    def __init__(self, *numbers: int) -> None:
        self.pcs = [CODE + number * SIZE + 0x40 for number in numbers]
        self.cfas: list[int] = []
        at = LOW
        for number in numbers:
            at += SIZES[number]
            self.cfas.append(at)
        self.words: dict[int, int] = {}
        # From the outermost in: what each function finds in rbp and rbx, and where it saves them.
        rbp, rbx = 0, 0x1234
        for index in range(len(numbers) - 1, -1, -1):
            number, cfa = numbers[index], self.cfas[index]
            if index + 1 < len(numbers):
                self.words[cfa - 8] = self.pcs[index + 1]
            if number == FRAMED:
                self.words[cfa - 16] = rbp
                rbp = cfa - 16
            elif number == SAVES_RBX:
                self.words[cfa - 16] = rbx
                rbx = 0xDEAD
            elif number == BY_RBX:
                self.words[cfa - 16] = rbx
                rbx = cfa - 16
        self.end = at
        values = dict.fromkeys(X86_64.names, 0) | {"rip": self.pcs[0], "rsp": LOW, "rbp": rbp, "rbx": rbx}
        self.registers = Registers(self.pcs[0], LOW, -1, tuple(values[name] for name in X86_64.names), rbp)

    def copied(self, size: int = 0) -> Copied:
        """The bytes from the stack pointer on, all or the first `size`."""
        content = bytearray(self.end - LOW)
        for address, word in self.words.items():
            struct.pack_into("<Q", content, address - LOW, word)
        size = size or len(content)
        return Copied(bytearray(BEFORE) + content[:size], BEFORE, LOW, size)


def unwinder(*programs: bytes, memory: FakeMemory | None = None) -> Unwinder:
    made = make(*(programs or PROGRAMS))
    module = FakeModule(frames=made.call_frames())
    return Unwinder(FakeModules(module, len(programs or PROGRAMS)), memory or FakeMemory())


def by_general_way(one: Unwinder, stack: Stack, mark: int = 0) -> Walk:
    walk = Walk()
    one._general(X86_64.numbered(stack.registers), stack.copied(), mark, mark, walk)
    return walk


def valid(walk: Walk) -> None:
    """What holds of every walk, however damaged the stack."""
    assert len(walk.pcs) == len(walk.cfas) == len(walk.modules) <= MAX_FRAMES
    assert walk.cfas == sorted(walk.cfas)
    assert -1 <= walk.loop < max(1, len(walk.pcs))


@given(st.lists(st.sampled_from(ANY), max_size=30), st.data())
def test_every_frame_is_found_and_the_mark_is_in_its_own(numbers, data):
    stack = Stack(*numbers, FIRST)
    one = unwinder()
    walk = one.walk(stack.registers, stack.copied(), 0)
    assert (walk.pcs, walk.cfas) == (stack.pcs, stack.cfas)
    assert walk.complete and not walk.guessed and walk.loop == -1
    mark = data.draw(st.integers(LOW, stack.cfas[-1] - 1))
    within = next(index for index, cfa in enumerate(stack.cfas) if cfa > mark)
    walk = one.walk(stack.registers, stack.copied(), mark)
    valid(walk)
    assert walk.loop == within
    if within < len(numbers):
        assert walk.complete and walk.pcs == stack.pcs[: within + 1]
    whole = one.walk(stack.registers, stack.copied(), mark, whole=True)
    assert whole.loop == within and whole.complete and whole.pcs == stack.pcs


@given(st.lists(st.sampled_from(SIMPLE), max_size=30))
def test_both_ways_agree(numbers):
    stack = Stack(*numbers, FIRST)
    one = unwinder()
    walk = Walk()
    assert one._simple(stack.registers.pc, LOW, stack.registers.fp, stack.copied(), 0, walk)
    other = by_general_way(one, stack)
    assert (walk.pcs, walk.cfas, walk.complete) == (other.pcs, other.cfas, other.complete)
    assert walk.modules == other.modules


def test_a_mark_below_the_stack_pointer_is_on_no_frame():
    stack = Stack(SMALL, SMALL, FIRST)
    walk = unwinder().walk(stack.registers, stack.copied(), LOW - 16)
    valid(walk)
    assert walk.loop == -1 and not walk.complete


def test_what_a_signal_interrupted_stands_where_it_stands():
    """The frame outside a signal's is in the middle of anything, even at the first byte of a function."""
    made = make(*PROGRAMS, bytes([0x0E, 32]), augmentation=b"zRS")
    usual = make(*PROGRAMS)
    functions = len(PROGRAMS) + 1
    handler = FakeModule("libc", "system", made.call_frames())
    one = Unwinder(
        FakeModules(FakeModule(frames=usual.call_frames()), functions, {SIGNAL: handler}), FakeMemory()
    )
    stack = Stack(SMALL, SMALL, FIRST)
    # The signal's frame, of the second function's size, returns to the first byte of the last.
    stack.words[stack.cfas[0] - 8] = CODE + SIGNAL * SIZE + 1
    content = bytearray(stack.copied().buffer)
    struct.pack_into("<Q", content, BEFORE + 16 + 32 - 8, CODE + FIRST * SIZE)
    walk = one.walk(stack.registers, Copied(content, BEFORE, LOW, len(content) - BEFORE), 0)
    assert walk.pcs == [stack.pcs[0], CODE + SIGNAL * SIZE + 1, CODE + FIRST * SIZE]
    assert walk.complete


@pytest.mark.parametrize("by_general", [False, True])
def test_a_function_that_is_just_being_left_has_its_registers_back(by_general):
    """Compilers do not say so: where they were saved lies below the stack pointer by then."""
    made = make(*PROGRAMS, bytes([0x83, 3, 0x86, 2]))
    memory = FakeMemory({LOW - 64: struct.pack("<8Q", *[0xDEAD] * 8)})
    one = Unwinder(FakeModules(FakeModule(frames=made.call_frames()), len(PROGRAMS) + 1), memory)
    stack = Stack(SMALL, FRAMED, BY_RBX, FIRST)
    left = CODE + len(PROGRAMS) * SIZE + 0x40
    # Only its return address is left of its frame.
    low = LOW + 8
    copied = stack.copied()
    values = X86_64.numbered(stack.registers) | {16: left, 7: low}
    registers = Registers(
        left, low, -1, tuple(values.get(_number(name), 0) for name in X86_64.names), stack.registers.fp
    )
    shorter = Copied(copied.buffer, BEFORE + 8, low, copied.end - low)
    walk = Walk()
    if by_general:
        one._general(X86_64.numbered(registers), shorter, 0, 0, walk)
    else:
        walk = one.walk(registers, shorter, 0)
    assert walk.pcs == [left, *stack.pcs[1:]]
    assert walk.cfas == stack.cfas and walk.complete
    assert not memory.reads


def _number(name: str) -> int:
    return X86_64.dwarf.index(name) if name in X86_64.dwarf else -1


# ---------------------------------------------------------------------- stacks that make no sense


def test_a_stack_longer_than_its_copy_ends_where_that_ends():
    stack = Stack(*[SMALL] * 400, FIRST)
    memory = FakeMemory()
    walk = unwinder(memory=memory).walk(stack.registers, stack.copied(100 * 16), 0)
    valid(walk)
    assert not walk.complete
    assert walk.pcs == stack.pcs[: len(walk.pcs)] and len(walk.pcs) >= 100
    assert memory.reads < 200


def test_what_lies_beyond_the_copy_is_not_walked_in_a_thread_that_runs_on():
    """It is the stack of another moment, and each frame of it would cost a read of its own."""
    stack = Stack(*[SMALL] * 4000, FIRST)
    content = stack.copied()
    memory = FakeMemory({LOW: bytes(content.buffer[BEFORE:])})
    walk = unwinder(memory=memory).walk(stack.registers, stack.copied(100 * 16), 0)
    valid(walk)
    assert memory.reads < 200
    assert len(walk.pcs) < 400


def test_frames_without_end_are_given_up():
    """A function without a frame that returns to itself as long as there is stack."""
    one = unwinder(b"", bytes([0x07, 16]))
    size = 8 * (2 * MAX_FRAMES)
    content = bytearray(BEFORE) + struct.pack("<Q", CODE + 0x40) * (size // 8)
    registers = Registers(CODE + 0x40, LOW, -1, (), 0)
    walk = one.walk(registers, Copied(content, BEFORE, LOW, size), 0)
    valid(walk)
    assert not walk.complete


def test_a_chain_of_frame_pointers_that_turns_back_ends():
    stack = Stack(FRAMED, FRAMED, FRAMED, FIRST)
    stack.words[stack.cfas[1] - 16] = LOW + 8
    walk = unwinder().walk(stack.registers, stack.copied(), 0)
    valid(walk)
    assert not walk.complete and len(walk.pcs) <= 4


@pytest.mark.parametrize(
    "program",
    [
        # rbp saved far behind the frame's end, just behind the copy's end, and at the CFA itself.
        bytes([0x0E, 16, 0x11, 6]) + sleb(-(1 << 37)),
        bytes([0x0E, 16, 0x11, 6]) + sleb(-40),
        bytes([0x0E, 16, 0x86, 0]),
        # CFAs that leave no room for a return address, are nowhere, or before the stack.
        bytes([0x0E, 4]),
        bytes([0x0E, 0]),
        bytes([0x0C, 6, 0]),
        bytes([0x0C, 6, 8]),
        bytes([0x12, 7]) + sleb(1 << 40),
        bytes([0x12, 7]) + sleb(-(1 << 40)),
        # A return address behind the CFA.
        bytes([0x0E, 16, 0x11, 16]) + sleb(-3),
    ],
)
@pytest.mark.parametrize("before", [0, BEFORE])
def test_frames_that_cannot_be_are_no_exception(program, before):
    one = unwinder(program, bytes([0x07, 16]))
    content = bytearray(before) + struct.pack("<Q", CODE + 0x40) * 16
    for frame_pointer in (0, LOW - 6, LOW + 1, LOW + 8, (1 << 64) - 8):
        values = tuple(frame_pointer if name == "rbp" else 0 for name in X86_64.names)
        values = tuple(
            CODE + 0x40 if name == "rip" else LOW if name == "rsp" else value
            for name, value in zip(X86_64.names, values, strict=True)
        )
        registers = Registers(CODE + 0x40, LOW, -1, values, frame_pointer)
        for mark in (0, LOW + 8, LOW + 500):
            valid(one.walk(registers, Copied(content, before, LOW, 128), mark))


@settings(max_examples=200)
@given(
    st.lists(st.binary(max_size=24), min_size=1, max_size=4),
    st.lists(
        st.one_of(
            st.integers(CODE, CODE + 5 * SIZE),
            st.integers(LOW - 64, LOW + 600),
            st.integers(0, (1 << 64) - 1),
        ),
        min_size=1,
        max_size=64,
    ),
    st.lists(
        st.one_of(st.integers(LOW - 64, LOW + 600), st.integers(0, (1 << 64) - 1)), min_size=17, max_size=17
    ),
    st.one_of(st.just(0), st.integers(LOW - 8, LOW + 600)),
    st.booleans(),
)
def test_damaged_information_and_stacks_are_no_exception(programs, words, values, mark, whole):
    made = make(*programs)
    memory = FakeMemory({LOW: bytes(4096), CODE: bytes([0xE8] * 4 * SIZE)})
    one = Unwinder(FakeModules(FakeModule(frames=made.call_frames()), 5), memory)
    by_name = dict(zip(X86_64.dwarf, values, strict=True)) | {"rip": CODE + 0x40, "rsp": LOW}
    signed = tuple((by_name.get(name, 0) ^ (1 << 63)) - (1 << 63) for name in X86_64.names)
    content = bytearray(BEFORE) + struct.pack(f"<{len(words)}Q", *words)
    registers = Registers(CODE + 0x40, LOW, -1, signed, by_name["rbp"])
    walk = one.walk(registers, Copied(content, BEFORE, LOW, 8 * len(words)), mark, whole=whole)
    valid(walk)
    assert memory.reads < 20_000
