"""The program of a function's call-frame information: which rules hold at which of its instructions.

The instructions are those of DWARF 5, 6.4.2, and the GNU and AArch64 additions that occur in .eh_frame.
Rows are kept as tuples while the program runs, and become `Row` objects when they are asked for: most of a
function's rows never are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from .cfi_rules import UNDEFINED, Cie, Rule, State
from .errors import CfiError
from .machines import Machine
from .pointers import Read, pointer, sleb, uleb

# Real functions nest two deep; x86-64 has fewer than 130 numbered registers, of which a function saves eight.
_MAX_REMEMBERED = 64
_MAX_REGISTER = 255
# Rows and rules copied for them, for one function: OpenBLAS's largest has about 1,500.
_MAX_COST = 1 << 16


class RowProgram:
    """Runs the instructions of an entry. `starts` and `states` are its rows, made by `run`.

    Work is bounded by the number of bytes: each instruction takes at least one. `cost` is what the rows
    take in memory, in rules.
    """

    def __init__(
        self,
        data: bytes,
        address: int,
        read: Read,
        cie: Cie,
        machine: Machine,
        location: int,
    ) -> None:
        """`data` is the whole entry, which lies at `address`; it begins with what its CIE left."""
        self.data = data
        self.address = address
        self.read = read
        self.cie = cie
        self.handlers = _SIGNING if machine.signs_return_addresses else _HANDLERS
        self.code_alignment = cie.code_alignment
        self.initial = cie.initial[3]
        self.location = location
        self.set_state(cie.initial)
        self.remembered: list[State] = []
        self.starts: list[int] = []
        self.states: list[State] = []
        self.cost = 0
        self.at = 0

    def run(self, at: int) -> None:
        """Run the instructions from `at` to the end of the entry. Raises CfiError."""
        data = self.data
        end = len(data)
        data_alignment = self.cie.data_alignment
        handlers = self.handlers
        try:
            while at < end:
                opcode = data[at]
                at += 1
                high = opcode & 0xC0
                if high == 0x40:
                    self.advance(opcode & 63)
                elif high == 0x80:
                    factored = data[at]
                    at += 1
                    if factored > 127:
                        factored, at = uleb(data, at - 1)
                    self.set_rule(opcode & 63, factored * data_alignment)
                elif high:
                    self.restore(opcode & 63)
                elif opcode == 0x0E and data[at] < 128:
                    self.cfa_offset = data[at]
                    at += 1
                elif opcode:
                    self.at = at
                    handlers[opcode](self)
                    at = self.at
        except KeyError:
            raise CfiError(f"call-frame information with an unknown instruction {data[at - 1]:#x}") from None
        except (IndexError, struct.error):
            raise CfiError("damaged call-frame information: an entry that ends too early") from None
        self.keep()

    def state(self) -> State:
        """What holds at `location`."""
        return (
            self.cfa_register,
            self.cfa_offset,
            self.cfa_expression,
            self.saved,
            self.args_size,
            self.signed,
        )

    def set_state(self, state: State) -> None:
        """Have `state` hold from `location` on."""
        (
            self.cfa_register,
            self.cfa_offset,
            self.cfa_expression,
            self.saved,
            self.args_size,
            self.signed,
        ) = state
        self.owned = False

    def keep(self) -> None:
        """Make the row that begins at `location`."""
        self.starts.append(self.location)
        self.states.append(self.state())
        self.owned = False
        self.cost += 1
        if self.cost > _MAX_COST:
            raise CfiError("damaged call-frame information: too many rows")

    def advance(self, delta: int) -> None:
        """Go on by `delta` code units."""
        if delta:
            self.keep()
            self.location += delta * self.code_alignment

    def _own(self) -> None:
        self.saved = self.saved.copy()
        self.owned = True
        self.cost += len(self.saved)

    def set_rule(self, register: int, rule: Rule) -> None:
        """From `location` on, `register` of the caller is found by `rule`."""
        if register > _MAX_REGISTER:
            raise CfiError("damaged call-frame information: an impossible register")
        if not self.owned:
            self._own()
        self.saved[register] = rule

    def drop_rule(self, register: int) -> None:
        """From `location` on, `register` is unchanged."""
        if register in self.saved:
            if not self.owned:
                self._own()
            del self.saved[register]

    def restore(self, register: int) -> None:
        """From `location` on, the CIE's rule for `register` holds again."""
        rule = self.initial.get(register)
        if rule is None:
            self.drop_rule(register)
        else:
            self.set_rule(register, rule)

    def uleb(self) -> int:
        """Read an unsigned operand."""
        value, self.at = uleb(self.data, self.at)
        return value

    def sleb(self) -> int:
        """Read a signed operand."""
        value, self.at = sleb(self.data, self.at)
        return value

    def fixed(self, size: int) -> int:
        """Read an operand of `size` bytes."""
        end = self.at + size
        if end > len(self.data):
            raise IndexError
        value = int.from_bytes(self.data[self.at : end], "little")
        self.at = end
        return value

    def block(self) -> bytes:
        """Read an expression."""
        size = self.uleb()
        end = self.at + size
        if end > len(self.data):
            raise IndexError
        value = self.data[self.at : end]
        self.at = end
        return value

    def remember(self) -> None:
        """Put what holds on the stack of states."""
        if len(self.remembered) >= _MAX_REMEMBERED:
            raise CfiError("damaged call-frame information: too many remembered states")
        self.remembered.append(self.state())
        self.owned = False

    def recall(self) -> None:
        """Take what holds from the stack of states. The size of arguments is no part of a state."""
        if not self.remembered:
            raise CfiError("damaged call-frame information: no state to restore")
        args_size = self.args_size
        self.set_state(self.remembered.pop())
        self.args_size = args_size

    def set_location(self) -> None:
        """Go on to an address that is given as a pointer."""
        location, self.at = pointer(self.data, self.at, self.cie.encoding, self.address, self.read)
        if location < self.location:
            raise CfiError("damaged call-frame information: rows that go back")
        if location > self.location:
            self.keep()
            self.location = location

    def define_cfa(self, register: int, offset: int) -> None:
        """The CFA is register + offset."""
        if register > _MAX_REGISTER:
            raise CfiError("damaged call-frame information: an impossible register")
        self.cfa_register = register
        self.cfa_offset = offset
        self.cfa_expression = None

    def define_cfa_expression(self) -> None:
        """The CFA is what an expression gives."""
        self.cfa_expression = self.block()
        self.cfa_register = -1
        self.cfa_offset = 0

    def factored(self, value: int) -> int:
        """Turn an operand into bytes of the stack."""
        return value * self.cie.data_alignment

    def flag_signed(self) -> None:
        """The saved return address begins or ceases to carry a signature."""
        self.signed = not self.signed


def _define_cfa_register(program: RowProgram) -> None:
    program.define_cfa(program.uleb(), program.cfa_offset)


def _set(name: str) -> Callable[[RowProgram], None]:
    """Return what sets an attribute to an unsigned operand."""
    return lambda program: setattr(program, name, program.uleb())


def _define_cfa_offset_sf(program: RowProgram) -> None:
    program.cfa_offset = program.factored(program.sleb())


def _expression(program: RowProgram) -> None:
    program.set_rule(program.uleb(), ("expression", program.block()))


def _value(program: RowProgram) -> None:
    program.set_rule(program.uleb(), ("value", program.block()))


# Operands are read in the order in which Python evaluates arguments: from left to right.
_HANDLERS: Final[dict[int, Callable[[RowProgram], None]]] = {
    0x01: RowProgram.set_location,
    0x02: lambda program: program.advance(program.fixed(1)),
    0x03: lambda program: program.advance(program.fixed(2)),
    0x04: lambda program: program.advance(program.fixed(4)),
    # offset_extended, restore_extended, undefined, same_value, register
    0x05: lambda program: program.set_rule(program.uleb(), program.factored(program.uleb())),
    0x06: lambda program: program.restore(program.uleb()),
    0x07: lambda program: program.set_rule(program.uleb(), UNDEFINED),
    0x08: lambda program: program.drop_rule(program.uleb()),
    0x09: lambda program: program.set_rule(program.uleb(), ("register", program.uleb())),
    0x0A: RowProgram.remember,
    0x0B: RowProgram.recall,
    0x0C: lambda program: program.define_cfa(program.uleb(), program.uleb()),
    0x0D: _define_cfa_register,
    0x0E: _set("cfa_offset"),
    0x0F: RowProgram.define_cfa_expression,
    0x10: _expression,
    # The signed and factored forms: offset_extended_sf, def_cfa_sf, def_cfa_offset_sf
    0x11: lambda program: program.set_rule(program.uleb(), program.factored(program.sleb())),
    0x12: lambda program: program.define_cfa(program.uleb(), program.factored(program.sleb())),
    0x13: _define_cfa_offset_sf,
    # val_offset, val_offset_sf, val_expression
    0x14: lambda program: program.set_rule(
        program.uleb(), ("value_offset", program.factored(program.uleb()))
    ),
    0x15: lambda program: program.set_rule(
        program.uleb(), ("value_offset", program.factored(program.sleb()))
    ),
    0x16: _value,
    # GNU_args_size, GNU_negative_offset_extended
    0x2E: _set("args_size"),
    0x2F: lambda program: program.set_rule(program.uleb(), -program.factored(program.uleb())),
}

# AARCH64_negate_ra_state_with_pc, AARCH64_negate_ra_state; on other machines these numbers mean other things.
_SIGNING: Final = _HANDLERS | {0x2C: RowProgram.flag_signed, 0x2D: RowProgram.flag_signed}
