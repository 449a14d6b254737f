"""The call-frame information of a loaded file: how to go from a function's frame to its caller's.

Entries are read where they lie in memory when a pc asks for them, one function at a time, so that neither the
file nor its section headers are needed. Everything read is untrusted: work and memory are bounded.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from livetop.target.errors import MemoryFault

from .cfi_entries import cie_address, parse_cie, parse_range, read_entry
from .cfi_rows import RowProgram
from .cfi_rules import Cie, Row, Rule, SpecialRule, State, make_row
from .cfi_table import Table, load_table
from .errors import CfiError, ElfError
from .machines import AARCH64, MACHINES, X86_64, Machine
from .pointers import MASK, Read

__all__ = ["AARCH64", "MACHINES", "X86_64", "CallFrames", "CfiError", "Machine", "Row", "Rule", "SpecialRule"]

# A cache that is full is emptied: it fills again in milliseconds. The cost is in rules, of which 1 << 18 are
# about 25 MB; all of libpython's functions together have 1 << 17.
_MAX_CACHED_COST: Final = 1 << 18
_FUNCTION_COST: Final = 8
_MAX_PCS: Final = 1 << 14
_MAX_CIES: Final = 1 << 10


class _Function:
    """A function's decoded entry: row i begins at starts[i], and is a state until it was asked for."""

    __slots__ = ("cie", "end", "rows", "start", "starts")

    def __init__(self, start: int, end: int, cie: Cie, starts: list[int], rows: list[Row | State]) -> None:
        self.start = start
        self.end = end
        self.cie = cie
        self.starts = starts
        self.rows = rows

    def row(self, pc: int, machine: Machine) -> Row:
        """Return the rules at a pc of this function. Raises CfiError."""
        starts = self.starts
        index = bisect_right(starts, pc) - 1
        row = self.rows[index]
        if isinstance(row, tuple):
            end = min(starts[index + 1], self.end) if index + 1 < len(starts) else self.end
            row = make_row(row, (starts[index], end), (self.start, self.end), self.cie, machine)
            self.rows[index] = row
        return row


class CallFrames:
    """The call-frame information of one loaded ELF file, read piece by piece as asked for.

    `header` is the address of its .eh_frame_hdr (PT_GNU_EH_FRAME), `header_size` the size of that segment in
    memory. pcs are in the address space of `read`: of the process when it reads a process. `read` returns
    exactly the bytes asked for, or raises MemoryFault or ElfError, which become CfiError here; other
    TargetErrors (ProcessGone, PermissionDenied) pass through. Nothing is read before the first question.
    """

    def __init__(self, read: Read, header: int, header_size: int, machine: Machine = X86_64) -> None:
        self._memory = read
        self._header = header
        self._header_size = header_size
        self._machine = machine
        self._table: Table | None = None
        self._damage: CfiError | None = None
        self._cies: dict[int, Cie] = {}
        self._functions: dict[int, _Function | CfiError] = {}
        self._cost = 0
        self._pcs: dict[int, Row | None] = {}

    def row(self, pc: int) -> Row | None:
        """Return the rules that hold at `pc`, None when no function is known there.

        For a return address ask for the address before it: the call may be the last instruction that its
        rules, or its function, cover. Raises CfiError when what was found is damaged.
        """
        try:
            return self._pcs[pc]
        except KeyError:
            return self._find_row(pc)

    def function(self, pc: int) -> tuple[int, int] | None:
        """Return the start and end of the function at `pc`, None when none is known. Raises CfiError."""
        function = self._find(pc)
        return None if function is None else (function.start, function.end)

    def _find_row(self, pc: int) -> Row | None:
        function = self._find(pc)
        row = None if function is None else function.row(pc, self._machine)
        if len(self._pcs) >= _MAX_PCS:
            self._pcs.clear()
        self._pcs[pc] = row
        return row

    def _find(self, pc: int) -> _Function | None:
        table = self._table or self._load_table()
        index = bisect_right(table.starts, pc - table.base) - 1
        if index < 0:
            return None
        function = self._functions.get(index)
        if function is None:
            function = self._load(table, index)
        if isinstance(function, CfiError):
            raise CfiError(str(function))
        return function if function.start <= pc < function.end else None

    def _load_table(self) -> Table:
        if self._damage is None:
            try:
                table = load_table(self._read, self._header, self._header_size)
            except CfiError as error:
                self._damage = CfiError(str(error))
            else:
                self._table = table
                return table
        raise CfiError(str(self._damage))

    def _load(self, table: Table, index: int) -> _Function | CfiError:
        """Decode the entry of function `index` and keep it; damage is kept too, so that it costs once."""
        function: _Function | CfiError
        cost = _FUNCTION_COST
        try:
            function, cost = self._decode(table.entries[index] + table.base)
            if function.start != (table.starts[index] + table.base) & MASK:
                function = CfiError("damaged call-frame information: a table that does not fit its entries")
        except CfiError as error:
            function = CfiError(str(error))
        if self._cost + cost > _MAX_CACHED_COST:
            self._functions.clear()
            self._pcs.clear()
            self._cost = 0
        self._functions[index] = function
        self._cost += cost
        return function

    def _decode(self, address: int) -> tuple[_Function, int]:
        read = self._read
        data = read_entry(read, address)
        cie_at = cie_address(data, address)
        cie = self._cies.get(cie_at)
        if cie is None:
            cie = parse_cie(read, cie_at, self._machine)
            if len(self._cies) >= _MAX_CIES:
                self._cies.clear()
            self._cies[cie_at] = cie
        start, end, at = parse_range(data, address, cie, read)
        program = RowProgram(data, address, read, cie, self._machine, start)
        program.run(at)
        return _Function(start, end, cie, program.starts, list(program.states)), program.cost + _FUNCTION_COST

    def _read(self, address: int, size: int) -> bytes:
        """Read memory; whatever is wrong with the address is damage of what gave it."""
        if not 0 <= address <= MASK - size:
            raise CfiError("damaged call-frame information: an impossible address")
        try:
            data = self._memory(address, size)
        except (MemoryFault, ElfError) as error:
            raise CfiError(f"call-frame information that cannot be read: {error}") from None
        if len(data) != size:
            raise CfiError("call-frame information that cannot be read")
        return data
