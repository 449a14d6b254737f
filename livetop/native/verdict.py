"""Whose time a sample of a running thread is: python, native (of which library) or system.

The rule was found by comparing rules on programs whose truth was known: a system call in progress is system;
a thread in the evaluation loop itself is python; native is what runs in, or for, a module that is not the
interpreter's own, and what the interpreter's own code does for a call of something that is not a Python
function. All else (looking up attributes, allocating, adding numbers) is how Python code is run: python.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from livetop.cpython.opcodes import native_calls
from livetop.target.errors import TargetError
from livetop.target.memory import Memory

from .builtin_names import BUILTINS, builtin_name
from .call_glue import IN_PYTHON, is_glue
from .modules import Module
from .unwind import Walk

PYTHON: Final = "python"
NATIVE: Final = "native"
SYSTEM: Final = "system"

_LARGEST_HANDLER = 16384


class Verdict(NamedTuple):
    """`kind` is PYTHON, NATIVE or SYSTEM; `library` names what native time went to."""

    kind: str
    library: str = ""


_IS_PYTHON = Verdict(PYTHON)


class Judge:
    """Judges samples of one process."""

    system: Final = Verdict(SYSTEM)
    """The verdict on a thread that stood still in a system call."""

    def __init__(self, memory: Memory, version: tuple[int, int], *, handlers: bool = True) -> None:
        """`handlers`: the loop's opcode handlers may be functions that call each other (3.14 on)."""
        self._memory = memory
        self._calls_handlers = handlers
        self._calls = native_calls(version)
        # Return addresses in the evaluation loop's frame -> whether an opcode handler was called there.
        self._handlers: dict[int, bool] = {}
        # Of what evaluation loops call: pc -> the symbol's name.
        self._named: dict[int, str] = {}

    def forget(self) -> None:
        """Mappings have changed: a pc may be in another function."""
        self._handlers.clear()
        self._named.clear()

    def judge(self, walk: Walk, instruction: int) -> Verdict:
        """Judge a thread that stood still, in no system call, with these C frames.

        `instruction` is the address of the innermost Python frame's instruction, 0 if there is none.
        """
        modules = walk.modules
        found = walk.loop >= 0
        inner = walk.loop if found else len(modules)
        if found and inner and self._calls_handlers and self._is_handler(walk.pcs[inner], modules[inner]):
            inner -= 1
        while found and inner and _is_jit(modules[inner - 1]):
            # What the interpreter has compiled at run time is a part of its loop.
            inner -= 1
        if inner <= 0:
            return _IS_PYTHON
        foreign = _foreign(modules, inner)
        if foreign is not None and not (
            _is_jit(foreign) and instruction and not self.calls_native(instruction)
        ):
            return Verdict(NATIVE, _library(foreign, modules[0]))
        if not instruction:
            # No Python code runs at all: C code of the program's own, or the interpreter starting.
            first = modules[0]
            return _IS_PYTHON if found else Verdict(NATIVE, first.name if first else "[unknown]")
        if not self.calls_native(instruction):
            return _IS_PYTHON
        called = self._called(walk, inner) if found else ""
        if called in IN_PYTHON:
            return _IS_PYTHON
        return Verdict(NATIVE, builtin_name(called))

    def calls_native(self, instruction: int) -> bool:
        """Whether the instruction at this address may call what is not Python."""
        try:
            return self._memory.read(instruction, 1)[0] in self._calls
        except TargetError:
            return False

    def _called(self, walk: Walk, inner: int) -> str:
        """The function that the evaluation loop called, by its symbol; "" where there is none.

        What stands between the two only passes the call on.
        """
        name = ""
        for index in range(inner - 1, -1, -1):
            module = walk.modules[index]
            if module is None or module.kind != "runtime":
                break
            name = self._name(module, walk.pcs[index] - (index > 0))
            if not is_glue(name):
                return name
        # Nothing but passing on: that tells only whether it leads to Python.
        return name if name in IN_PYTHON else ""

    def _name(self, module: Module, pc: int) -> str:
        found = self._named.get(pc)
        if found is None:
            if len(self._named) > 20_000:
                self._named.clear()
            found = self._named[pc] = module.symbol(pc) or ""
        return found

    def _is_handler(self, back: int, module: Module | None) -> bool:
        """Whether the frame inside the one with the mark is an opcode handler: a build with tail calls.

        There _PyEval_EvalFrameDefault is small: it sets up the entry frame and calls the first handler
        (Python/ceval.c, Py_TAIL_CALL_INTERP); everywhere else it is the loop, of tens of kilobytes.
        """
        known = self._handlers.get(back)
        if known is None:
            if len(self._handlers) > 20_000:
                self._handlers.clear()
            known = self._handlers[back] = self._in_small(back, module)
        return known

    @staticmethod
    def _in_small(back: int, module: Module | None) -> bool:
        if module is None or module.frames is None:
            return False
        try:
            function = module.frames.function(back - 1)
        except TargetError:
            return False
        return function is not None and function[1] - function[0] < _LARGEST_HANDLER


def _is_jit(module: Module | None) -> bool:
    return module is not None and module.kind == "jit"


def _foreign(modules: list[Module | None], inner: int) -> Module | None:
    """The innermost module that is neither the interpreter nor the C library; None when there is none."""
    for module in modules[:inner]:
        if module is not None and module.kind not in ("runtime", "system", "trampoline"):
            return module
    return None


def _library(foreign: Module, first: Module | None) -> str:
    """What native time goes to.

    The C library's time is its own; what the interpreter does for an extension module is that module's.
    """
    return first.name if first is not None and first.kind == "system" else foreign.name


__all__ = ["BUILTINS", "NATIVE", "PYTHON", "SYSTEM", "Judge", "Verdict"]
