"""Where the caller of a function without call-frame information may be.

Hand-written kernels (OpenBLAS's, for one) have none, keep the caller's stack pointer in some register and
take tens of kilobytes of stack. A return address is a word on the stack that points behind a call
instruction; a guess counts only if unwinding from there ends in the evaluation loop's frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from livetop.target.errors import TargetError
from livetop.target.memory import Memory

from .copied import WORD, Copied
from .modules import Modules

_RBP, _RSP, _RIP = 6, 7, 16
# Words looked at near each register that points into the stack, before it and from it on.
_NEAR = 24
# Words looked at from the stack pointer on when no register helps, and callers tried in all.
_FAR = 4096
_TRIES = 64
_MAX_KNOWN = 20_000


class Guess:
    """Proposes callers in one process."""

    def __init__(self, modules: Modules, memory: Memory) -> None:
        self._modules = modules
        self._memory = memory
        self._calls: dict[int, bool] = {}

    def forget(self) -> None:
        """Mappings have changed: an address may be in other code."""
        self._calls.clear()

    def caller(
        self,
        registers: dict[int, int],
        stack: Copied,
        mark: int,
        reaches: Callable[[int, int, int, Copied, int], bool],
    ) -> dict[int, int] | None:
        """Registers of the calling function, None when nothing fits.

        `reaches(pc, sp, rbp, stack, mark)` says whether unwinding from there comes to its proper end.
        """
        tries = 0
        seen: set[int] = set()
        sp = registers[_RSP]
        for address in self._places(registers, stack, mark):
            if address in seen or address < sp:
                continue
            seen.add(address)
            back = stack.word(address)
            if not back or not self.follows_call(back):
                continue
            # The frame pointer is either untouched, or was pushed just before the call's own frame.
            for rbp in self._frame_pointers(registers, stack, address):
                if reaches(back, address + WORD, rbp, stack, mark):
                    return {_RSP: address + WORD, _RIP: back, _RBP: rbp}
            tries += 1
            if tries >= _TRIES:
                return None
        return None

    @staticmethod
    def _places(registers: dict[int, int], stack: Copied, mark: int) -> Iterable[int]:
        """Addresses that may hold the return address, the likeliest first."""
        rbp = registers.get(_RBP, 0)
        if stack.low <= rbp < stack.end:
            yield rbp + WORD
        end = min(stack.end, mark) if mark else stack.end
        for number, value in registers.items():
            if number != _RIP and stack.low <= value < end and not value % WORD:
                yield from range(value, min(end, value + _NEAR * WORD), WORD)
        yield from range(registers[_RSP] & -WORD, min(end, registers[_RSP] + _FAR * WORD), WORD)

    @staticmethod
    def _frame_pointers(registers: dict[int, int], stack: Copied, address: int) -> list[int]:
        found = []
        rbp = registers.get(_RBP)
        pushed = stack.word(address - WORD)
        if rbp == address - WORD and pushed is not None:
            # push rbp; mov rsp, rbp: certain.
            return [pushed]
        if rbp is not None:
            found.append(rbp)
        if pushed is not None and stack.low <= pushed < stack.end and pushed > address:
            found.append(pushed)
        return found or [0]

    def follows_call(self, address: int) -> bool:
        """Whether the instruction before an address is a call (Intel's manual, volume 2: CALL)."""
        known = self._calls.get(address)
        if known is None:
            if len(self._calls) >= _MAX_KNOWN:
                self._calls.clear()
            known = self._calls[address] = self._modules.is_code(address) and self._is_call(address)
        return known

    def _is_call(self, address: int) -> bool:
        try:
            code = self._memory.read(address - 8, 8)
        except TargetError:
            return False
        if code[3] == 0xE8:
            return True
        # FF /2 with its many ways to say where: 2 to 8 bytes.
        return any(
            code[8 - size] == 0xFF and code[9 - size] & 0x38 == 0x10 and _length(code[8 - size :]) == size
            for size in range(2, 8)
        )


def _length(code: bytes) -> int:
    """The length of FF /2 by its ModRM and SIB bytes."""
    mode, base = code[1] >> 6, code[1] & 7
    size = 2
    if mode == 3:
        return size
    if base == 4:
        size += 1
        if mode == 0 and len(code) > 2 and code[2] & 7 == 5:
            return size + 4
    if mode == 0 and base == 5:
        return size + 4
    return size + (0, 1, 4)[mode]
