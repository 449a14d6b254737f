"""Finding CPython in a process: its runtime structure, its version, and whether we can read it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from livetop.target.errors import MemoryFault, NotReadable
from livetop.target.maps import read_maps
from livetop.target.memory import Memory
from livetop.target.process import Process

from .checks import check, head_of, started, type_of_types
from .layout import (
    DEBUG_COOKIE,
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    TABLES,
    Layout,
    LayoutError,
    debug_offsets_size,
    from_debug_offsets,
    on_machine,
    table_of,
    with_object_head,
)
from .places import Place, find_places
from .scan import head_of_interpreters, scan_for_cookie, scan_for_runtime
from .versions import Version, from_data, from_hex

_SUPPORTED = sorted({*TABLES, *DEBUG_OFFSETS_WORDS})
_OLDEST, _NEWEST = _SUPPORTED[0], _SUPPORTED[-1]
_TRACE_REFS = 32
# sizeof(pthread_cond_t), the larger of the two kinds of variables that threads wait in for the GIL of 3.6.
_CONDITION = 48


def supported() -> str:
    """The versions that can be read, for messages."""
    return f"{_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which Python a process runs. `version` is like "3.12.1", `reason` says why it cannot be read.

    `build` is release, or of free-threaded, trace-refs and debug those that it is. `warning` is one line for
    the user of a Python that is read although it is not known; "" for all others.
    """

    version: str
    build: str
    readable: bool
    reason: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A CPython that can be read: `address` of `_PyRuntime`, and the types that objects are checked by.

    In 3.6 `address` is that of the variable `interp_head`. It has more in variables of its own, 0 where they
    are elsewhere or not known: `holder`, the address of `_PyThreadState_Current`; `collecting`, `collected`,
    those of the garbage collector's flag and statistics; `gil_waits`, (address, size) of what threads wait in
    for the GIL.
    """

    address: int
    layout: Layout
    identity: Identity
    code_type: int | None
    holder: int = 0
    collecting: int = 0
    collected: int = 0
    gil_waits: tuple[int, int] = (0, 0)


def identify(process: Process, memory: Memory) -> Identity:
    """Say which Python a process runs. Raises NotReadable when it is none."""
    try:
        return find_runtime(process, memory).identity
    except Unreadable as error:
        return error.identity


class Unreadable(NotReadable):
    """A Python, but not one that can be read."""

    def __init__(self, pid: int, identity: Identity) -> None:
        super().__init__(f"process {pid} runs {identity.reason}: livetop reads CPython {supported()}")
        self.identity = identity


def find_runtime(process: Process, memory: Memory) -> Runtime:
    """Find the CPython of a process.

    Raises NotReadable when the process has no Python, Unreadable when it is one that cannot be read (the text
    tells which); ProcessGone, PermissionDenied.
    """
    pid = process.pid
    hidden: list[Place] = []
    idle: NotReadable | None = None
    for place in find_places(process, memory):
        if place.pypy:
            raise _refuse(pid, "PyPy", "PyPy", "pypy")
        address = _address(memory, place)
        if address is None:
            hidden.append(place)
            continue
        try:
            return _read(pid, memory, place, address)
        except Unreadable:
            raise
        except NotReadable as error:
            # An extension module may have brought a second libpython along, which nobody has started.
            idle = idle or error
    for place in hidden:
        runtime = _search(pid, memory, place)
        if runtime is not None:
            return runtime
    if idle is not None:
        raise idle
    raise NotReadable(f"process {pid} is not a Python program (no CPython runtime in it): try `livetop list`")


def _refuse(pid: int, version: str, reason: str, build: str = "release") -> Unreadable:
    return Unreadable(pid, Identity(version, build, False, reason))


def _address(memory: Memory, place: Place) -> int | None:
    """What `Runtime.address` is, by symbols and code."""
    if place.runtime is not None:
        return place.runtime
    found = place.symbols.get("interp_head")
    function = place.symbols.get("PyInterpreterState_Head")
    if found is None and function is not None:
        try:
            found = head_of_interpreters(memory, function, place.machine)
        except MemoryFault:
            return None
    return found


def _search(pid: int, memory: Memory, place: Place) -> Runtime | None:
    """Look for a CPython whose symbols are gone in the data of a file. Raises NotReadable."""
    writable = place.writable
    if place.interpreter and not writable:
        # Not even its headers can be read.
        writable = tuple((one.start, one.size) for one in read_maps(pid) if "w" in one.permissions)
    address = scan_for_cookie(memory, writable)
    if address is not None:
        return _read(pid, memory, place, address)
    version = from_data(memory, writable) or (place.named if place.interpreter or place.python else None)
    if version is None:
        return None
    _admit(pid, version)
    if version.pair in TABLES:
        for layout in _variants(version):
            address = scan_for_runtime(memory, writable, layout)
            if address is not None:
                return _read(pid, memory, place, address)
    return None


def _variants(version: Version) -> Sequence[Layout]:
    layout = table_of(version.pair, version.micro)
    assert layout is not None
    return layout, with_object_head(layout, _TRACE_REFS, "trace-refs")


def _read(pid: int, memory: Memory, place: Place, address: int) -> Runtime:
    """Read the version and the layout of the CPython at an address."""
    try:
        version = _version(pid, memory, place, address)
        _admit(pid, version)
        layout, warning = _layout(memory, place, address, version)
        if version.micro is None:
            if not started(memory, address, layout):
                # Its file's name told: it has not got so far as to say so itself, which says more.
                raise _early(pid)
            version = from_data(memory, place.writable) or version
            layout, warning = _layout(memory, place, address, version)
        if warning and not started(memory, address, layout):
            raise LayoutError("nothing can be told of it before it has started a thread")
        check(memory, address, layout)
    except MemoryFault:
        raise _early(pid) from None
    except LayoutError as error:
        raise NotReadable(f"process {pid} runs Python {version.text}, but {error}") from None
    layout = on_machine(replace(layout, build=_build(layout, place)), place.machine)
    known = place.symbols.get
    return Runtime(
        address,
        layout,
        Identity(version.text, layout.build, True, warning=warning),
        known("PyCode_Type"),
        known("_PyThreadState_Current", 0),
        known("collecting", 0),
        known("generation_stats", 0),
        (0, 0) if layout.gil_size else _gil_waits(place),
    )


def _early(pid: int) -> NotReadable:
    return NotReadable(
        f"process {pid} maps a CPython that has not started yet (or is just being replaced): try again"
    )


def _version(pid: int, memory: Memory, place: Place, address: int) -> Version:
    """Raises MemoryFault, NotReadable."""
    cookie, hexversion, _ = DEBUG_OFFSETS_HEAD.unpack(memory.read(address, DEBUG_OFFSETS_HEAD.size))
    if cookie == DEBUG_COOKIE:
        return from_hex(hexversion)
    at = place.symbols.get("Py_Version")
    if at is not None:
        (hexversion,) = struct.unpack("<I", memory.read(at, 4))
        if hexversion:
            return from_hex(hexversion)
    # Below 3.11 a version is only shown, as text that is put together when Python starts.
    version = from_data(memory, place.writable) or place.named
    if version is None:
        raise _early(pid)
    return version


def _admit(pid: int, version: Version) -> None:
    """Raises Unreadable for what is no CPython, or too old."""
    if version.pypy:
        raise _refuse(pid, version.text, f"PyPy of Python {version.text}", "pypy")
    if version.pair < _OLDEST:
        raise _refuse(pid, version.text, f"Python {version.text}")


def _layout(memory: Memory, place: Place, address: int, version: Version) -> tuple[Layout, str]:
    """The layout of this build, and a warning if it is a guess. Raises LayoutError, MemoryFault."""
    layout = table_of(version.pair, version.micro)
    if layout is not None:
        head = _head(memory, place, address, layout)
        return (with_object_head(layout, head, "trace-refs") if head != layout.object_head else layout), ""
    data = memory.read(address, debug_offsets_size(version.pair))
    if not data.startswith(DEBUG_COOKIE):
        raise LayoutError("it does not tell where its structures are")
    warning = ""
    if version.pair > _NEWEST:
        newest = f"{_NEWEST[0]}.{_NEWEST[1]}"
        warning = (
            f"Python {version.text} is newer than this livetop knows: it is read as if it were {newest}, "
            "and what is shown may be wrong"
        )
    return from_debug_offsets(version.pair, data), warning


def _head(memory: Memory, place: Place, address: int, layout: Layout) -> int:
    """The size of the head of this build's objects. Raises LayoutError, MemoryFault."""
    types = place.symbols.get("PyType_Type")
    if types is None:
        # Any object will do, and a dict of modules is soon there.
        (interpreter,) = struct.unpack("<Q", memory.read(address + layout.interpreters_head, 8))
        if interpreter:
            (modules,) = struct.unpack("<Q", memory.read(interpreter + layout.modules, 8))
            types = type_of_types(memory, modules) if modules else None
    return head_of(memory, types) if types else layout.object_head


def _build(layout: Layout, place: Place) -> str:
    """What build it is, in words."""
    debug = "_Py_NegativeRefcount" in place.symbols
    words = [word for word in [layout.build] if word != "release"]
    if debug and layout.version < (3, 8):
        # Py_DEBUG had trace references then.
        words = []
    return " ".join([*words, "debug"] if debug else words) or "release"


def _gil_waits(place: Place) -> tuple[int, int]:
    """Where the mutex and the condition of the GIL are in 3.6 (Python/ceval_gil.h)."""
    places = [place.symbols[name] for name in ("gil_mutex", "gil_cond") if name in place.symbols]
    ends = [at + _CONDITION for at in places]
    if not places:
        # All other locks of CPython are on the heap, so any in its own data will be those.
        places = [at for at, _ in place.writable]
        ends = [at + size for at, size in place.writable]
    return (min(places), max(ends) - min(places)) if places else (0, 0)
