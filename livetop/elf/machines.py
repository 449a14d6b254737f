"""What unwinding must know of a processor, as data: the DWARF numbers of the registers that matter."""

from __future__ import annotations

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
    # Whether DW_CFA 0x2d and 0x2c mean that the saved return address carries a signature.
    signs_return_addresses: bool = False


X86_64: Final = Machine("x86-64", number=62, stack_pointer=7, frame_pointer=6, return_address=16)
AARCH64: Final = Machine(
    "aarch64",
    number=183,
    stack_pointer=31,
    frame_pointer=29,
    return_address=30,
    signs_return_addresses=True,
)

MACHINES: Final = {machine.number: machine for machine in (X86_64, AARCH64)}
