"""Which file's code an address of a process belongs to, however many files it has mapped."""

from __future__ import annotations

import re
from bisect import bisect_right
from time import monotonic, perf_counter
from typing import Final

from livetop.elf.image import PF_X, Image
from livetop.elf.loaded import bias_of
from livetop.target.errors import MemoryFault, TargetError
from livetop.target.maps import Mapping
from livetop.target.memory import Memory
from livetop.target.process import Process
from livetop.target.text import escape

from .address_space import AddressSpace
from .library_names import DELETED, is_extension, is_system, short_name
from .module import Kind, Module, Target
from .perf_map import PerfMap

__all__ = ["Module", "Modules"]

# The code that CPython copies for each function with -X perf (Python/asm_trampoline.S): a call of what is in
# rcx between `sub $8, %rsp` and its reverse, or with a frame pointer; of what is in x3 on aarch64. Known by
# its bytes: the file with its names may be out of reach, and with -X perf_jit there is none.
_TRAMPOLINE = re.compile(
    rb"(?:\xf3\x0f\x1e\xfa)?(?:\x48\x83\xec\x08|\x55\x48\x89\xe5)\xff\xd1"
    rb"|(?:[\x3f\x7f]\x23\x03\xd5)?\xfd\x7b\xbf\xa9\xfd\x03\x00\x91\x60\x00\x3f\xd6"
)
_TRAMPOLINE_SIZE: Final = 16

# Executable memory with these names holds code made at run time, unless an ELF file was loaded from there.
_NO_FILES: Final = ("/memfd:", "/dev/zero", "/SYSV", "/anon_hugepage", "[anon", "[heap]", "[stack]")
_NOWHERE: Final = Mapping(0, 0, "", 0, 0, 0, "")

# A file may be loaded more than once (dlmopen); more often than this only in an attack.
_MAX_INSTANCES: Final = 16

# A program with more code than this does more than call Py_BytesMain.
_SMALL_PROGRAM: Final = 64 << 10
# How far back from zeroed data (.bss, anonymous) its file is looked for.
_BACK: Final = 4
_PERF_PAUSE: Final = 1.0

_File = tuple[int, int, str]


class Modules:
    """The executable memory of one process, by module.

    Raises ProcessGone and PermissionDenied when made. `refresh` looks for what has changed.
    """

    def __init__(self, process: Process, memory: Memory, runtime_address: int) -> None:
        self._space = AddressSpace(process.pid)
        self._target = Target(process, memory, self._space, PerfMap(process))
        self._runtime_address = runtime_address
        self._program = process.exe.removesuffix(DELETED)
        self._known: dict[Mapping, Module] = {}
        self._by_file: dict[_File, list[Module]] = {}
        self._jit = Module(self._target, _NOWHERE, "jit", "[jit]")
        self._trampolines = Module(self._target, _NOWHERE, "trampoline", "[python trampolines]")
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._modules: list[Module] = []
        self._perf_due = 0.0
        self._runtime: _File | None = None
        self._news = False
        self.refresh(monotonic())
        self._news = False

    @property
    def maps_count(self) -> int:
        """How many mappings the process has."""
        return self._space.count

    def find(self, pc: int) -> Module | None:
        """Return the module whose code is at an address, None when no code is known there."""
        index = bisect_right(self._starts, pc) - 1
        if index >= 0 and pc < self._ends[index]:
            return self._modules[index]
        return None

    def is_code(self, address: int) -> bool:
        """Whether an address lies in executable memory."""
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._ends[index]

    def stack_end(self, sp: int) -> int:
        """Return the end of the readable mapping that holds an address, 0 when none is known.

        Raises ProcessGone, PermissionDenied: an unknown address may be a new thread's, so it looks again.
        """
        end = self._space.stack_end(sp)
        if not end and self._look(monotonic()):
            end = self._space.stack_end(sp)
        return end

    def refresh(self, now: float) -> bool:
        """Look again what is mapped, ten times a second at most; return whether there is news of code.

        Reading costs less than 1 % of the time: it is done more seldom where there is much. Modules of what
        has not changed stay the same objects. `now` is monotonic seconds.
        Raises ProcessGone, PermissionDenied.
        """
        self._look(now)
        news, self._news = self._news, False
        return news

    def _look(self, now: float) -> bool:
        """Do what `refresh` does, and note for the next call of it whether there was anything new."""
        due = self._space.is_due(now)
        changed = self._space.refresh(now)
        if now >= self._perf_due:
            self._perf_due = now + _PERF_PAUSE
            changed = self._target.names.refresh() or changed
        if changed:
            before = perf_counter()
            self._runtime = self._runtime or self._runtime_file()
            self._rebuild()
            self._space.spent(perf_counter() - before)
            self._news = True
        return due

    def _rebuild(self) -> None:
        known: dict[Mapping, Module] = {}
        ranges: list[tuple[int, int, Module]] = []
        for mapping in self._space.executable:
            module = known[mapping] = self._known.get(mapping) or self._make(mapping)
            if module is self._jit or module is self._trampolines:
                ranges += self._by_names(mapping, module)
            else:
                ranges.append((mapping.start, mapping.end, module))
        self._known = known
        alive = set(map(id, known.values()))
        for file, modules in list(self._by_file.items()):
            modules[:] = [module for module in modules if id(module) in alive]
            if not modules:
                del self._by_file[file]
        self._starts = [start for start, _, _ in ranges]
        self._ends = [end for _, end, _ in ranges]
        self._modules = [module for _, _, module in ranges]

    def _make(self, mapping: Mapping) -> Module:
        """Return the module that a mapping is a part of."""
        if mapping.inode:
            if mapping.path.startswith(_NO_FILES) and not self._is_elf(mapping):
                return self._without_file(mapping)
            return self._instance(mapping)
        if mapping.path.startswith("[") and not mapping.path.startswith(_NO_FILES):
            return Module(self._target, mapping, "system")
        # Programs copy their own code to huge pages (BOLT's --hugify), between the file's other parts.
        before = self._space.before(mapping)
        if before is not None and before.inode and before.end == mapping.start:
            bias = self._bias(before)
            if bias is not None and _has_code_at(self._target.image(before), mapping.start - bias):
                return self._instance(before)
        return self._without_file(mapping)

    def _instance(self, mapping: Mapping) -> Module:
        """Return the module of a mapped file: a known one when this is another part of the same file."""
        file = _file(mapping)
        others = self._by_file.get(file, [])
        if others:
            bias = self._bias(mapping)
            for other in others:
                if bias is None or (other.loaded is not None and other.bias == bias):
                    return other
        module = Module(self._target, mapping, self._kind(mapping))
        others = self._by_file.setdefault(file, [])
        if len(others) < _MAX_INSTANCES:
            others.append(module)
        return module

    def _kind(self, mapping: Mapping) -> Kind:
        if _file(mapping) == self._runtime:
            return "runtime"
        if self._program == escape(mapping.path) and mapping.size <= _SMALL_PROGRAM and self._runtime:
            return "runtime"
        if is_extension(mapping.path):
            return "extension"
        return "system" if is_system(short_name(mapping.path)) else "library"

    def _runtime_file(self) -> _File | None:
        """Return the file that holds the runtime's state, or lies before it where that is in zeroed data."""
        mapping = self._space.holding(self._runtime_address)
        for _ in range(_BACK):
            if mapping is None or mapping.inode:
                break
            mapping = self._space.before(mapping)
        return _file(mapping) if mapping is not None and mapping.inode else None

    def _without_file(self, mapping: Mapping) -> Module:
        try:
            content = self._target.memory.read(mapping.start, _TRAMPOLINE_SIZE)
        except MemoryFault:
            return self._jit
        return self._trampolines if is_trampoline(content) else self._jit

    def _by_names(self, mapping: Mapping, module: Module) -> list[tuple[int, int, Module]]:
        """Return the ranges of memory without a file: the names of what is in it, if any, tell more."""
        runs = self._target.names.runs(mapping.start, mapping.end)
        if not runs:
            return [(mapping.start, mapping.end, module)]
        return [(start, end, self._trampolines if python else self._jit) for start, end, python in runs]

    def _bias(self, mapping: Mapping) -> int | None:
        try:
            return bias_of(self._target.image(mapping), mapping)
        except TargetError:
            return None

    def _is_elf(self, mapping: Mapping) -> bool:
        return self._bias(mapping) is not None


def is_trampoline(code: bytes) -> bool:
    """Whether code begins as CPython's trampolines do."""
    return _TRAMPOLINE.match(code) is not None


def _file(mapping: Mapping) -> _File:
    return mapping.device, mapping.inode, mapping.path


def _has_code_at(image: Image, address: int) -> bool:
    return any(part.flags & PF_X and 0 <= address - part.address < part.size for part in image.loads)
