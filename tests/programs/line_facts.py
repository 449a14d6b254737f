"""Says what the interpreter itself knows of lines and columns: one line of JSON for each code object.

[first line, table in hex, bytes of code, lines, positions]: lines are [count of units of two bytes, line or -1],
positions (3.11 on, else null) [count, [line, end line, column, end column]], as PyCode_Addr2Line and
co_positions() tell them. The code is that of some large modules, and of made up ones.
"""

import ctypes
import importlib
import inspect
import itertools
import json
import sys

MODULES = [
    "argparse",
    "typing",
    "_pydecimal",
    "difflib",
    "tarfile",
    "pickle",
    "inspect",
    "asyncio.base_events",
]

GAP = "\n" * 400
MADE = (
    # Lines that lie far apart, in both directions.
    "def far(a):\n    b = (a,{0}    a)\n    return [a,{0}    b, a.b{0}]\n".format(GAP),
    # A call over many lines: its arguments come first, the call itself goes back.
    "def call(f, g):\n    return f(\n        g(\n            1,\n        ),\n        g\n            .h(\n"
    "            2\n        ),\n    )\n",
    "@str\n@repr\n@print(\n    1,\n)\ndef decorated(\n    a=1,\n    b=2,\n):\n    pass\n",
    "class A(\n    object,\n):\n    x = [\n        y for y in\n        (1, 2)\n        if\n        y\n    ]\n",
    # Much code on one line, and lines with much code before them.
    "def wide(a):\n    return (" + "a + " * 600 + "\n    a)\n",
    "def many(a):\n" + "".join("    a.b%d = a\n" % n for n in range(600)),
    "def f(a):\n    with a as b, a as c:\n        try:\n            return b\n        except (\n            A,\n"
    "            B) as e:\n            raise\n        finally:\n            if a: print(\n                a)\n",
    "x = 1;" * 300,
)


def codes(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from codes(constant)


def runs(values):
    return [[len(list(group)), value] for value, group in itertools.groupby(values)]


def facts(code):
    units = range(0, len(code.co_code), 2)
    line_of = ctypes.pythonapi.PyCode_Addr2Line
    line_of.argtypes = [ctypes.py_object, ctypes.c_int]
    table = getattr(code, "co_linetable", None)
    positions = None
    if sys.version_info >= (3, 11):
        positions = runs([list(position) for position in code.co_positions()])
    return [
        code.co_firstlineno,
        (code.co_lnotab if table is None else table).hex(),
        len(code.co_code),
        runs([line_of(code, at) for at in units]),
        positions,
    ]


def sources():
    yield from MADE
    for name in MODULES:
        yield inspect.getsource(importlib.import_module(name))


for source in sources():
    for code in codes(compile(source, "made", "exec")):
        print(json.dumps(facts(code)))
