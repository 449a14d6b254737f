"""What unwinding must know of a processor, as data: the DWARF numbers of the registers that matter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor's DWARF register numbers, from its System V ABI supplement."""

    name: str
    # `e_machine` of its ELF files.
    number: int
    stack_pointer: int
    frame_pointer: int
    # The column of the return address; a program's CIE may say otherwise.
    return_address: int
    # The number under which the pc is kept beside the registers that a function keeps for its caller.
    program_counter: int
    # Kept by a function for its caller: what is not saved is still there.
    kept: tuple[int, ...]
    # Whether a call leaves the return address in the word below the caller's stack.
    pushes_return_addresses: bool = True
    # Whether DW_CFA 0x2d and 0x2c mean that the saved return address carries a signature.
    signs_return_addresses: bool = False
    # The bits of an address of a process: what is above them in a saved return address is its signature.
    address_mask: int = (1 << 64) - 1


X86_64: Final = Machine(
    "x86_64",
    number=62,
    stack_pointer=7,
    frame_pointer=6,
    return_address=16,
    program_counter=16,
    # System V ABI for AMD64, 3.2.1.
    kept=(3, 6, 12, 13, 14, 15),
)
AARCH64: Final = Machine(
    "aarch64",
    number=183,
    stack_pointer=31,
    frame_pointer=29,
    return_address=30,
    program_counter=32,
    # "Procedure Call Standard for the Arm 64-bit Architecture", 6.1.1.
    kept=tuple(range(19, 30)),
    pushes_return_addresses=False,
    signs_return_addresses=True,
    # Addresses have 48 bits unless a program asks for more (Documentation/arch/arm64/memory.rst).
    address_mask=(1 << 48) - 1,
)

MACHINES: Final = {machine.number: machine for machine in (X86_64, AARCH64)}


def this_machine() -> Machine:
    """The machine we run on; x86-64 where there is no table for it, as nothing is unwound there."""
    name = os.uname().machine
    return next((machine for machine in MACHINES.values() if machine.name == name), X86_64)
