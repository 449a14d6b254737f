"""Modules of a process that does not exist: code at the addresses that cfi_builder.py uses."""

from __future__ import annotations

from dataclasses import dataclass, field

from cfi_builder import CODE, SIZE

from livetop.elf.cfi import CallFrames


@dataclass(eq=False)
class FakeModule:
    """What unwinding, the verdict and merging ask of a module."""

    name: str = "libpython"
    kind: str = "runtime"
    frames: CallFrames | None = None
    symbols: dict[int, str] = field(default_factory=dict)
    """{function's number: its name}"""
    path: str = ""

    def symbol(self, pc: int) -> str | None:
        """The name of the function at an address."""
        return self.symbols.get((pc - CODE) // SIZE)


class FakeModules:
    """One module from CODE on for `functions` functions, or the module of each where given in `others`."""

    def __init__(
        self, module: FakeModule, functions: int = 16, others: dict[int, FakeModule] | None = None
    ) -> None:
        self.module = module
        self.functions = functions
        self.others = others or {}

    def find(self, pc: int) -> FakeModule | None:
        """The module whose code is at an address."""
        number = (pc - CODE) // SIZE
        if not 0 <= number < self.functions:
            return None
        return self.others.get(number, self.module)

    def is_code(self, address: int) -> bool:
        """Whether an address lies in executable memory."""
        return self.find(address) is not None
