"""One mapped file: its short name, its call-frame information, its functions; each made when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from livetop.elf.cfi import MACHINES, CallFrames
from livetop.elf.debug_files import embedded_symbols, symbols_by_build_id
from livetop.elf.demangle import readable
from livetop.elf.errors import ElfError
from livetop.elf.image import Image, Seekable
from livetop.elf.loaded import Loaded, MappedFile, bias_of
from livetop.elf.sections import build_id
from livetop.elf.symbol_table import SymbolTable, file_symbols, loaded_symbols
from livetop.target.errors import TargetError
from livetop.target.maps import Mapping
from livetop.target.memory import Memory
from livetop.target.process import Process
from livetop.target.text import escape

from .address_space import AddressSpace
from .library_names import short_name
from .perf_map import PerfMap

Kind = Literal["runtime", "system", "extension", "library", "jit", "trampoline"]

_MAX_IMAGES: Final = 4096


@dataclass(slots=True)
class Target:
    """What all modules of a process read from."""

    process: Process
    memory: Memory
    space: AddressSpace
    names: PerfMap
    images: dict[tuple[int, int], Image] = field(default_factory=dict)

    def image(self, mapping: Mapping) -> Image:
        """Return the headers of a mapped file: from memory, else from the file. Raises TargetError."""
        key = (mapping.device, mapping.inode)
        image = self.images.get(key) if mapping.inode else None
        if image is None:
            image = self._image(mapping)
            if len(self.images) >= _MAX_IMAGES:
                self.images.clear()
            if mapping.inode:
                self.images[key] = image
        return image

    def _image(self, mapping: Mapping) -> Image:
        try:
            return _headers(MappedFile(self.memory.read, self.space.of_file(mapping)))
        except TargetError:
            if not mapping.inode:
                raise
        with self.process.open_mapped(mapping) as file:
            return _headers(file)


class Module:
    """A mapped ELF file, or memory with code that belongs to none.

    `name` is short, for people; `path` as mapped, without " (deleted)"; both are escaped. `kind`: "runtime"
    (the interpreter: the file that holds _PyRuntime), "system" (the C library, the loader, the vdso),
    "extension" (a Python module), "library", "jit" (code made at run time), "trampoline" (that of `-X perf`,
    through which Python code is called). `problem` says why something could not be read, "" if nothing.
    """

    __slots__ = ("_frames", "_loaded", "_mapping", "_tables", "_target", "kind", "name", "path", "problem")

    def __init__(self, target: Target, mapping: Mapping, kind: Kind, name: str = "") -> None:
        self.name = name or short_name(mapping.path)
        self.path = escape(mapping.path) or self.name
        self.kind: Kind = kind
        self.problem = ""
        self._target = target
        self._mapping = mapping
        # False: there is none. None: nobody has asked.
        self._loaded: Loaded | Literal[False] | None = False if kind in ("jit", "trampoline") else None
        self._frames: CallFrames | Literal[False] | None = None
        self._tables: list[SymbolTable] | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} module {self.name}>"

    @property
    def bias(self) -> int:
        """What is added to the file's addresses to get those of the process; 0 when that is not known."""
        loaded = self.loaded
        return loaded.bias if loaded is not None else 0

    @property
    def loaded(self) -> Loaded | None:
        """The file as it lies in memory, None when it is no ELF file or damaged. Never raises."""
        loaded = self._loaded
        if loaded is None:
            loaded = self._loaded = self._load() or False
        return loaded or None

    @property
    def frames(self) -> CallFrames | None:
        """The call-frame information in the target's memory, None when there is none. Never raises."""
        frames = self._frames
        if frames is None:
            frames = self._frames = self._find_frames() or False
        return frames or None

    def symbol(self, pc: int) -> str | None:
        """Return the name of the C function at an address, None when it has none. Never raises.

        Demangled, escaped, at most 200 characters. The first call reads the symbol table: some milliseconds.
        """
        if self.kind in ("jit", "trampoline"):
            return self._target.names.name(pc)
        tables = self._tables
        if tables is None:
            tables = self._tables = self._find_tables()
        for table in tables:
            try:
                name = table.find(pc - self.bias)
            except TargetError as error:
                self.problem = str(error)
                continue
            if name is not None:
                return readable(name)
        return None

    def _load(self) -> Loaded | None:
        mapping = self._mapping
        try:
            image = self._target.image(mapping)
            bias = bias_of(image, mapping)
            if bias is None:
                raise ElfError("what is mapped is not what the file's headers say")
            return Loaded(self._target.memory.read, image, bias)
        except TargetError as error:
            self.problem = str(error)
            return None

    def _find_frames(self) -> CallFrames | None:
        loaded = self.loaded
        if loaded is None:
            return None
        header = loaded.frame_header()
        machine = MACHINES.get(loaded.machine)
        if header is None or machine is None:
            self.problem = self.problem or "there is no call-frame information in it"
            return None
        return CallFrames(self._target.memory.read, *header, machine)

    def _find_tables(self) -> list[SymbolTable]:
        """The symbol tables, in the order in which they are looked into."""
        loaded = self.loaded
        if loaded is None:
            return []
        tables: list[SymbolTable] = []
        for find in (self._own_symbols, self._debug_symbols, self._dynamic_symbols):
            try:
                whole = find(loaded, tables)
            except TargetError as error:
                self.problem = self.problem or str(error)
                continue
            if whole:
                break
        return tables

    def _own_symbols(self, loaded: Loaded, tables: list[SymbolTable]) -> bool:
        """Add the tables of the file itself; return whether they hold all there are. Raises TargetError."""
        if not self._mapping.inode:
            return False
        with self._target.process.open_mapped(self._mapping) as file:
            image = Image(file)
            if image.segments != loaded.segments or build_id(file) not in (loaded.build_id(), None):
                raise ElfError(f"{self.path} is not the file any more that the process has loaded")
            table = file_symbols(image, file.fileno())
            whole = table is not None
            table = table or embedded_symbols(image)
        if table is not None:
            tables.append(table)
        return whole

    def _debug_symbols(self, loaded: Loaded, tables: list[SymbolTable]) -> bool:
        """Replace the tables by that of a debug file. Raises TargetError."""
        identity = loaded.build_id()
        table = symbols_by_build_id(self._target.process.pid, identity) if identity else None
        if table is not None:
            tables[:] = [table]
        return table is not None

    def _dynamic_symbols(self, loaded: Loaded, tables: list[SymbolTable]) -> bool:
        """Add the table of what the file exports, from memory. Raises TargetError."""
        where = loaded.dynamic_symbols()
        if where is not None:
            tables.append(loaded_symbols(self._target.memory.read, where))
        return True


def _headers(file: Seekable) -> Image:
    image = Image(file)
    # Read now: the file will be closed.
    _ = image.segments
    return image
