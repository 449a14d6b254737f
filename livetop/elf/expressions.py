"""DWARF expressions as .eh_frame has them: procedure linkage tables, realigned stacks, signal frames.

Opcodes are those of DWARF 5, 7.7.1. What only debug information has (locations, types, calls) is left out.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from .errors import CfiError
from .pointers import MASK, sleb, uleb

Registers = Callable[[int], int | None] | Mapping[int, int]
ReadWord = Callable[[int], int | None]

_MAX_STACK: Final = 64
_MAX_STEPS: Final = 256


class _Unknown(Exception):
    """A value is not known: a register or word that cannot be had, or an expression that makes no sense."""


def evaluate(
    expression: bytes,
    registers: Registers,
    read_word: ReadWord,
    cfa: int | None = None,
    limit: int = _MAX_STEPS,
) -> int | None:
    """Return what a DWARF expression gives, a number of 64 bits; None when it cannot be known.

    `registers` gives a register of the frame by its DWARF number (the pc is one: 16 on x86-64), `read_word`
    the 8 bytes at an address; both None for what they do not know. `cfa` is on the stack when the expression
    begins, as for registers' rules; None for a rule that gives the CFA itself. At most `limit` operations.
    """
    state = _State(
        expression,
        registers.get if isinstance(registers, Mapping) else registers,
        read_word,
        [] if cfa is None else [cfa & MASK],
    )
    try:
        return _run(state, limit)
    except (_Unknown, CfiError, IndexError, KeyError, ZeroDivisionError, struct.error):
        # Each is an expression that is damaged or asks for what is not known: there is no value either way.
        return None


class _State(NamedTuple):
    code: bytes
    register: Callable[[int], int | None]
    word: ReadWord
    stack: list[int]

    def get(self, register: int) -> int:
        value = self.register(register)
        if value is None:
            raise _Unknown
        return value

    def load(self, address: int, size: int = 8) -> int:
        value = self.word(address)
        if value is None or not 0 < size <= 8:
            raise _Unknown
        return value & (1 << 8 * size) - 1


def _run(state: _State, limit: int) -> int:
    code, stack = state.code, state.stack
    at = 0
    for _ in range(limit):
        if at == len(code):
            return stack[-1]
        opcode = code[at]
        at += 1
        if 0x30 <= opcode <= 0x4F:
            stack.append(opcode - 0x30)
        elif 0x70 <= opcode <= 0x8F:
            offset, at = sleb(code, at)
            stack.append(state.get(opcode - 0x70) + offset & MASK)
        elif opcode in _BINARY:
            second = stack.pop()
            stack[-1] = _BINARY[opcode](stack[-1], second) & MASK
        elif opcode in _UNARY:
            stack[-1] = _UNARY[opcode](stack[-1]) & MASK
        elif opcode in _CONSTANTS:
            form = _CONSTANTS[opcode]
            stack.append(form.unpack_from(code, at)[0] & MASK)
            at += form.size
        else:
            at = _OTHERS[opcode](state, at)
        if len(stack) > _MAX_STACK or not 0 <= at <= len(code):
            raise _Unknown
    raise _Unknown


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _compare(test: Callable[[int, int], bool]) -> Callable[[int, int], int]:
    return lambda first, second: int(test(_signed(first), _signed(second)))


def _divide(first: int, second: int) -> int:
    # Towards zero, as C does; Python's // goes down.
    dividend, divisor = _signed(first), _signed(second)
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


_BINARY: Final[dict[int, Callable[[int, int], int]]] = {
    0x1A: operator.and_,
    0x1B: _divide,
    0x1C: operator.sub,
    0x1D: operator.mod,
    0x1E: operator.mul,
    0x21: operator.or_,
    0x22: operator.add,
    # Shifts by 64 and more leave nothing; Python would build the number.
    0x24: lambda first, second: first << second if second < 64 else 0,
    0x25: lambda first, second: first >> second if second < 64 else 0,
    0x26: lambda first, second: _signed(first) >> min(second, 63),
    0x27: operator.xor,
    0x29: _compare(operator.eq),
    0x2A: _compare(operator.ge),
    0x2B: _compare(operator.gt),
    0x2C: _compare(operator.le),
    0x2D: _compare(operator.lt),
    0x2E: _compare(operator.ne),
}

_UNARY: Final[dict[int, Callable[[int], int]]] = {
    0x19: lambda value: abs(_signed(value)),
    0x1F: operator.neg,
    0x20: operator.invert,
}

# DW_OP_addr, and DW_OP_const1u to DW_OP_const8s.
_CONSTANTS: Final = {0x03: struct.Struct("<Q")} | {
    0x08 + index: struct.Struct("<" + letter) for index, letter in enumerate("BbHhIiQq")
}
_OFFSET = struct.Struct("<h")


def _constu(state: _State, at: int) -> int:
    value, at = uleb(state.code, at)
    state.stack.append(value & MASK)
    return at


def _consts(state: _State, at: int) -> int:
    value, at = sleb(state.code, at)
    state.stack.append(value & MASK)
    return at


def _plus_uconst(state: _State, at: int) -> int:
    value, at = uleb(state.code, at)
    state.stack[-1] = state.stack[-1] + value & MASK
    return at


def _deref(state: _State, at: int) -> int:
    state.stack[-1] = state.load(state.stack[-1])
    return at


def _deref_size(state: _State, at: int) -> int:
    state.stack[-1] = state.load(state.stack[-1], state.code[at])
    return at + 1


def _bregx(state: _State, at: int) -> int:
    register, at = uleb(state.code, at)
    offset, at = sleb(state.code, at)
    state.stack.append(state.get(register) + offset & MASK)
    return at


def _pick(state: _State, index: int) -> None:
    if index >= len(state.stack):
        raise _Unknown
    state.stack.append(state.stack[-1 - index])


def _dup(state: _State, at: int) -> int:
    _pick(state, 0)
    return at


def _over(state: _State, at: int) -> int:
    _pick(state, 1)
    return at


def _pick_any(state: _State, at: int) -> int:
    _pick(state, state.code[at])
    return at + 1


def _drop(state: _State, at: int) -> int:
    state.stack.pop()
    return at


def _swap(state: _State, at: int) -> int:
    state.stack[-2:] = [state.stack[-1], state.stack[-2]]
    return at


def _rotate(state: _State, at: int) -> int:
    # The top becomes the third.
    state.stack[-3:] = [state.stack[-1], state.stack[-3], state.stack[-2]]
    return at


def _skip(state: _State, at: int) -> int:
    return at + 2 + int(_OFFSET.unpack_from(state.code, at)[0])


def _branch(state: _State, at: int) -> int:
    return _skip(state, at) if state.stack.pop() else at + 2


def _nothing(_state: _State, at: int) -> int:
    return at


_OTHERS: Final[dict[int, Callable[[_State, int], int]]] = {
    0x06: _deref,
    0x10: _constu,
    0x11: _consts,
    0x12: _dup,
    0x13: _drop,
    0x14: _over,
    0x15: _pick_any,
    0x16: _swap,
    0x17: _rotate,
    0x23: _plus_uconst,
    0x28: _branch,
    0x2F: _skip,
    0x92: _bregx,
    0x94: _deref_size,
    0x96: _nothing,
}
