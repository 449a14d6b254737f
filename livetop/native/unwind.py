"""C frames of a thread, from copied stack bytes and the target's own call-frame information.

Two ways that agree: a loop for the frames that nearly all are (the caller's stack pointer is the stack or
frame pointer plus a constant), and a general one that knows all registers and DWARF expressions. Where there
is no call-frame information, `guess.py` proposes where the caller is.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable

from livetop.elf.cfi import Row
from livetop.elf.cfi_rules import Rule
from livetop.elf.expressions import evaluate
from livetop.elf.machines import X86_64, Machine, this_machine
from livetop.target.errors import TargetError
from livetop.target.memory import Memory
from livetop.target.registers import ARCHITECTURES, Registers

from .copied import Copied
from .guess import Guess
from .loops import Loops
from .modules import Module, Modules

_word = struct.Struct("<Q").unpack_from

RBP = X86_64.frame_pointer
# A C stack has at most 8 MB as a rule; each frame takes 16 bytes or more.
MAX_FRAMES = 20_000
_MAX_RULES = 50_000
# What only damaged information asks for in numbers, in one stack: expressions, words that are not on the part
# of the stack that was copied, and callers that must be guessed.
_MAX_SPECIAL = 500
_MAX_GUESSES = 8
# A frame that ends this far beyond the copy is no frame.
_LONGEST = 64 << 20

# (whether the frame pointer is the base, offset of the CFA or 0 in a thread's first function, offset of the
# saved frame pointer from the CFA or 0, module)
_Rule = tuple[bool, int, int, Module]


class Walk:
    """C frames, innermost first: `pcs` as they are (return addresses, but for the first), their `modules`
    (None where that is unknown), and `cfas`, the addresses where each one's part of the stack ends.

    `complete`: the frame with the mark was reached, or, where it was asked to go on, the thread's first.
    `loop` is the index of the frame with the mark, -1 if it is not among them.
    """

    __slots__ = ("cfas", "complete", "guessed", "loop", "modules", "pcs")

    def __init__(self) -> None:
        self.pcs: list[int] = []
        self.cfas: list[int] = []
        self.modules: list[Module | None] = []
        self.complete = False
        self.loop = -1
        self.guessed = False
        """Some step was not told by call-frame information."""


class Unwinder:
    """Unwinds the stacks of one process; keeps the rule of each pc that it has met."""

    def __init__(
        self,
        modules: Modules,
        memory: Memory,
        machine: Machine | None = None,
        loops: Loops | None = None,
    ) -> None:
        self.modules = modules
        self.loops = loops
        """Tells evaluation loops where they leave no mark."""
        self._memory = memory
        self._machine = machine = machine or this_machine()
        self._architecture = ARCHITECTURES[machine.name]
        # None: no simple rule, the general way decides.
        self._rules: dict[int, _Rule | None] = {}
        # Both know where x86-64 leaves return addresses, and what a call looks like there.
        self._usual = machine is X86_64
        self._guess = Guess(modules, memory)
        self._special = 0
        """What is left of _MAX_SPECIAL."""

    def forget(self) -> None:
        """Mappings have changed: rules may be others."""
        self._rules.clear()
        self._guess.forget()
        if self.loops is not None:
            self.loops.forget()

    def walk(self, registers: Registers, stack: Copied, mark: int, *, whole: bool = False) -> Walk:
        """Unwind from where a thread stood to the frame with `mark`.

        `mark` is an address on this stack, 0 if there is none; with `whole`, or without a mark, to the end.
        Where evaluation loops leave none they are told by their names.
        """
        walk = Walk()
        if self.loops is not None:
            return self._to_loop(registers, stack, self.loops, whole=whole)
        stop = 0 if whole else mark
        if not (self._usual and self._simple(registers.pc, registers.sp, registers.fp, stack, stop, walk)):
            walk = Walk()
            self._general(self._architecture.numbered(registers), stack, mark, stop, walk)
        if not mark:
            return walk
        loop = bisect_right(walk.cfas, mark)
        if loop < len(walk.cfas) and (walk.cfas[loop - 1] if loop else registers.sp) <= mark:
            walk.loop = loop
        return walk

    def _to_loop(self, registers: Registers, stack: Copied, loops: Loops, *, whole: bool) -> Walk:
        """Unwind to the innermost evaluation loop, or beyond: how far that is only unwinding tells."""
        walk = Walk()
        simple = self._usual and self._simple(registers.pc, registers.sp, registers.fp, stack, 0, walk)
        walk.loop = loops.innermost(walk.pcs, walk.modules)
        if not simple and (whole or walk.loop < 0):
            walk = Walk()
            self._general(self._architecture.numbered(registers), stack, 0, 0, walk)
            walk.loop = loops.innermost(walk.pcs, walk.modules)
        if walk.loop >= 0 and not whole:
            end = walk.loop + 1
            walk.pcs, walk.cfas, walk.modules = walk.pcs[:end], walk.cfas[:end], walk.modules[:end]
            walk.complete = True
        return walk

    # ------------------------------------------------------------------ the usual frames

    def _simple(self, pc: int, sp: int, rbp: int, stack: Copied, mark: int, walk: Walk) -> bool:
        """Unwind as long as frames are simple; False when one is not, or the stack makes no sense.

        Where the copy ends nobody gets further: what lies beyond is the stack of another moment.
        """
        rules, buffer, word = self._rules, stack.buffer, _word
        offset, last = stack.base - stack.low, stack.end - 8
        pcs, cfas, modules = walk.pcs, walk.cfas, walk.modules
        lookup = pc
        for _ in range(MAX_FRAMES):
            try:
                rule = rules[lookup]
            except KeyError:
                rule = self._rule(lookup)
            if rule is None:
                return False
            by_frame, up, saved, module = rule
            if not up:
                pcs.append(pc)
                cfas.append(stack.end)
                modules.append(module)
                walk.complete = not mark
                return walk.complete
            cfa = (rbp if by_frame else sp) + up
            if cfa < sp + 8:
                return False
            pcs.append(pc)
            cfas.append(cfa)
            modules.append(module)
            if mark and cfa > mark:
                walk.complete = sp <= mark
                return walk.complete
            if cfa - 8 > last:
                return cfa - last < _LONGEST
            at = cfa + offset
            (pc,) = word(buffer, at - 8)
            # What lies below the stack pointer was taken back into its register: a function that is just
            # being left.
            if saved and cfa + saved >= sp:
                (rbp,) = word(buffer, at + saved)
            sp = cfa
            lookup = pc - 1
        return False

    def _rule(self, pc: int) -> _Rule | None:
        """Look up the rule of a pc met for the first time."""
        rule: _Rule | None = None
        module = self.modules.find(pc)
        row = self._row(module, pc)
        if module is not None and row is not None and row.ra is None:
            rule = (False, 0, 0, module)
        elif module is not None and row is not None and _is_simple(row):
            rule = (row.cfa_register == RBP, row.cfa_offset, row.rbp or 0, module)
        if len(self._rules) >= _MAX_RULES:
            self._rules.clear()
        # That nothing is known of a pc may change when a file is loaded.
        if row is not None:
            self._rules[pc] = rule
        return rule

    def _row(self, module: Module | None, pc: int) -> Row | None:
        if module is None or module.frames is None:
            return None
        try:
            return module.frames.row(pc)
        except TargetError:
            return None

    # ------------------------------------------------------------------ all others

    def _general(self, registers: dict[int, int], stack: Copied, mark: int, stop: int, walk: Walk) -> None:
        exact = True
        guesses = 0
        number_of_pc, number_of_sp = self._machine.program_counter, self._machine.stack_pointer
        self._special = _MAX_SPECIAL
        for _ in range(MAX_FRAMES):
            pc, sp = registers[number_of_pc], registers[number_of_sp]
            module = self.modules.find(pc - (not exact))
            row = self._row(module, pc - (not exact))
            walk.pcs.append(pc)
            walk.modules.append(module)
            if row is not None and row.ra is None:
                # The thread's first frame: no caller.
                walk.cfas.append(stack.end)
                walk.complete = not stop
                return
            found = None if row is None else self._caller(row, registers, stack)
            if found is None and self._usual and guesses < _MAX_GUESSES:
                guesses += 1
                found = self._guess.caller(registers, stack, mark, self._reaches)
                walk.guessed = True
            # A function that calls nothing may do without a frame where calls push nothing.
            low = sp if self._machine.pushes_return_addresses or len(walk.pcs) > 1 else sp - 1
            if found is None or found[number_of_sp] <= low:
                walk.cfas.append(sp)
                return
            walk.cfas.append(found[number_of_sp])
            if stop and found[number_of_sp] > stop:
                walk.complete = sp <= stop
                return
            exact = row is not None and row.signal
            registers = found

    def _caller(self, row: Row, registers: dict[int, int], stack: Copied) -> dict[int, int] | None:
        """The registers of the calling function, None when they cannot be known."""
        read = self._reader(stack)
        if row.cfa_expression is not None:
            cfa = self._evaluate(row.cfa_expression, registers, read, None)
        else:
            base = registers.get(row.cfa_register)
            cfa = None if base is None else base + row.cfa_offset
        if cfa is None or row.ra is None:
            return None
        if isinstance(row.ra, bytes):
            place = self._evaluate(row.ra, registers, read, cfa)
            back = None if place is None else read(place)
        else:
            back = self._saved(row.ra, registers, read, cfa)
        if not back:
            return None
        machine = self._machine
        caller = {number: registers[number] for number in machine.kept if number in registers}
        sp = registers[machine.stack_pointer]
        for number, how in row.saved.items():
            if isinstance(how, int) and cfa + how < sp:
                # It was taken back already: the function is just being left.
                continue
            value = self._saved(how, registers, read, cfa)
            if value is None:
                caller.pop(number, None)
            else:
                caller[number] = value
        if not (row.signal and machine.stack_pointer in caller):
            caller[machine.stack_pointer] = cfa
        caller[machine.program_counter] = back & machine.address_mask
        return caller

    def _evaluate(
        self, code: bytes, registers: dict[int, int], read: Callable[[int], int | None], cfa: int | None
    ) -> int | None:
        self._special -= 1
        return evaluate(code, registers, read, cfa) if self._special >= 0 else None

    def _saved(
        self, rule: Rule, registers: dict[int, int], read: Callable[[int], int | None], cfa: int
    ) -> int | None:
        """The value that a register had in the caller."""
        if isinstance(rule, int):
            return read(cfa + rule)
        kind, what = rule
        if isinstance(what, bytes):
            value = self._evaluate(what, registers, read, cfa)
            return value if kind == "value" or value is None else read(value)
        if what is None:
            return None
        return registers.get(what) if kind == "register" else cfa + what

    def _reader(self, stack: Copied) -> Callable[[int], int | None]:
        def read(address: int) -> int | None:
            found = stack.word(address)
            if found is None and not stack.low <= address < stack.low + _LONGEST:
                self._special -= 1
                if self._special < 0:
                    return None
                try:
                    found = int.from_bytes(self._memory.read(address, 8), "little")
                except TargetError:
                    return None
            return found

        return read

    def _reaches(self, pc: int, sp: int, rbp: int, stack: Copied, mark: int) -> bool:
        """Whether unwinding from a caller that was guessed ends where it must."""
        walk = Walk()
        if mark:
            if not (self._simple(pc, sp, rbp, stack, mark, walk) and walk.complete):
                return False
            # Frames long gone leave words behind, and one of them may happen to span the mark.
            loop = walk.modules[-1]
            return loop is not None and loop.kind == "runtime"
        self._simple(pc, sp, rbp, stack, 0, walk)
        if self.loops is not None:
            return self.loops.innermost(walk.pcs, walk.modules) >= 0
        row = self._row(walk.modules[-1], walk.pcs[-1] - 1) if walk.pcs else None
        return len(walk.pcs) > 2 and row is not None


def _is_simple(row: Row) -> bool:
    """Whether the usual way can take a row as it is: what it reads lies between stack pointer and CFA."""
    return row.simple and row.ra == -8 and row.cfa_offset > 0 and (row.rbp is None or row.rbp <= -8)
