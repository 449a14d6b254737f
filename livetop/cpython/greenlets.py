"""Greenlets: which one a thread runs, and where those that are parked will go on.

A greenlet object points to its state in C++ (greenlet 2 on), or is it itself (before). The fields differ
with the versions of greenlet, CPython and the compiler, and none of them is in a table: they are known by
what they must be. From CPython 3.11 on a parked greenlet keeps its own data stack, so its state has the words
{current frame, chunk, top, limit} that fit each other and the chunk; before, its state has the frame object.
Parts of the C stack that a parked greenlet had, entry frames among them, are copied away while others use it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .code import Code, CodeReader
from .greenlet_search import GREENLET
from .layout import CHUNK, Layout
from .strings import ObjectError
from .type_names import TypeNames

MAIN = "main"
"""What a thread's own greenlet goes by."""
PARKED, RUNNING, UNREADABLE = "parked", "running", "cannot be read"

# No more than any version's state has: what lies behind may be another one's.
_WORDS = 24
# {start, stop, copy, saved} of the C stack are among the first words, and the frame so many behind the start.
_STACK_AT = range(13)
_FRAME_BEHIND = range(5, 12)
_NO_STOP = (1 << 64) - 1
# weakreflist, dict, then the state, and no more: struct _PyGreenlet (greenlet.h) since 2.0.
_STATE, _SIZE = 16, 24
_MAX_FRAMES = 1_000
_MAX_CHUNK = 1 << 24
_MAX_CHUNKS = 1_000
_MAX_STACK = 64 << 20
_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")
_ADDRESS = ~7
_OWN_LIBRARY = ("/gevent/", "/eventlet/", "/greenlet/")


@dataclass(slots=True)
class GreenletInfo:
    """One greenlet that has begun. `frames`: (code, line), innermost first; [] where they cannot be read.

    `name`: of the function that it began with. `waits_for`: what of its library it called, or "". `thread`:
    address of the state of the thread that runs it, 0 for none.
    """

    address: int
    name: str
    state: str
    frames: list[tuple[Code, int]]
    waits_for: str
    thread: int
    chunk: int = 0
    """The first chunk of its data stack (3.11 on): it has the same one when it runs."""


@dataclass(slots=True)
class _Stack:
    """The part of a C stack that was copied away: `low` up to `end` lie at `copy` now."""

    low: int = 0
    end: int = 0
    copy: int = 0

    def at(self, address: int) -> int:
        """Where what belongs at an address is."""
        return address - self.low + self.copy if self.low <= address < self.end else address


class Greenlets:
    """Reads greenlets of one process."""

    def __init__(self, memory: Memory, layout: Layout, types: TypeNames, codes: CodeReader) -> None:
        self._memory = memory
        self._o = layout
        self._types = types
        self._codes = codes
        self._heap = layout.frames == "heap"

    def read(self, addresses: Iterable[int], threads: Iterable[int], now: float) -> dict[int, GreenletInfo]:
        """The greenlets at these addresses that have begun, by address. `threads`: of thread states."""
        roots = self.roots(threads)
        infos = {address: self.one(address, roots, now) for address in addresses}
        return {address: info for address, info in infos.items() if info is not None}

    def roots(self, threads: Iterable[int]) -> dict[int, int]:
        """The thread state (address) that runs on each data stack (its first chunk), where that tells."""
        roots: dict[int, int] = {}
        if not self._heap:
            for thread in threads:
                root = self._root(self._word(thread + self._o.datastack_chunk))
                if root:
                    roots[root] = thread
        return roots

    def _word(self, address: int) -> int:
        try:
            found: int = _U64.unpack(self._memory.read(address, 8))[0]
        except MemoryFault:
            return 0
        return found

    def _root(self, chunk: int) -> int:
        """The first chunk of a data stack, 0 for none."""
        for _ in range(_MAX_CHUNKS):
            previous = self._word(chunk) if chunk else 0
            if not previous:
                return chunk
            chunk = previous
        return 0

    def one(self, address: int, roots: dict[int, int], now: float) -> GreenletInfo | None:
        words = self._state(address)
        at = self._find_frame(words)
        if at is None:
            return None
        chunk = self._root(words[at + 1]) if not self._heap else 0
        thread = roots.get(chunk, 0)
        if thread:
            # Its state is that of the last time it was parked.
            return GreenletInfo(address, "", RUNNING, [], "", thread, chunk)
        frames = self._frames(words[at], _stack_of(words[:at]), now)
        if not frames:
            return GreenletInfo(address, "greenlet", UNREADABLE, [], "", 0, chunk)
        return GreenletInfo(address, name_of(frames), PARKED, frames, _waits_for(frames), 0, chunk)

    def _state(self, address: int) -> tuple[int, ...]:
        """The words of its state: those that the object points to, or its own; () when there are none."""
        head = self._o.object_head
        (kind,) = self._types.of([address])
        size = self._types.size_of(kind, GREENLET)
        start, count = address + head, min(_WORDS, max(0, size - head) // 8)
        if size == head + _SIZE:
            start, count = self._word(address + head + _STATE), _WORDS
        # A state that is shorter may end where memory does.
        for words in (count, count // 2):
            try:
                return struct.unpack(f"<{words}Q", self._memory.read(start, 8 * words)) if start else ()
            except MemoryFault:
                continue
        return ()

    def _find_frame(self, words: tuple[int, ...]) -> int | None:
        """Which word of a state is the innermost frame's address; None where there is none."""
        if self._heap:
            kinds = [kind and self._types.name(kind) for kind in self._types.of(words)]
            for begin in _STACK_AT:
                if _is_stack(words[begin : begin + 4]):
                    for at in _FRAME_BEHIND:
                        if begin + at < len(words) and kinds[begin + at] == "frame":
                            return begin + at
            return None
        for at in range(1, len(words) - 2):
            chunk, top, limit = words[at : at + 3]
            if not (chunk and chunk < top <= limit and limit - chunk <= _MAX_CHUNK and not chunk & 15):
                continue
            try:
                _, size, _ = CHUNK.unpack(self._memory.read(chunk, CHUNK.size))
            except MemoryFault:
                continue
            if chunk + size == limit:
                return at - 1
        return None

    def _frames(self, frame: int, stack: _Stack, now: float) -> list[tuple[Code, int]]:
        o = self._o
        found: list[tuple[Code, int]] = []
        seen: set[int] = set()
        while frame and frame not in seen and len(seen) < _MAX_FRAMES:
            seen.add(frame)
            try:
                data = self._memory.read(stack.at(frame), o.frame_size)
                if self._heap or data[o.frame_owner] < o.hidden_owner:
                    found.append(self._place(data, now))
            except (MemoryFault, ObjectError):
                return []
            (frame,) = _U64.unpack_from(data, o.frame_previous)
        return found

    def _place(self, data: bytes, now: float) -> tuple[Code, int]:
        o = self._o
        code = self._codes.get(_U64.unpack_from(data, o.frame_code)[0] & _ADDRESS, now)
        if self._heap:
            (last,) = _I32.unpack_from(data, o.frame_instruction)
            return code, code.line(code.base + last * o.instruction_unit)
        return code, code.line(_U64.unpack_from(data, o.frame_instruction)[0])


def _stack_of(words: tuple[int, ...]) -> _Stack:
    """{start, stop, copy, saved} of the C stack, which lie before the frame."""
    for at in _STACK_AT:
        start, _, copy, saved = words[at : at + 4] if at + 4 <= len(words) else (0, 0, 0, 0)
        if copy and saved and _is_stack(words[at : at + 4]):
            return _Stack(start, start + saved, copy)
    return _Stack()


def _is_stack(words: tuple[int, ...]) -> bool:
    """Whether these may be {start, stop, copy, saved} of one that is parked; the main one has no stop."""
    if len(words) < 4:
        return False
    start, stop, _, saved = words
    size = _MAX_STACK if stop == _NO_STOP else stop - start
    return start > 0 and start < stop and saved <= size <= _MAX_STACK


def name_of(frames: list[tuple[Code, int]]) -> str:
    """What a greenlet goes by: the outermost function that is the program's own; "main" if it is a module."""
    name = next((code.name for code, _ in reversed(frames) if not _is_own(code)), frames[-1][0].name)
    return MAIN if name == "<module>" else name


def _is_own(code: Code) -> bool:
    """Whether this is the greenlets' own library."""
    return any(folder in code.file for folder in _OWN_LIBRARY)


def _waits_for(frames: list[tuple[Code, int]]) -> str:
    """The function of its library that the program called: that is where it gave way."""
    called = ""
    for code, _ in frames:
        if not _is_own(code):
            return called
        called = code.name
    # Its own work: there is no program that waits.
    return ""
