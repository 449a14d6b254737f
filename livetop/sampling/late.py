"""A stop that did not come in time: the thread is in a long system call, or waits for a core.

It cannot run any code of its own before it stops, so what it is found doing then is what it was doing at the
tick that drew it: such samples count, or system calls that last long would never be seen.
"""

from __future__ import annotations

from livetop.target.registers import Registers
from livetop.target.vectored import VectoredRead

from .watched import Watched


class Late:
    """One stop to come. `weight` gathers what the samples drawn meanwhile stand for, in seconds."""

    __slots__ = (
        "_regions",
        "_turns",
        "evidence",
        "holds",
        "on_core",
        "read",
        "registers",
        "size",
        "thread",
        "weight",
    )

    def __init__(self, thread: Watched, turns: int, read: VectoredRead) -> None:
        self.thread = thread
        self.on_core = True
        """Whether it had its core throughout, since `turns` was how often it had been given one."""
        self._turns = turns
        self.weight = 0.0
        """Seconds that are not charged to any place yet."""
        self.evidence = 0.0
        """Seconds whose kind is not known yet."""
        self.holds = False
        self.registers: Registers | None = None
        self.size = 0
        """Bytes of C stack copied."""
        self.read = read
        self._regions = thread.reader.single, thread.reader.single_size

    def copy(self, registers: Registers, size: int) -> None:
        """Copy the Python stack and `size` bytes of the C stack. May run in a signal handler."""
        regions, before = self._regions
        self.on_core = self._turns < 0 or self.thread.task.turns() == self._turns
        self.registers = registers
        for extra in (size, 0) if size else (0,):
            behind = [registers.sp, extra] if extra else []
            self.read.lay_out([*regions, *behind], before + extra)
            if self.read.run():
                self.size = extra
                return
        self.registers = None

    @property
    def sound(self) -> bool:
        """Whether the copy is of the regions that the thread's reader still has."""
        return self._regions[0] is self.thread.reader.single
