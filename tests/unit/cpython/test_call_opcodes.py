"""The table of CALL instructions, held against what each interpreter says of itself."""

from __future__ import annotations

import json
import re
import subprocess

from livetop.cpython.opcodes import native_calls

# `dis` knows the specialised forms by number, too, in every version that has them.
_ASK = "import dis, json; print(json.dumps(dis._all_opmap))"

# Not calls of objects, and forms that only Python functions, bound ones, or Python classes take.
_NOT_CALLS = re.compile(r"INTRINSIC")
_OF_PYTHON = re.compile(r"(?<!_NON)_PY(_|$)|PYFUNC|BOUND_METHOD|ALLOC_AND_ENTER_INIT")


def test_a_call_that_python_code_does_not_take_is_in_the_table_and_nothing_else(any_build):
    said = subprocess.run(
        [any_build.path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60, check=True
    )
    numbers: dict[str, int] = json.loads(said.stdout)
    calls = {name for name in numbers if "CALL" in name and not _NOT_CALLS.search(name)}
    expected = {numbers[name] for name in calls if not _OF_PYTHON.search(name)}
    assert {"CALL", "CALL_FUNCTION_EX"} <= calls
    names = {number: name for name, number in numbers.items()}
    table = native_calls(any_build.minor)
    wrong = {names.get(number, str(number)) for number in table ^ expected}
    assert not wrong


def test_a_version_without_a_table_has_no_calls():
    assert native_calls((2, 7)) == frozenset()
    assert native_calls((4, 0)) == frozenset()
