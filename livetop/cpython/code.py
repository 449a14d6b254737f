"""Code objects: read once, kept while their content stays what it was.

CPython reuses the memory of a code object as soon as it is freed, often for another code object with
equal pointers in it, so an address alone says nothing: `verify` compares the content again (the fields,
the characters of the names, the line table).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .line_tables import DECODERS, Lines
from .location import NO_LINE, Position, decode_position
from .strings import MAX_BYTES, ObjectError, bytes_place, decode_text, raw_text, text_place

# How much of each part is compared again: enough to tell two code objects apart, cheap to read.
_CHECKED_TEXT = 256
_CHECKED_TABLE = 512

_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")

_MAX_CODE_BYTES = 1 << 26
# How far an instruction without a line looks for one.
_MOST_WITHOUT_LINE = 64
# Copies of one bytecode: one a thread at most (3.14 on, free-threaded).
_MAX_COPIES = 1 << 15


class Code:
    """One code object of the target. `name` is its qualified name; both strings are escaped."""

    kind = "python"

    __slots__ = (
        "_copies", "_kind", "_lines", "_table", "address", "base", "check", "checked", "file", "first_line",
        "known", "name", "opcodes", "path", "shim", "size",
    )  # fmt: skip

    def __init__(
        self,
        address: int,
        base: int,
        size: int,
        name: str,
        file: str,
        first_line: int,
        table: bytes,
        lines: str = "locations",
        opcodes: int = 0,
    ) -> None:
        self.address = address
        self.base = base
        """What the addresses of instructions are counted from: see `opcodes`."""
        self.size = size
        """Bytes of instructions."""
        self.opcodes = opcodes or base
        """Address of the first instruction: `base`, but where frames hold offsets only (to 3.10); there
        instructions are counted from the code object's own address."""
        self.name = name
        self.file = file
        self.path = file
        """The file's name as it is, not escaped: for opening it."""
        self.first_line = first_line
        self._table = table
        self._kind = lines
        self._lines: Lines | None = None
        # Where other copies of the instructions begin, in order.
        self._copies: list[int] = []
        self.check: list[tuple[int, bytes]] = []
        """(address, bytes that must still be there), the content check."""
        self.checked = 0.0
        """When the content was compared last, by the caller's clock."""
        self.known = 0.0
        """When it was read first."""
        self.shim = False
        """Whether it is no function's: the interpreter's own, for what is left to do after an __init__() that
        a class was called for (_Py_MakeShimCode in Objects/codeobject.c, 3.12 on). No traceback shows it."""

    def line(self, instruction: int) -> int:
        """The line that an instruction address belongs to.

        What the compiler has added of its own has none: it gets the line of what stands before it, else the
        first line of all.
        """
        lines = self._lines
        if lines is None:
            lines = self._lines = DECODERS[self._kind](self._table, self.first_line)
        offset = instruction - self._base_of(instruction)
        for _ in range(_MOST_WITHOUT_LINE):
            line = lines.at(offset)
            if line != NO_LINE or offset < 0:
                break
            offset -= 2
        return self.first_line if line == NO_LINE else line

    def position(self, instruction: int) -> Position:
        """Lines and columns of an instruction; nothing is known of them before 3.11."""
        if self._kind != "locations":
            return Position()
        unit = (instruction - self._base_of(instruction)) >> 1
        return decode_position(self._table, self.first_line, unit) if unit >= 0 else Position()

    def holds(self, instruction: int) -> bool:
        """Whether an instruction address can belong to this code; one unit before it: not begun yet."""
        base = self._base_of(instruction)
        return base - 2 <= instruction < base + self.size

    def add_copies(self, copies: Iterable[int]) -> None:
        """Take over where other copies of the instructions begin: each thread may have its own."""
        self._copies = sorted(copies)

    def _base_of(self, instruction: int) -> int:
        """Where the copy begins that an instruction address is in."""
        if self._copies and not self.base - 2 <= instruction < self.base + self.size:
            return self._copies[max(0, bisect_right(self._copies, instruction + 2) - 1)]
        return self.base


class CodeReader:
    """Reads code objects and keeps them by address."""

    def __init__(self, memory: Memory, layout: Layout, code_type: int | None) -> None:
        self._memory = memory
        self._layout = layout
        self._type = code_type
        self._codes: dict[int, Code] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def get(self, address: int, now: float) -> Code:
        """Return the code object at an address. Raises ObjectError, MemoryFault when there is none."""
        code = self._codes.get(address)
        if code is None:
            code = self._read(address)
            code.known = code.checked = now
            self._codes[address] = code
        return code

    def _read(self, address: int) -> Code:
        memory, o = self._memory, self._layout
        head = memory.read(address, o.code_size)
        (kind,) = _U64.unpack_from(head, o.object_type)
        if self._type is not None and kind != self._type:
            raise ObjectError(f"no code object at {address:#x}")
        (file_at,) = _U64.unpack_from(head, o.code_filename)
        (name_at,) = _U64.unpack_from(head, o.code_qualname)
        (table_at,) = _U64.unpack_from(head, o.code_linetable)
        (first_line,) = _I32.unpack_from(head, o.code_firstlineno)
        name_place = text_place(memory, o, name_at)
        file_place = text_place(memory, o, file_at)
        table_place = bytes_place(memory, o, table_at)
        base, opcodes, size = self._instructions(address, head)
        parts = memory.read_many([name_place[:2], file_place[:2], table_place])
        name, file, table = parts
        if name is None or file is None or table is None or len(table) > MAX_BYTES:
            raise ObjectError(f"no code object at {address:#x}")
        code = Code(
            address,
            base,
            size,
            decode_text(name, name_place[2]),
            decode_text(file, file_place[2]),
            first_line,
            table,
            o.lines,
            opcodes,
        )
        first = min(o.code_filename, o.code_name, o.code_qualname)
        last = max(o.code_name, o.code_qualname, o.code_linetable) + 8
        code.path = raw_text(file, file_place[2])
        # Its names and its file are one and the same object.
        code.shim = file_at == name_at
        code.check = [
            (address + o.object_type, head[o.object_type : o.object_size + 8]),
            (address + o.code_firstlineno, head[o.code_firstlineno : o.code_firstlineno + 4]),
            (address + first, head[first:last]),
            (name_place[0], name[:_CHECKED_TEXT]),
            (file_place[0], file[:_CHECKED_TEXT]),
            (table_place[0], table[:_CHECKED_TABLE]),
        ]
        if o.code_code is not None:
            code.check.append((address + o.code_code, head[o.code_code : o.code_code + 8]))
        return code

    def _instructions(self, address: int, head: bytes) -> tuple[int, int, int]:
        """(base, opcodes, size) as `Code` has them, `head` being what lies at the code object's address."""
        memory, o = self._memory, self._layout
        if o.code_code is None:
            (units,) = _U64.unpack_from(head, o.object_size)
            base, size = address + o.code_adaptive, units * 2
            opcodes = base
        else:
            (code_at,) = _U64.unpack_from(head, o.code_code)
            opcodes, size = bytes_place(memory, o, code_at)
            base = address
        if size > _MAX_CODE_BYTES:
            raise ObjectError(f"no code object at {address:#x}")
        return base, opcodes, size

    def is_shim(self, address: int) -> bool:
        """Whether the code object at this address was read, and is a shim."""
        code = self._codes.get(address)
        return code is not None and code.shim

    def find_copies(self, code: Code) -> None:
        """Look up where threads have copies of a code's instructions (_PyCodeArray, pycore_code.h).

        Raises ObjectError, MemoryFault.
        """
        if self._layout.code_tlbc is None:
            return
        (array_at,) = _U64.unpack(self._memory.read(code.address + self._layout.code_tlbc, 8))
        (count,) = _U64.unpack(self._memory.read(array_at, 8))
        if count > _MAX_COPIES:
            raise ObjectError(f"no copies of bytecode at {array_at:#x}")
        entries = self._memory.read(array_at + 8, 8 * count)
        code.add_copies({at for (at,) in _U64.iter_unpack(entries) if at and at != code.base})

    def verify(self, codes: Iterable[Code], now: float) -> list[Code]:
        """Compare the content of these with the target's memory; return those that were replaced.

        They are forgotten, so that the next `get` reads them afresh. One vectored read for about 170 codes.
        """
        checked = list(codes)
        regions = [(at, len(data)) for code in checked for at, data in code.check]
        fresh = iter(self._memory.read_many(regions))
        changed = []
        for code in checked:
            same = True
            for _, data in code.check:
                same &= next(fresh) == data
            if same:
                code.checked = now
            else:
                changed.append(code)
                if self._codes.get(code.address) is code:
                    del self._codes[code.address]
        return changed

    def forget(self) -> None:
        """Forget all code objects (a new program, or the cap was reached)."""
        self._codes.clear()


__all__ = ["Code", "CodeReader", "MemoryFault", "ObjectError"]
