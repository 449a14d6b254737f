"""Text and bytes objects of the target (Include/cpython/unicodeobject.h, bytesobject.h)."""

from __future__ import annotations

import struct

from livetop.target.memory import Memory
from livetop.target.text import escape

from .layout import Layout

_U64 = struct.Struct("<Q")
_U32 = struct.Struct("<I")

MAX_TEXT = 4096
MAX_BYTES = 1 << 22

# By PyASCIIObject.state.kind, the bytes a character.
_CODECS = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}


class ObjectError(ValueError):
    """Memory that is not the object it should be: torn, freed, or hostile."""


def text_place(memory: Memory, layout: Layout, address: int) -> tuple[int, int, str]:
    """Return (address, bytes, codec) of the characters of a str object, capped at MAX_TEXT.

    Those of an instance of a class derived from str are not in itself (PyUnicodeObject.data).

    Raises ObjectError; MemoryFault.
    """
    head = memory.read(address, layout.unicode_state + 4)
    (length,) = _U64.unpack_from(head, layout.unicode_length)
    (state,) = _U32.unpack_from(head, layout.unicode_state)
    width = (state & layout.kind_mask) // (layout.kind_mask // 7)
    codec = _CODECS.get(width)
    if codec is None or length > 1 << 40:
        raise ObjectError(f"no str at {address:#x}")
    size = min(length, MAX_TEXT) * width
    if not state & layout.compact_mask:
        (start,) = _U64.unpack(memory.read(address + layout.compact_size, 8))
        return start, size, codec
    return address + (layout.ascii_size if state & layout.ascii_mask else layout.compact_size), size, codec


def read_text(memory: Memory, layout: Layout, address: int) -> str:
    """Return a str object's text, escaped, at most MAX_TEXT characters. Raises ObjectError, MemoryFault."""
    return decode_text(*_fetch(memory, text_place(memory, layout, address)))


def _fetch(memory: Memory, place: tuple[int, int, str]) -> tuple[bytes, str]:
    address, size, codec = place
    return memory.read(address, size) if size else b"", codec


def raw_text(data: bytes, codec: str) -> str:
    """Turn the characters of a str object into text as it is: for opening files, never for showing."""
    try:
        return data.decode(codec, "surrogatepass" if codec != "latin-1" else "strict")
    except UnicodeDecodeError:
        return data.decode(codec, "replace")


def decode_text(data: bytes, codec: str) -> str:
    """Turn the characters of a str object into escaped text; lone surrogates are escaped too."""
    return escape(raw_text(data, codec))


def bytes_place(memory: Memory, layout: Layout, address: int) -> tuple[int, int]:
    """Return (address, size) of a bytes object's content. Raises ObjectError, MemoryFault."""
    (size,) = _U64.unpack(memory.read(address + layout.object_size, 8))
    if size > MAX_BYTES:
        raise ObjectError(f"no bytes object at {address:#x}")
    return address + layout.bytes_value, size
