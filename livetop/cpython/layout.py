"""Where the fields that livetop reads lie, for every CPython from 3.6 on.

The class is in `layouts/fields.py`, the tables, one column a version, in `layouts/tables.py`; from 3.13 on a
target states most of it itself, which `layouts/debug_offsets.py` reads.
"""

from __future__ import annotations

from .layouts.debug_offsets import (
    DEBUG_COOKIE,
    DEBUG_OFFSETS_HEAD,
    DEBUG_OFFSETS_WORDS,
    debug_offsets_size,
    from_debug_offsets,
)
from .layouts.fields import CHUNK, CHUNK_DATA, FRAME, Layout, LayoutError, on_machine, with_object_head
from .layouts.tables import BESIDE, TABLES, table_of

__all__ = [
    "BESIDE",
    "CHUNK",
    "CHUNK_DATA",
    "DEBUG_COOKIE",
    "DEBUG_OFFSETS_HEAD",
    "DEBUG_OFFSETS_WORDS",
    "FRAME",
    "TABLES",
    "Layout",
    "LayoutError",
    "debug_offsets_size",
    "from_debug_offsets",
    "on_machine",
    "table_of",
    "with_object_head",
]
