"""Finding CPython's structures without symbols: by the cookie of 3.13 on, by machine code, by their shape."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from itertools import islice
from typing import Final

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .checks import THREAD_INTERPRETER, check
from .layout import DEBUG_COOKIE, Layout, LayoutError

# Numbers of elf.h.
_X86_64: Final = 62
_AARCH64: Final = 183

# More than the data of any interpreter, without its heap.
_MAX_DATA = 64 << 20
_MAX_CANDIDATES = 1 << 18
# An address space's user half; nothing is mapped in its first pages.
_LOWEST, _HIGHEST = 1 << 12, 1 << 56
_CODE = 32
_BATCH = 1000


def _segments(memory: Memory, writable: Iterable[tuple[int, int]]) -> Iterable[tuple[int, bytes]]:
    left = _MAX_DATA
    for address, size in writable:
        left -= size
        if left < 0:
            return
        try:
            yield address, memory.read(address, size)
        except MemoryFault:
            continue


def scan_for_cookie(memory: Memory, writable: Iterable[tuple[int, int]]) -> int | None:
    """Find `_Py_DebugOffsets` (3.13 on) by its cookie in segments (address, size); None when not there."""
    for address, data in _segments(memory, writable):
        at = data.find(DEBUG_COOKIE)
        if at >= 0:
            return address + at
    return None


def scan_for_runtime(memory: Memory, writable: Iterable[tuple[int, int]], layout: Layout) -> int | None:
    """Find what `Runtime.address` is by its shape; None when not there.

    A word of the data is the head of the list of interpreters when it points to something that has a thread
    whose interpreter it is, and modules that are a dict.
    """
    for address, data in _segments(memory, writable):
        words = array("Q", data[: len(data) & -8])
        pointers = dict.fromkeys(word for word in words if _LOWEST < word < _HIGHEST and not word & 7)
        rest = islice(pointers, _MAX_CANDIDATES)
        while group := list(islice(rest, _BATCH)):
            for interpreter in _with_threads(memory, group, layout):
                runtime = address + 8 * _head_among(words, interpreter) - layout.interpreters_head
                try:
                    check(memory, runtime, layout)
                except (LayoutError, MemoryFault):
                    continue
                return runtime
    return None


def _head_among(words: array[int], interpreter: int) -> int:
    """Where the head of the list is among the words that point to an interpreter: main comes behind it."""
    first = at = words.index(interpreter)
    while True:
        if words[at + 1 : at + 2] == words[at : at + 1]:
            return at
        try:
            at = words.index(interpreter, at + 1)
        except ValueError:
            return first


def _with_threads(memory: Memory, candidates: Iterable[int], layout: Layout) -> list[int]:
    """Those that point to an interpreter: its newest thread says that it is its own."""
    addresses = list(candidates)
    heads = memory.read_many([(address + layout.threads_head, 8) for address in addresses])
    threads = [
        (address, int.from_bytes(head, "little"))
        for address, head in zip(addresses, heads, strict=True)
        if head is not None
    ]
    threads = [(address, thread) for address, thread in threads if _LOWEST < thread < _HIGHEST]
    owners = memory.read_many([(thread + THREAD_INTERPRETER, 8) for _, thread in threads])
    return [
        address
        for (address, _), owner in zip(threads, owners, strict=True)
        if owner is not None and int.from_bytes(owner, "little") == address
    ]


def head_of_interpreters(memory: Memory, function: int, machine: int) -> int | None:
    """The address of `interp_head`, out of the code of PyInterpreterState_Head (3.6), which returns it.

    None for code that does something else. Raises MemoryFault.
    """
    return decode_load(memory.read(function, _CODE), function, machine)


def decode_load(code: bytes, address: int, machine: int) -> int | None:
    """The address that the first load in a short function reads a pointer from."""
    if machine == _X86_64:
        at = code.find(_LOAD_RAX)
        # Nothing but the function's entry may come before: endbr64, push %rbp, mov %rsp,%rbp.
        if at < 0 or code[:at].replace(_ENDBR64, b"").replace(_PROLOGUE, b""):
            return None
        (relative,) = struct.unpack_from("<i", code, at + len(_LOAD_RAX))
        return address + at + len(_LOAD_RAX) + 4 + int(relative)
    if machine == _AARCH64:
        return _decode_aarch64(struct.unpack(f"<{len(code) // 4}I", code[: len(code) & -4]), address)
    return None


_LOAD_RAX = b"\x48\x8b\x05"
_ENDBR64 = b"\xf3\x0f\x1e\xfa"
_PROLOGUE = b"\x55\x48\x89\xe5"
_BTI = 0xD503245F


def _decode_aarch64(words: tuple[int, ...], address: int) -> int | None:
    """adrp xN, page; maybe add xN, xN, offset; ldr x0, [xN, offset] (Arm's Architecture Reference Manual)."""
    page: dict[int, int] = {}
    for index, word in enumerate(words):
        target, base = word & 31, word >> 5 & 31
        if word & 0x9F000000 == 0x90000000:  # adrp
            value = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
            value -= (value & 1 << 20) << 1
            page[target] = (address + 4 * index & -4096) + (value << 12)
        elif word & 0xFFC00000 == 0x91000000 and base in page:  # add, an offset of 12 bits
            page[target] = page[base] + (word >> 10 & 0xFFF)
        elif word & 0xFFC00000 == 0xF9400000 and base in page:  # ldr, an offset in words
            return page[base] + (word >> 10 & 0xFFF) * 8
        elif word != _BTI:
            return None
    return None
