"""The entries of .eh_frame: a function's (FDE), and what many have in common (CIE).

The layouts are those of the Linux Standard Base, "The .eh_frame section".
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Final

from .cfi_rows import RowProgram
from .cfi_rules import START, Cie
from .errors import CfiError
from .machines import Machine
from .pointers import MASK, OMIT, Read, plain, pointer, sleb, uleb

# OpenBLAS's largest function's entry has 7,232 bytes.
_MAX_ENTRY: Final = 1 << 15
# Common entries have 20 to 40.
_MAX_CIE: Final = 1 << 10
# What is read at once: four of five entries fit into it, and it does not reach into another page.
_FIRST_READ: Final = 256
_PAGE: Final = 4096
_MAX_AUGMENTATION: Final = 16
_MAX_ALIGNMENT: Final = 1 << 16

_HEAD = struct.Struct("<II")


def read_entry(read: Read, address: int, most: int = _MAX_ENTRY) -> bytes:
    """Return an entry, with its length field. Raises CfiError, also for the terminator."""
    try:
        data = read(address, max(4, min(_FIRST_READ, _PAGE - address % _PAGE)))
    except CfiError:
        # It may be the last thing in what is mapped.
        data = read(address, 4)
    size = int.from_bytes(data[:4], "little") + 4
    if not 8 < size <= most:
        # 0xffffffff begins an entry of 64 bits, which no compiler writes into .eh_frame.
        raise CfiError("damaged call-frame information: an entry of an impossible size")
    return data[:size] if size <= len(data) else read(address, size)


def cie_address(data: bytes, address: int) -> int:
    """Return where the CIE of a function's entry is. Raises CfiError when it is no function's entry."""
    distance = _HEAD.unpack_from(data)[1]
    if not distance:
        raise CfiError("damaged call-frame information: a function's entry that is none")
    return address + 4 - int(distance)


def parse_cie(read: Read, address: int, machine: Machine) -> Cie:
    """Read the CIE at `address` and run its instructions. Raises CfiError."""
    data, cie, at = read_cie(read, address)
    program = RowProgram(data, address, read, cie, machine, 0)
    program.run(at)
    return dataclasses.replace(cie, initial=program.states[-1])


def read_cie(read: Read, address: int) -> tuple[bytes, Cie, int]:
    """Return the CIE at `address`, what it says, and where its instructions begin. Raises CfiError."""
    data = read_entry(read, address, _MAX_CIE)
    try:
        return data, *_cie(data)
    except (IndexError, struct.error):
        raise CfiError("damaged call-frame information: an entry that ends too early") from None


def _cie(data: bytes) -> tuple[Cie, int]:
    version = data[8]
    end = data.find(b"\0", 9, 9 + _MAX_AUGMENTATION)
    if _HEAD.unpack_from(data)[1] or version not in (1, 3, 4) or end < 0:
        raise CfiError("damaged call-frame information: a common entry that is none")
    letters = data[9:end]
    at = end + 1
    if version == 4:
        # The size of an address, and of a segment selector.
        if data[at : at + 2] != b"\x08\x00":
            raise CfiError("call-frame information for another kind of machine")
        at += 2
    code_alignment, at = uleb(data, at)
    data_alignment, at = sleb(data, at)
    column, at = uleb(data, at) if version > 1 else (data[at], at + 1)
    if not (0 < code_alignment <= _MAX_ALIGNMENT and abs(data_alignment) <= _MAX_ALIGNMENT and column <= 255):
        raise CfiError("damaged call-frame information: impossible alignments")
    encoding = 0
    augmented = letters[:1] == b"z"
    body = at
    if augmented:
        size, at = uleb(data, at)
        body = at + size
    for letter in letters[augmented:].decode("latin-1"):
        if letter == "R":
            encoding = data[at]
            at += 1
        elif letter == "L":
            at += 1
        elif letter == "P":
            personality = data[at]
            at += 1
            if personality != OMIT:
                _, at = plain(data, at, personality)
        elif letter not in "SBG":
            # "eh" above all, which ended with GCC 2: what follows cannot be known.
            raise CfiError("call-frame information with an unknown augmentation")
    if augmented and at > body:
        raise CfiError("damaged call-frame information: augmentation data that ends too early")
    signal = b"S" in letters
    return (
        Cie(code_alignment, data_alignment, column, encoding, augmented, signal, START),
        max(at, body),
    )


def parse_range(data: bytes, address: int, cie: Cie, read: Read) -> tuple[int, int, int]:
    """Return a function's start and end, and where its instructions begin in its entry. Raises CfiError."""
    try:
        start, at = pointer(data, 8, cie.encoding, address, read)
        # A length has the format of the encoding, and is relative to nothing.
        size, at = plain(data, at, cie.encoding & 0x07)
        if cie.augmented:
            augmentation, at = uleb(data, at)
            at += augmentation
    except (IndexError, struct.error):
        raise CfiError("damaged call-frame information: an entry that ends too early") from None
    if at > len(data) or start + size > MASK:
        raise CfiError("damaged call-frame information: an impossible function")
    return start, start + size, at
