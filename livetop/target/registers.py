"""What the registers of a stopped thread mean, one table an architecture."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from functools import cached_property

from .errors import TargetError

_EINTR = -4
# "No handler ran: start the call again; one did: return EINTR" (the kernel's include/linux/errno.h).
_ERESTARTNOHAND = -514


@dataclass(frozen=True)
class Architecture:
    """The registers as PTRACE_GETREGSET with NT_PRSTATUS returns them: 64-bit words, named in order.

    `system_call` names the register that holds the number of the call in progress (negative: none), "" where
    these registers do not tell; `result` the one that holds what it returns. `close` is the number of the
    call that must not be made twice. `restarts`: a result that is written at a stop still decides whether an
    interrupted call starts again.
    """

    machine: str
    names: tuple[str, ...]
    pc: str
    sp: str
    system_call: str
    result: str
    close: int
    restarts: bool
    fp: str
    dwarf: tuple[str, ...]
    """The registers by their DWARF numbers, from 0 on (the architecture's System V ABI supplement)."""
    call_instruction: bytes = b""
    """Where `system_call` is "": the instruction that makes a call, whose number is in `number`."""
    number: str = ""

    @cached_property
    def words(self) -> struct.Struct:
        """The layout of the whole set."""
        return struct.Struct(f"<{len(self.names)}q")

    @cached_property
    def indices(self) -> tuple[int, int, int, int]:
        """Where pc, sp, system_call (-1 where it is not told) and result are."""
        find = self.names.index
        call = find(self.system_call) if self.system_call else -1
        return find(self.pc), find(self.sp), call, find(self.result)

    @cached_property
    def frame_pointer(self) -> int:
        """Where the frame pointer is."""
        return self.names.index(self.fp)

    def numbered(self, registers: Registers) -> dict[int, int]:
        """The registers that are known, by DWARF number."""
        values = registers.values
        if not values:
            find = self.dwarf.index
            return {find(self.sp): registers.sp, find(self.pc): registers.pc}
        return {number: values[self.names.index(name)] & _UNSIGNED for number, name in enumerate(self.dwarf)}


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers of a thread that stands still.

    `system_call` is the number of the call in progress, -1 for none: negative too while the kernel handles a
    page fault. `result` is what that call returns so far. `fp` is the frame pointer, 0 if unknown. `values`
    are all words, signed, in the order of `Architecture.names`; () when only pc and sp are known, as they are
    of a thread blocked in a system call.
    """

    pc: int
    sp: int
    system_call: int
    values: tuple[int, ...] = ()
    fp: int = 0
    result: int = 0


X86_64 = Architecture(
    machine="x86_64",
    names=(
        *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8"),
        *("rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss"),
        *("fs_base", "gs_base", "ds", "es", "fs", "gs"),
    ),
    pc="rip",
    sp="rsp",
    system_call="orig_rax",
    result="rax",
    close=3,
    restarts=True,
    fp="rbp",
    dwarf=(
        *("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"),
        *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"),
    ),
)

# struct user_pt_regs in arch/arm64/include/uapi/asm/ptrace.h. The number of the call in progress is in a set
# of its own (NT_ARM_SYSTEM_CALL), and -1 by the time of a stop: do_signal() in arch/arm64/kernel/signal.c has
# then put pc and x0 back already if the call is to start again, and does not look at what a tracer writes to
# x0. The first argument of a call that failed with EINTR is gone with x0.
AARCH64 = Architecture(
    machine="aarch64",
    names=(*(f"x{number}" for number in range(31)), "sp", "pc", "pstate"),
    pc="pc",
    sp="sp",
    system_call="",
    result="x0",
    close=57,
    restarts=False,
    fp="x29",
    # "DWARF for the Arm 64-bit Architecture", 4.1: 31 is sp and 32 the pc, whose rule is that of x30.
    dwarf=(*(f"x{number}" for number in range(31)), "sp", "pc"),
    # svc #0
    call_instruction=b"\x01\x00\x00\xd4",
    number="x8",
)

ARCHITECTURES = {architecture.machine: architecture for architecture in (X86_64, AARCH64)}


def this_architecture() -> Architecture:
    """Return the architecture of this machine. Raises TargetError when there is no table for it."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise TargetError(
            f"threads cannot be stopped on {machine} yet: use --nonblocking to read without stops"
        )
    return ARCHITECTURES[machine]


def decode(architecture: Architecture, raw: bytes | bytearray | memoryview) -> Registers:
    """Give the words of a register set their meaning."""
    values = architecture.words.unpack_from(raw)
    pc, sp, system_call, result = architecture.indices
    return Registers(
        values[pc] & _UNSIGNED,
        values[sp] & _UNSIGNED,
        values[system_call] if system_call >= 0 else -1,
        values,
        values[architecture.frame_pointer] & _UNSIGNED,
        values[result],
    )


def told_by_code(architecture: Architecture, registers: Registers, around: bytes) -> Registers:
    """Return the registers with the call in progress, which the code tells where they do not.

    `around` are the instructions before and at the pc. A thread stopped in a call stands behind its
    instruction, or at it when the call is to start again.
    """
    size = len(architecture.call_instruction)
    before, at = around[:size], around[size : 2 * size]
    if not size or not registers.values or architecture.call_instruction not in (before, at):
        return registers
    number = registers.values[architecture.names.index(architecture.number)]
    result = registers.result if before == architecture.call_instruction else _ERESTARTNOHAND
    return replace(registers, system_call=number, result=result)


_UNSIGNED = (1 << 64) - 1
# EINTR, and what a call that must be started again after an interruption returns inside the kernel:
# ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK (include/linux/errno.h).
_INTERRUPTED = frozenset((_EINTR, -512, -513, -514, -516))


def was_asleep(registers: Registers) -> bool:
    """Whether a stop has interrupted a system call in which the thread slept."""
    return registers.system_call >= 0 and registers.result in _INTERRUPTED


def restarted(architecture: Architecture, values: tuple[int, ...]) -> bytes | None:
    """Return the register set that lets an interrupted system call start again; None when there is no need.

    Some calls (epoll_wait, sigtimedwait, recv with a timeout) return EINTR instead of restarting when a
    stop gets into them. The kernel looks at the result only after the stop, so it can still be told "restart
    unless a signal handler runs". A handler of the program then interrupts its call as it always does.
    """
    if not architecture.restarts:
        return None
    _, _, call, result = architecture.indices
    # close() has closed by the time it says EINTR: a second one would hit another thread's new file.
    if values[result] != _EINTR or values[call] < 0 or values[call] == architecture.close:
        return None
    changed = list(values)
    changed[result] = _ERESTARTNOHAND
    return architecture.words.pack(*changed)
