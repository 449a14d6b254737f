"""C functions of the interpreter itself, named as Python programmers know them."""

from __future__ import annotations

import re
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
# Modules that may be built into the interpreter; their C functions begin so (Modules/clinic/*.c.h).
_MODULES = (
    *("os", "time", "math", "sys", "gc", "itertools", "marshal", "signal", "select", "array", "binascii"),
    *("zlib", "posix", "_io", "_sre", "_codecs", "_functools", "_operator", "_collections", "_thread"),
    *("_struct", "_random", "_weakref", "_datetime", "_csv", "_pickle", "_json", "_socket"),
)
# Functions of the module builtins (Python/bltinmodule.c).
_FUNCTION = "builtin_"
_WHOLE = {
    "min_max": "min, max",
    "range_vectorcall": "range",
    "enum_new": "enumerate",
    "enumerate_vectorcall": "enumerate",
    "PyUnicode_Join": "str.join",
    "PyUnicode_Format": "str %",
    "PyUnicode_Replace": "str.replace",
    "list_sort": "list.sort",
    "list_sort_impl": "list.sort",
    "PyList_Sort": "list.sort",
}
# Methods of list as 3.6 names them.
_WHOLE |= {
    f"list{method}": f"list.{method}"
    for method in (
        "append",
        "clear",
        "copy",
        "count",
        "extend",
        "index",
        "insert",
        "pop",
        "remove",
        "reverse",
        "sort",
    )
}
# Methods that are a call of the type itself.
_MAKING = ("new", "vectorcall", "vectorcall_impl")
# What the interpreter does around a call, by its C interface or to free arguments: no function of Python's.
_AROUND = re.compile(r"_?Py|.*dealloc$|free_|subtype_")


@lru_cache(maxsize=4096)
def builtin_name(symbol: str) -> str:
    """What native time in the interpreter's own code is charged to: `python builtins: sorted`.

    `symbol` is the C function that the evaluation loop called, "" where the file has no name for it.
    """
    known = _WHOLE.get(symbol)
    if known is None and symbol and not _AROUND.match(symbol):
        known = _as_python(symbol.removesuffix("_impl"))
    return f"{BUILTINS}: {known}" if known else BUILTINS


def _as_python(symbol: str) -> str:
    if symbol.startswith(_FUNCTION):
        return symbol.removeprefix(_FUNCTION)
    for start, of in _TYPES.items():
        if symbol.startswith(start):
            method = symbol.removeprefix(start)
            return of.rstrip(".") if method in _MAKING else of + method
    for module in _MODULES:
        if symbol.startswith(module + "_"):
            return f"{module}.{symbol.removeprefix(module + '_').lstrip('_')}"
    return symbol
