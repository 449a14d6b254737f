"""Callers of functions without call-frame information, and return addresses that only look like some."""

from __future__ import annotations

import struct

import pytest
from cfi_builder import CODE, SIZE, make
from fake_memory import FakeMemory
from fake_modules import FakeModule, FakeModules

from livetop.native.copied import Copied
from livetop.native.guess import Guess
from livetop.native.unwind import Unwinder
from livetop.target.registers import X86_64, Registers

LOW = 0x7FF0_0000
CALLER, LOOP, FIRST, KERNEL = range(4)
PROGRAMS = (bytes([0x0E, 32]), bytes([0x0E, 64]), bytes([0x07, 16]))
CALL = b"\xe8\x00\x00\x00\x00"


def back(number: int) -> int:
    """An address behind a call in a function."""
    return CODE + number * SIZE + 0x40


def process(others: dict[int, FakeModule] | None = None) -> tuple[Unwinder, FakeMemory]:
    """Three functions with call-frame information, each with a call before `back`, and KERNEL without."""
    code = bytearray(4 * SIZE)
    for number in range(3):
        code[number * SIZE + 0x3B : number * SIZE + 0x40] = CALL
    memory = FakeMemory({CODE: bytes(code)})
    module = FakeModule(frames=make(*PROGRAMS).call_frames())
    kernel = FakeModule("libopenblas", "library")
    return Unwinder(FakeModules(module, 4, {KERNEL: kernel} | (others or {})), memory), memory


def stopped(stack: list[int], **values: int) -> tuple[Registers, Copied]:
    """A thread in KERNEL with these words from its stack pointer on."""
    values = {"rip": CODE + KERNEL * SIZE + 0x100, "rsp": LOW, **values}
    words = tuple(values.get(name, 0) for name in X86_64.names)
    content = struct.pack(f"<{len(stack)}Q", *stack)
    return Registers(values["rip"], LOW, -1, words, values.get("rbp", 0)), Copied(
        content, 0, LOW, len(content)
    )


def frames(room: int, *, false: int = 0) -> tuple[list[int], int]:
    """KERNEL's `room` words, CALLER's 4, LOOP's 8, FIRST's; and an address in LOOP's frame.

    `false`: so many of KERNEL's words look like return addresses, and lead nowhere.
    """
    words = [0] * room
    for number in range(false):
        words[room - 2 - 7 * number] = back(FIRST if number % 2 else CALLER)
    words.append(back(CALLER))
    words += [0, 0, 0, back(LOOP)]
    mark = LOW + 8 * len(words) + 16
    words += [0] * 7 + [back(FIRST)]
    words += [0] * 8
    return words, mark


@pytest.mark.parametrize("whole", [False, True])
def test_the_caller_of_a_kernel_is_found_on_the_way_to_the_mark(whole):
    words, mark = frames(300)
    unwinder, _ = process()
    walk = unwinder.walk(*stopped(words), mark, whole=whole)
    assert walk.complete and walk.guessed
    assert walk.loop == 2
    assert walk.pcs[1:3] == [back(CALLER), back(LOOP)]
    assert walk.modules[0].name == "libopenblas"
    assert walk.cfas[0] == LOW + 8 * 301


def test_a_register_that_keeps_the_callers_stack_pointer_leads_there():
    """Such kernels align the stack and keep the old stack pointer; between lie tens of kilobytes."""
    words, mark = frames(4300)
    unwinder, _ = process()
    # Too far for looking at each word.
    assert not unwinder.walk(*stopped(words), mark).complete
    walk = unwinder.walk(*stopped(words, rbx=LOW + 8 * 4296), mark)
    assert walk.complete and walk.guessed and walk.loop == 2


def test_what_only_looks_like_a_return_address_is_not_taken():
    """Unwinding from there must end in the frame with the mark."""
    words, mark = frames(300, false=20)
    unwinder, _ = process()
    walk = unwinder.walk(*stopped(words), mark)
    assert walk.complete and walk.loop == 2
    assert walk.cfas[0] == LOW + 8 * 301


def test_the_frame_with_the_mark_is_the_interpreters():
    """A word that a library's frame has left behind may lead to the mark, as code made at run time shows."""
    words = [0] * 299 + [back(CALLER), back(LOOP)] + [0] * 7 + [back(FIRST)] + [0] * 8
    mark = LOW + 8 * 301 + 16
    gone = FakeModule("libgone", "library", frames=make(*PROGRAMS).call_frames())
    unwinder, _ = process({CALLER: gone})
    walk = unwinder.walk(*stopped(words), mark)
    assert walk.complete and walk.loop == 1
    assert walk.pcs[1] == back(LOOP)


def test_a_word_that_follows_no_call_is_no_return_address():
    words, mark = frames(300)
    words = [word + 1 if word else 0 for word in words]
    unwinder, _ = process()
    walk = unwinder.walk(*stopped(words), mark)
    assert not walk.complete and len(walk.pcs) == 1
    assert walk.loop == -1


def test_a_kernel_with_a_frame_pointer():
    words, mark = frames(300)
    words[299] = LOW + 8 * 305
    unwinder, _ = process()
    walk = unwinder.walk(*stopped(words, rbp=LOW + 8 * 299), mark)
    assert walk.complete and walk.loop == 2 and walk.cfas[0] == LOW + 8 * 301


def test_stacks_full_of_return_addresses_cost_little():
    """Nothing leads to the mark, which is not on this stack, and everything looks like it might."""
    unwinder, memory = process()
    words = [back(number % 3) for number in range(30_000)]
    walk = unwinder.walk(*stopped(words), LOW + 8 * 40_000)
    assert not walk.complete
    assert memory.reads < 5000
    every = FakeModule("libnothing", "library")
    unwinder, memory = process({CALLER: every, LOOP: every})
    walk = unwinder.walk(*stopped([back(CALLER)] * 30_000), 0)
    assert not walk.complete and memory.reads < 5000


@pytest.mark.parametrize(
    ("code", "is_call"),
    [
        (b"\xe8\x01\x02\x03\x04", True),
        (b"\xff\xd0", True),  # call *%rax
        (b"\x41\xff\xd4", True),  # call *%r12
        (b"\xff\x10", True),  # call *(%rax)
        (b"\xff\x50\x08", True),  # call *8(%rax)
        (b"\xff\x54\x24\x08", True),  # call *8(%rsp)
        (b"\xff\x14\xc8", True),  # call *(%rax,%rcx,8)
        (b"\xff\x15\x01\x02\x03\x04", True),  # call *x(%rip)
        (b"\xff\x90\x01\x02\x03\x04", True),  # call *x(%rax)
        (b"\xff\x94\xc8\x01\x02\x03\x04", True),  # call *x(%rax,%rcx,8)
        (b"\xff\x14\xc5\x01\x02\x03\x04", True),  # call *x(,%rax,8)
        (b"\xff\xe0", False),  # jmp *%rax
        (b"\xff\xd0\x90", False),  # a call, and something else
        (b"\xff\x50\x08\x90", False),
        (b"\xff\x94\xc8\x01\x02\x03", False),
        (b"\xe9\x01\x02\x03\x04", False),
        (b"\xe8\x01\x02\x03\x04\x90", False),
        (b"\xff\x30", False),  # push
    ],
)
def test_calls_by_their_bytes(code, is_call):
    memory = FakeMemory({CODE: bytes(16 - len(code)) + code})
    guess = Guess(FakeModules(FakeModule(), 1), memory)
    assert guess.follows_call(CODE + 16) is is_call


def test_calls_are_looked_for_in_code_that_can_be_read_only():
    memory = FakeMemory({CODE + SIZE: CALL * 4, CODE: CALL})
    guess = Guess(FakeModules(FakeModule(), 1), memory)
    # Not code; no instruction before it; known from then on.
    assert not guess.follows_call(CODE + SIZE + 10)
    assert not guess.follows_call(CODE + 5)
    reads = memory.reads
    assert not guess.follows_call(CODE + 5)
    assert memory.reads == reads
