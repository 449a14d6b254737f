"""Which interrupted system calls are told to start again."""

from __future__ import annotations

import os

import pytest

from livetop.target import stop
from livetop.target.errors import TargetError
from livetop.target.registers import (
    AARCH64,
    X86_64,
    Registers,
    decode,
    restarted,
    told_by_code,
    was_asleep,
)


def register_set(**changed: int) -> tuple[int, ...]:
    return tuple(changed.get(name, index) for index, name in enumerate(X86_64.names))


def test_layout_is_that_of_user_regs_struct():
    # sys/user.h: 27 words.
    assert X86_64.words.size == 27 * 8
    assert [X86_64.names[i] for i in X86_64.indices] == ["rip", "rsp", "orig_rax", "rax"]
    assert X86_64.indices == (16, 19, 15, 10)


def test_an_interrupted_call_restarts_unless_a_handler_runs():
    values = register_set(orig_rax=232, rax=-4)
    changed = X86_64.words.unpack(restarted(X86_64, values))
    assert changed == register_set(orig_rax=232, rax=-514)


@pytest.mark.parametrize(
    "registers",
    [
        {"orig_rax": 232, "rax": 0},
        {"orig_rax": 232, "rax": -11},
        # The kernel restarts these by itself.
        {"orig_rax": 35, "rax": -516},
        {"orig_rax": 0, "rax": -512},
        # No call in progress: rax is the program's own number.
        {"orig_rax": -1, "rax": -4},
        # close() has closed already.
        {"orig_rax": 3, "rax": -4},
    ],
)
def test_everything_else_is_left_alone(registers):
    assert restarted(X86_64, register_set(**registers)) is None


def test_decoding():
    raw = X86_64.words.pack(*register_set(rip=-1, rsp=0x7FFE00000010, orig_rax=-1))
    registers = decode(X86_64, raw)
    assert (registers.pc, registers.sp, registers.system_call) == (2**64 - 1, 0x7FFE00000010, -1)


@pytest.mark.parametrize(
    ("call", "result", "asleep"),
    [
        # EINTR, and the kernel's own numbers for calls that it starts again.
        *((7, result, True) for result in (-4, -512, -513, -514, -516)),
        # It has ended, failed otherwise, or runs: ENOSYS is there while it does.
        *((7, result, False) for result in (0, 5, -11, -38, -515)),
        (0, -512, True),
        # No call: the register is the program's own.
        *((-1, result, False) for result in (-4, -512)),
    ],
)
def test_who_slept_in_a_call_when_it_was_stopped(call, result, asleep):
    registers = decode(X86_64, X86_64.words.pack(*register_set(orig_rax=call, rax=result)))
    assert (registers.system_call, registers.result) == (call, result)
    assert was_asleep(registers) is asleep


def test_registers_by_their_numbers_in_call_frame_information():
    registers = decode(X86_64, X86_64.words.pack(*register_set(rip=0x1000, rsp=0x2000, rbp=-8, rbx=3)))
    numbered = X86_64.numbered(registers)
    # System V ABI for AMD64, figure 3.36: rbx is 3, rbp 6, rsp 7, the return address 16.
    assert len(numbered) == 17
    assert (numbered[3], numbered[6], numbered[7], numbered[16]) == (3, 2**64 - 8, 0x2000, 0x1000)
    assert registers.fp == 2**64 - 8
    # Of a blocked thread only two are known.
    assert X86_64.numbered(Registers(0x1000, 0x2000, 7)) == {16: 0x1000, 7: 0x2000}


SVC, NOP = b"\x01\x00\x00\xd4", b"\x1f\x20\x03\xd5"


def arm_set(**changed: int) -> bytes:
    return AARCH64.words.pack(*(changed.get(name, index) for index, name in enumerate(AARCH64.names)))


def test_layout_is_that_of_user_pt_regs():
    # arch/arm64/include/uapi/asm/ptrace.h: regs[31], sp, pc, pstate.
    assert AARCH64.words.size == 34 * 8
    assert [AARCH64.names.index(name) for name in ("x0", "x29", "x30", "sp", "pc")] == [0, 29, 30, 31, 32]
    registers = decode(AARCH64, arm_set(pc=0xFFFF_8000_1000, sp=0xFFFF_F000_0000, x29=0xFFFF_F000_0040))
    assert (registers.pc, registers.sp, registers.fp) == (
        0xFFFF_8000_1000,
        0xFFFF_F000_0000,
        0xFFFF_F000_0040,
    )
    # "DWARF for the Arm 64-bit Architecture": the registers by their own numbers, then sp.
    numbered = AARCH64.numbered(registers)
    assert (numbered[0], numbered[29], numbered[31]) == (0, 0xFFFF_F000_0040, 0xFFFF_F000_0000)
    assert AARCH64.numbered(Registers(0x1000, 0x2000, -1)) == {32: 0x1000, 31: 0x2000}


@pytest.mark.parametrize(
    ("around", "x0", "call", "result", "asleep"),
    [
        # Behind the instruction: the call is done, or has failed with EINTR.
        (SVC + NOP, 17, 22, 17, False),
        (SVC + NOP, -4, 22, -4, True),
        # At it: the kernel has put it back to start again.
        (NOP + SVC, 5, 22, -514, True),
        # Elsewhere, and where nothing could be read: a number left over in x8 is no call.
        (NOP + NOP, -4, -1, -4, False),
        (b"", -4, -1, -4, False),
    ],
)
def test_where_the_registers_do_not_tell_of_a_call_the_code_does(around, x0, call, result, asleep):
    registers = told_by_code(AARCH64, decode(AARCH64, arm_set(x0=x0, x8=22)), around)
    assert (registers.system_call, registers.result) == (call, result)
    assert was_asleep(registers) is asleep
    # The kernel no longer looks at what is written to x0: nothing is.
    assert restarted(AARCH64, registers.values) is None


def test_code_tells_nothing_where_the_registers_do():
    registers = decode(X86_64, X86_64.words.pack(*register_set(orig_rax=-1)))
    assert told_by_code(X86_64, registers, b"\x0f\x05" * 4) is registers


def test_no_thread_is_stopped_where_its_system_call_could_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "this_architecture", lambda: AARCH64)
    with pytest.raises(TargetError, match=r"on aarch64 .* EINTR"):
        stop.Stopper(os.getpid())
