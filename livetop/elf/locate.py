"""Where symbols and sections of a loaded file are in a process: by its file, else by what was loaded of it.

An upgrade deletes or replaces the files of running programs, and in a container they may be out of reach: the
exported symbols are in memory all the same, only local ones and sections are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from livetop.target.errors import MemoryFault, NotReadable
from livetop.target.maps import Mapping
from livetop.target.memory import Memory
from livetop.target.process import Process

from .errors import ElfError
from .image import PF_W, Image, Segment
from .loaded import Loaded, MappedFile
from .sections import load_bias, section_address
from .symbols import find_symbols


@dataclass(frozen=True, slots=True)
class Located:
    """What was found, as addresses in the process.

    `sections` has (address, size), `writable` those of the segments of data, `machine` ELF's number for it.
    `problem` says why the file itself could not be used, "" when it was: then only what the file exports was
    looked for, and no section.
    """

    symbols: dict[str, int] = field(default_factory=dict)
    sections: dict[str, tuple[int, int]] = field(default_factory=dict)
    problem: str = ""
    writable: tuple[tuple[int, int], ...] = ()
    machine: int = 0


def locate(
    process: Process,
    memory: Memory,
    mappings: Sequence[Mapping],
    names: Sequence[str],
    sections: Sequence[str] = (),
    *,
    exported: Sequence[str] = (),
) -> Located:
    """Find symbols and sections of the one file that `mappings` are of. What is not found is left out.

    `exported` are names that are looked up where the file exports symbols only, which is much faster.
    Raises ElfError when neither file nor memory is that of an ELF file; ProcessGone, PermissionDenied.
    """
    image = _in_memory(memory, mappings)
    try:
        with process.open_mapped(_telling(mappings)) as file:
            return _in_file(file, image, mappings, names, sections, exported)
    except (NotReadable, ElfError) as error:
        if image is None:
            raise ElfError(str(error)) from None
        problem = str(error)
    try:
        bias = load_bias(image, mappings)
        found = Loaded(memory.read, image, bias).find([*names, *exported])
        return Located(found, {}, problem, _writable(image, bias), image.machine)
    except MemoryFault as error:
        raise ElfError(f"{problem}; {error}") from None


def _in_file(
    file: BinaryIO,
    memory: Image | None,
    mappings: Sequence[Mapping],
    names: Sequence[str],
    sections: Sequence[str],
    exported: Sequence[str],
) -> Located:
    image = Image(file)
    if memory is not None and _segments(memory) != _segments(image):
        # Another file system may use the same inode number, and a file may be written over in place.
        raise ElfError("the file is not the one any more that the process has loaded")
    bias = load_bias(image, mappings)
    symbols = {name: bias + address for name, address in find_symbols(file, names, exported).items()}
    places = {name: section_address(file, name) for name in sections}
    there = {name: (bias + at[0], at[1]) for name, at in places.items() if at is not None}
    return Located(symbols, there, "", _writable(image, bias), image.machine)


def _writable(image: Image, bias: int) -> tuple[tuple[int, int], ...]:
    return tuple((part.address + bias, part.size) for part in image.loads if part.flags & PF_W)


def _in_memory(memory: Memory, mappings: Sequence[Mapping]) -> Image | None:
    """The headers of the file as they were loaded; None when they were not."""
    try:
        image = Image(MappedFile(memory.read, mappings))
        return image if image.loads else None
    except (ElfError, MemoryFault):
        return None


def _segments(image: Image) -> tuple[Segment, ...]:
    try:
        return image.segments
    except ElfError:
        return ()


def _telling(mappings: Sequence[Mapping]) -> Mapping:
    """The mapping by which the file is opened: code, as data may have been mapped by anybody."""
    return next((one for one in mappings if "x" in one.permissions), mappings[0])
