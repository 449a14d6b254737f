"""Which interrupted system calls are told to start again."""

from __future__ import annotations

import pytest

from livetop.target.registers import X86_64, decode, restarted


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
