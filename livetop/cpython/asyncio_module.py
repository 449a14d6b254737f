"""asyncio's own module in C: whether it is loaded, and what it says of itself (`.AsyncioDebug`, 3.14 on)."""

from __future__ import annotations

from livetop.elf.errors import ElfError
from livetop.elf.locate import locate
from livetop.target.errors import MemoryFault
from livetop.target.maps import mapped_files, read_maps
from livetop.target.memory import Memory
from livetop.target.process import Process

from .task_layouts import DEBUG_OFFSETS, TaskLayout, from_debug_offsets

_SECTION = ".AsyncioDebug"


def stated_layout(process: Process, memory: Memory) -> TaskLayout | None:
    """The layout of tasks that the process states; None when it states none, or its section headers are gone.

    It is in the module's own file (3.14), or in that of the interpreter (3.15). Raises ProcessGone.
    """
    files = list(mapped_files(read_maps(process.pid)).values())
    likely = [
        mappings
        for mappings in files
        if any("x" in mapping.permissions for mapping in mappings)
        and any(word in mappings[0].path.rpartition("/")[2] for word in ("_asyncio", "python"))
    ]
    if files and files[0] not in likely:
        # A program that embeds CPython may be called anything.
        likely.append(files[0])
    for mappings in sorted(likely, key=lambda found: "_asyncio" not in found[0].path):
        try:
            place = locate(process, memory, mappings, (), (_SECTION,)).sections.get(_SECTION)
            if place is not None and place[1] >= DEBUG_OFFSETS.size:
                return from_debug_offsets(memory.read(place[0], DEBUG_OFFSETS.size))
        except (ElfError, MemoryFault):
            continue
    return None
