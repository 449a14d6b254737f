"""C functions of the interpreter itself, named as Python programmers know them."""

from __future__ import annotations

from functools import lru_cache

BUILTINS = "python builtins"

# The start of a C function's name -> the type whose method it is. CPython names them so by habit
# (Objects/*.c, Objects/clinic/*.c.h).
_TYPES = {
    "unicode_": "str.",
    "bytearray_": "bytearray.",
    "bytes_": "bytes.",
    "stringlib_": "bytes.",
    "list_": "list.",
    "dict_": "dict.",
    "frozenset_": "frozenset.",
    "set_": "set.",
    "tuple_": "tuple.",
    "long_": "int.",
    "int_": "int.",
    "float_": "float.",
    "memory_": "memoryview.",
    "deque_": "deque.",
}
# Functions of the module builtins (Python/bltinmodule.c).
_FUNCTION = "builtin_"
_WHOLE = {
    "PyUnicode_Join": "str.join",
    "PyUnicode_Format": "str %",
    "PyUnicode_Replace": "str.replace",
    "list_sort": "list.sort",
    "list_sort_impl": "list.sort",
    "PyList_Sort": "list.sort",
}


@lru_cache(maxsize=4096)
def builtin_name(symbol: str) -> str:
    """What native time in the interpreter's own code is charged to: `python builtins: sorted`.

    `symbol` is the C function that the evaluation loop called, "" where the file has no name for it.
    """
    name = symbol.partition(".")[0].removeprefix("_Py").lstrip("_")
    if not name:
        return BUILTINS
    if symbol in _WHOLE:
        return f"{BUILTINS}: {_WHOLE[symbol]}"
    name = name.removesuffix("_impl")
    if name.startswith(_FUNCTION):
        return f"{BUILTINS}: {name.removeprefix(_FUNCTION)}"
    for start, of in _TYPES.items():
        if name.startswith(start):
            return f"{BUILTINS}: {of}{name.removeprefix(start)}"
    return f"{BUILTINS}: {name}"
