"""What all readers of interpreter frames (CPython 3.11 on) of one process share."""

from __future__ import annotations

import struct

from .layout import Layout


class Shape:
    """The structs of one layout, computed once and shared by all threads."""

    __slots__ = (
        "base", "cframe_struct", "frame", "hidden", "layout",
        "state_low", "state_size", "state_struct", "through_cframe",
    )  # fmt: skip

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.through_cframe = layout.cframe is not None
        pointer = layout.cframe if layout.cframe is not None else layout.current_frame
        low = self.state_low = min(pointer, layout.datastack_chunk)
        end = layout.datastack_top + 8
        self.state_size = end - low
        # (current frame or cframe, chunk, top)
        gap = layout.datastack_chunk - pointer - 8
        self.state_struct = struct.Struct(f"<Q{gap}xQQ")
        # Where, in what is read of the thread state, its base frame's address is.
        self.base = layout.base_frame - low if layout.base_frame is not None else None
        self.cframe_struct = struct.Struct("<Q")
        self.frame = _frame_struct(layout)
        self.hidden = layout.hidden_owner


def _frame_struct(layout: Layout) -> struct.Struct:
    """(code, previous, instruction, owner), in that order in every version from 3.11 on."""
    at = (layout.frame_code, layout.frame_previous, layout.frame_instruction)
    form, position = "<", 0
    for offset in at:
        form += f"{offset - position}xQ"
        position = offset + 8
    return struct.Struct(form + f"{layout.frame_owner - position}xB")
