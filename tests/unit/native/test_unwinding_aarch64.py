"""Unwinding a stack of a real aarch64 program with signed return addresses: see tests/recorded/aarch64.c."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from fake_modules import FakeModule
from loaded_file import LoadedFile

from livetop.elf.cfi import AARCH64, CallFrames
from livetop.native.copied import Copied
from livetop.native.unwind import Unwinder
from livetop.target.registers import AARCH64 as REGISTERS
from livetop.target.registers import Registers, decode

RECORDED = Path(__file__).parents[2] / "recorded"

# Innermost first; recursion left `bare` on the stack four times.
CALLS = ["look", "deepest", *["bare"] * 4, "unsigned_return", "variable", "begin", "_start"]


class Program:
    """The one module of the program."""

    def __init__(self) -> None:
        self.file = LoadedFile(RECORDED / "aarch64.elf", bias=0)
        read = self.file.memory.read
        self.module = FakeModule(frames=CallFrames(read, self.file.header, self.file.header_size, AARCH64))
        with (RECORDED / "aarch64.elf").open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            self.functions = {
                symbol["st_value"]: (symbol["st_value"] + symbol["st_size"], symbol.name)
                for symbol in table.iter_symbols()
                if symbol["st_info"]["type"] == "STT_FUNC"
            }

    def find(self, pc: int) -> FakeModule | None:
        return self.module if self.name(pc) else None

    def is_code(self, address: int) -> bool:
        return self.find(address) is not None

    def name(self, pc: int) -> str:
        return next((name for start, (end, name) in self.functions.items() if start <= pc < end), "")


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def recorded() -> tuple[Registers, Copied]:
    data = (RECORDED / "aarch64.stack").read_bytes()
    registers = decode(REGISTERS, data)
    (end,) = struct.unpack_from("<Q", data, REGISTERS.words.size)
    at = REGISTERS.words.size + 8
    assert end - registers.sp == len(data) - at
    return registers, Copied(data, at, registers.sp, len(data) - at)


def names(program: Program, pcs: list[int]) -> list[str]:
    return [program.name(pc - bool(index)) for index, pc in enumerate(pcs)]


def test_every_caller_is_found(program, recorded):
    registers, stack = recorded
    walk = Unwinder(program, program.file.memory, AARCH64).walk(registers, stack, 0)
    assert names(program, walk.pcs) == CALLS
    assert walk.complete and not walk.guessed
    # The leaf has no frame at all: it ends where it begins.
    assert walk.cfas[0] == registers.sp and walk.cfas == sorted(walk.cfas)


def test_the_return_addresses_were_signed(recorded):
    _, stack = recorded
    signed = [
        word for word in stack.words(stack.low, 10_000) if word & (1 << 48) - 1 != word and word >> 56 == 0
    ]
    assert len(signed) >= len(CALLS) - 3


def test_the_frame_with_the_mark(program, recorded):
    registers, stack = recorded
    unwinder = Unwinder(program, program.file.memory, AARCH64)
    whole = unwinder.walk(registers, stack, 0)
    for index in range(1, len(CALLS) - 1):
        walk = unwinder.walk(registers, stack, whole.cfas[index] - 8)
        assert walk.complete and walk.loop == index
        assert names(program, walk.pcs) == CALLS[: index + 1]


def test_of_a_thread_of_which_only_two_registers_are_known_no_frame_is_invented(program, recorded):
    registers, stack = recorded
    unwinder = Unwinder(program, program.file.memory, AARCH64)
    walk = unwinder.walk(Registers(registers.pc, registers.sp, -1), stack, 0)
    assert names(program, walk.pcs) == ["look"] and not walk.complete


def test_a_damaged_stack_ends_the_walk(program, recorded):
    registers, stack = recorded
    for word in (0, 0xFFFF_FFFF_FFFF_FFFF, registers.sp):
        content = bytearray(stack.buffer)
        for at in range(stack.base, len(content) - 7, 8):
            struct.pack_into("<Q", content, at, word)
        damaged = Copied(content, stack.base, stack.low, stack.end - stack.low)
        walk = Unwinder(program, program.file.memory, AARCH64).walk(registers, damaged, 0)
        assert names(program, walk.pcs)[:2] == CALLS[:2] and not walk.complete
        assert len(walk.pcs) < 5
