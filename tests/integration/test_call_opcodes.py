"""The numbers of the CALL family are those that each interpreter states of itself."""

from __future__ import annotations

import json
import subprocess

from livetop.cpython.opcodes import native_calls

_ASK = """
import json, opcode
numbers = dict(opcode.opmap)
specialized = getattr(opcode, "_specialized_opmap", {})
if hasattr(opcode, "_specialized_instructions"):
    # 3.11 and 3.12: listed in the order of their numbers, in what the other instructions leave free.
    free = (number for number in range(1, 255) if opcode.opname[number].startswith("<"))
    specialized = dict(zip(opcode._specialized_instructions, free))
numbers.update(specialized)
print(json.dumps({name: number for name, number in numbers.items() if "CALL" in name}))
"""
# Forms for Python callees only, and calls of the interpreter's own helpers.
_NOT_NATIVE = ("_PY", "BOUND_METHOD", "INTRINSIC", "ALLOC_AND_ENTER", "UNPACK_WITH", "FINALLY")


def test_the_call_family(any_build):
    said = subprocess.run([any_build.path, "-c", _ASK], capture_output=True, text=True, check=True).stdout
    numbers = json.loads(said)
    table = native_calls(any_build.minor)
    named = {name for name, number in numbers.items() if number in table}
    wanted = {name for name in numbers if not any(word in name for word in _NOT_NATIVE) or "NON_PY" in name}
    assert named == wanted
    assert len(named) == len(table)
