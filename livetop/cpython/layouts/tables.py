"""The tables themselves: a row a field of `Layout`, a column a version; `-` is None.

`python -m tests.derive_layouts` prints them from CPython's headers, and a test holds these against it. They
are those of release builds on 64-bit machines; what other builds shift, `with_object_head` shifts. Patch
releases of a version agree in what is read here, but for those in `_EARLIER`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .fields import Layout

_TO_3_12 = """
field                            3.6      3.7      3.8      3.9   3.10         3.11         3.12
frames                          heap     heap     heap     heap   heap  interpreter  interpreter
lines                         lnotab   lnotab   lnotab   lnotab  pairs    locations    locations
values_kind                     dict     dict     dict     dict   dict      pointer       tagged
stack_kind                   pointer  pointer  pointer  pointer  depth        index        index
object_head                       16       16       16       16     16           16           16
object_type                        8        8        8        8      8            8            8
object_size                       16       16       16       16     16           16           16
interpreters_head                  0       24       32       32     32           40           40
runtime_gil                        -     1264     1152      352    352          360            -
runtime_gc_collecting              -      632      544        -      -            -            -
interpreter_next                   0        0        0        0      0            0            0
interpreter_id                     -       16       16       24     24           48            8
threads_head                       8        8        8        8      8           16           72
interpreter_gil                    -        -        -        -      -            -          384
gc_collecting                      -        -        -      816    816          848          312
gc_frame                           -        -        -        -      -            -            -
modules                           16       40       56      856    856          888          944
interpreter_code_generation        -        -        -        -      -            -            -
gil_last_holder                    0        8        8        8      8            8            8
gil_locked                         -       16       16       16     16           16           16
gil_attached                       -      216      216      216    216          216            -
gil_switch_number                  -       24       24       24     24           24           24
gil_size                           0      208      208      208    208          208          208
gil_enabled                        -        -        -        -      -            -            -
thread_next                        8        8        8        8      8            8            8
native_thread_id                   -        -        -        -      -          160          144
thread_id                        152      176      176      176    176          152          136
thread_state                       -        -        -        -      -            -            -
cframe                             -        -        -        -      -           56           56
cframe_mark                        -        -        -        -     48            -            -
cframe_previous                    0        0        0        0      8           16            8
base_frame                         -        -        -        -      -            -            -
current_frame                     24       24       24       24     24            8            0
datastack_chunk                    0        0        0        0      0          296          232
datastack_top                      0        0        0        0      0          304          240
frame_size                       136      120      120      120    112           80           80
frame_code                        32       32       32       32     32           32            0
frame_previous                    24       24       24       24     24           48            8
frame_instruction                120      104      104      104     96           56           56
instruction_unit                   1        1        1        1      2            2            2
frame_state                      132      116      116      116    108            -            -
frame_executing                    1        1        1        1      0            -            -
frame_unwinding                    -        -        -        -      2            -            -
frame_is_entry                     -        -        -        -      -           68            -
frame_owner                        0        0        0        0      0           69           70
hidden_owner                       0        0        0        0      0            3            3
frame_tlbc_index                   -        -        -        -      -            -            -
frame_values                      64       64       64       64     64           72           72
frame_stack                       72       72       72       72     80           64           64
code_size                        144      144      176      176    176          192          200
code_flags                        32       32       36       36     36           48           48
code_filename                     96       96      104      104    104          112          112
code_name                        104      104      112      112    112          120          120
code_qualname                    104      104      112      112    112          128          128
code_firstlineno                  36       36       40       40     40           72           68
code_linetable                   112      112      120      120    120          136          136
code_code                         40       40       48       48     48            -            -
code_adaptive                      0        0        0        0      0          184          192
code_tlbc                          -        -        -        -      -            -            -
generator_frame                   16       16       16       16     16           80           72
generator_name                    48       48       48       48     40           32           24
generator_qualname                56       56       56       56     48           40           32
generator_state                    -        -        -        -      -           75           67
ascii_size                        48       48       48       48     48           48           40
compact_size                      72       72       72       72     72           72           56
unicode_length                    16       16       16       16     16           16           16
unicode_state                     32       32       32       32     32           32           32
kind_mask                         28       28       28       28     28           28           28
compact_mask                      32       32       32       32     32           32           32
ascii_mask                        64       64       64       64     64           64           64
bytes_value                       32       32       32       32     32           32           32
long_tag                           -        -        -        -      -            -           16
long_digits                       24       24       24       24     24           24           24
type_name                         24       24       24       24     24           24           24
type_basicsize                    32       32       32       32     32           32           32
type_itemsize                     40       40       40       40     40           40           40
type_flags                       168      168      168      168    168          168          168
type_dictoffset                  288      288      288      288    288          288          288
heap_cached_keys                 856      856      872      864    872          872          880
managed_dict                       -        -        -        -      -          -24          -24
values_at                          -        -        -        -      -          -32          -24
values_head                        0        0        0        0      0            0            0
module_dict                       16       16       16       16     16           16           16
list_items                        24       24       24       24     24           24           24
tuple_items                       24       24       24       24     24           24           24
dict_keys                         32       32       32       32     32           32           32
dict_values                       40       40       40       40     40           40           40
keys_size                          8        8        8        8      8            -            -
keys_log2_bytes                    -        -        -        -      -            9            9
keys_kind                          -        -        -        -      -           10           10
keys_count                        32       32       32       32     32           24           24
keys_indices                      40       40       40       40     40           32           32
set_used                          24       24       24       24     24           24           24
set_mask                          32       32       32       32     32           32           32
set_table                         40       40       40       40     40           40           40
weakref_object                    16       16       16       16     16           16           16
"""

# What `_Py_DebugOffsets` leaves out, here or in some version; "t" is free-threaded.
_FROM_3_13 = """
field                               3.13        3.13t         3.14        3.14t         3.15        3.15t
frames                       interpreter  interpreter  interpreter  interpreter  interpreter  interpreter
lines                          locations    locations    locations    locations    locations    locations
values_kind                       inline       inline       inline       inline       inline       inline
stack_kind                         index        index      pointer      pointer      pointer      pointer
runtime_gil                            -            -            -            -            -            -
runtime_gc_collecting                  -            -            -            -            -            -
gc_frame                               -            -            -            -            -            -
interpreter_code_generation            -            -         7992         8024         7944         7952
gil_attached                           -            -            -            -            -            -
gil_switch_number                     24           32           24           32           24           32
gil_size                             208          216          208          216          208          216
thread_state                          40           40           44           44           48           48
cframe                                 -            -            -            -            -            -
cframe_mark                            -            -            -            -            -            -
cframe_previous                        0            0            0            0            0            0
base_frame                             -            -            -            -            -            -
instruction_unit                       2            2            2            2            2            2
frame_state                            -            -            -            -            -            -
frame_executing                        -            -            -            -            -            -
frame_unwinding                        -            -            -            -            -            -
frame_is_entry                         -            -            -            -            -            -
hidden_owner                           3            3            3            3            3            3
frame_stack                           64           64           64           64           64           64
code_flags                            48           64           48           64           48           64
code_code                              -            -            -            -            -            -
generator_frame                       72           88           72           88           72           88
generator_name                        24           40           24           40           24           40
generator_qualname                    32           48           32           48           32           48
generator_state                       67           83           67           83           67           83
compact_size                          56           72           56           72           56           72
kind_mask                             28           28           28         1792           28         1792
compact_mask                          32           32           32         2048           32         2048
ascii_mask                            64           64           64         4096           64         4096
type_basicsize                        32           48           32           48           32           48
type_itemsize                         40           56           40           56           40           56
type_dictoffset                      288          304          288          304          288          304
heap_cached_keys                     880          896          880          896          888          904
managed_dict                         -24           -8          -24           -8          -24           -8
values_at                             24           40           24           40           24           40
values_head                            8            8            8            8            8            8
module_dict                           16           32           16           32           16           32
keys_size                              -            -            -            -            -            -
keys_log2_bytes                        9            9            9            9            9            9
keys_kind                             10           10           10           10           10           10
keys_count                            24           24           24           24           24           24
keys_indices                          32           32           32           32           32           32
set_used                              24           40           24           40           24           40
set_mask                              32           48           32           48           32           48
set_table                             40           56           40           56           40           56
weakref_object                        16           32           16           32           16           32
"""

Cell = int | str | None


def _cell(word: str) -> Cell:
    if word == "-":
        return None
    return word if word[0].isalpha() else int(word)


def _columns(text: str) -> dict[str, dict[str, Cell]]:
    (_, *names), *rows = (line.split() for line in text.strip().splitlines())
    columns: dict[str, dict[str, Cell]] = {name: {} for name in names}
    for field, *cells in rows:
        for name, cell in zip(names, cells, strict=True):
            columns[name][field] = _cell(cell)
    return columns


def _version(name: str) -> tuple[int, int]:
    major, minor = name.rstrip("t").split(".")
    return int(major), int(minor)


def _layout(version: tuple[int, int], column: dict[str, Any]) -> Layout:
    return Layout(version=version, **column)


TABLES: dict[tuple[int, int], Layout] = {
    _version(name): _layout(_version(name), column) for name, column in _columns(_TO_3_12).items()
}
"""The layouts of the release builds that say nothing of themselves."""

BESIDE: dict[tuple[tuple[int, int], bool], dict[str, Any]] = {
    (_version(name), name.endswith("t")): column for name, column in _columns(_FROM_3_13).items()
}
"""{(version, free-threaded): {field: value}} of what a target's own offsets may not state."""

# What patch releases below one, (version, micro), have elsewhere. 3.7.4 aligned PyGC_Head to 16 bytes, and so
# the garbage collector's structure in the runtime, which lies before the GIL.
_EARLIER: dict[tuple[tuple[int, int], int], dict[str, Any]] = {
    ((3, 7), 4): {"runtime_gil": 1176, "runtime_gc_collecting": 544},
}


def table_of(version: tuple[int, int], micro: int | None = None) -> Layout | None:
    """The layout of a release build that says nothing of itself; None when there is no table.

    `micro`: which patch release, if it is known.
    """
    layout = TABLES.get(version)
    for (changed, below), fields in _EARLIER.items():
        if layout is not None and version == changed and micro is not None and micro < below:
            layout = replace(layout, **fields)
    return layout
