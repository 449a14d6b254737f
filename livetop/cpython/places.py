"""Which files of a process may hold CPython, and what of it lies where in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from livetop.elf.errors import ElfError
from livetop.elf.locate import Located, locate
from livetop.target.maps import Mapping, mapped_files, read_maps
from livetop.target.memory import Memory
from livetop.target.process import Process

from .versions import Version, from_file_name

# Exported by every CPython: those of all versions, of some, and of debug builds.
_EXPORTED = (
    "_PyRuntime",
    "Py_Version",
    "PyCode_Type",
    "PyType_Type",
    "PyInterpreterState_Head",
    "_PyThreadState_Current",
    "_Py_NegativeRefcount",
)
# What 3.6 has in variables of its own, only in a full table of symbols.
_LOCAL = ("interp_head", "collecting", "generation_stats", "gil_mutex", "gil_cond")
_SECTION = ".PyRuntime"
# So many files of other kinds are looked into for a CPython that was linked into a library.
_MAX_OTHERS = 256


@dataclass(frozen=True, slots=True)
class Place:
    """A file that may hold CPython.

    `symbols` are addresses in the process, `writable` (address, size) of its data in there. `named` is the
    version that its name tells, `interpreter` says that the name is one of an interpreter.
    """

    path: str
    symbols: dict[str, int]
    writable: tuple[tuple[int, int], ...]
    machine: int
    named: Version | None
    interpreter: bool
    pypy: bool = False

    @property
    def runtime(self) -> int | None:
        """The address of `_PyRuntime` (3.7 on)."""
        return self.symbols.get("_PyRuntime")

    @property
    def python(self) -> bool:
        """Whether a Python is in it, of whatever version."""
        return "PyType_Type" in self.symbols or self.runtime is not None


def find_places(process: Process, memory: Memory) -> Iterator[Place]:
    """Look into the files that may hold CPython, the likeliest first. Raises ProcessGone, PermissionDenied.

    Libraries that are not CPython's by name come last, and only if they export its symbols.
    """
    files = list(mapped_files(read_maps(process.pid)).values())
    ranks = {id(mappings): _rank(mappings, mappings is files[0]) for mappings in files}
    others = 0
    for mappings in sorted(files, key=lambda mappings: ranks[id(mappings)]):
        if not any("x" in mapping.permissions for mapping in mappings):
            continue
        if ranks[id(mappings)] < _OTHER:
            yield _look(process, memory, mappings)
            continue
        others += 1
        if others > _MAX_OTHERS:
            return
        place = _look(process, memory, mappings, exported_only=True)
        if place.runtime is not None:
            yield place


_OTHER = 3


def _rank(mappings: list[Mapping], main: bool) -> int:
    """How likely CPython is in this file: a libpython, an interpreter, the program, anything else."""
    name = _file_name(mappings)
    if name.startswith(("libpython", "libpypy")):
        return 0
    if name.startswith(("python", "pypy")):
        return 1
    return 2 if main else _OTHER


def _file_name(mappings: list[Mapping]) -> str:
    return mappings[0].path.rsplit("/", 1)[-1]


def _look(process: Process, memory: Memory, mappings: list[Mapping], *, exported_only: bool = False) -> Place:
    path, name = mappings[0].path, _file_name(mappings)
    located = Located()
    try:
        located = locate(process, memory, mappings, (), (_SECTION,), exported=_EXPORTED)
        symbols = dict(located.symbols)
        if "_PyRuntime" not in symbols and not exported_only:
            # Linked into a program that exports nothing, or one before 3.7: only the full table helps.
            located = locate(process, memory, mappings, (*_EXPORTED, *_LOCAL), (_SECTION,))
            symbols = dict(located.symbols)
    except ElfError:
        symbols = {}
    if "_PyRuntime" not in symbols and _SECTION in located.sections:
        symbols["_PyRuntime"] = located.sections[_SECTION][0]
    return Place(
        path,
        symbols,
        located.writable,
        located.machine,
        from_file_name(path),
        interpreter=_rank(mappings, main=False) < _OTHER - 1,
        pypy=name.startswith(("pypy", "libpypy")),
    )
