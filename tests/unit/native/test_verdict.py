"""Whose time a sample is, by C stacks made by hand: each branch of the rule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cfi_builder import CODE, SIZE
from fake_memory import FakeMemory
from fake_modules import FakeModule

from livetop.native.builtin_names import builtin_name
from livetop.native.unwind import Walk
from livetop.native.verdict import Judge, Verdict

VERSION = (3, 12)
CALL, CALL_PY_EXACT_ARGS, BINARY_OP = 171, 23, 122
INSTRUCTION = 0x60_0000

PYTHON = Verdict("python")
EVAL = "_PyEval_EvalFrameDefault"


@dataclass
class Functions:
    """Call-frame information that knows only where functions are: `sizes` of some, else 256 bytes."""

    sizes: dict[int, int]

    def function(self, pc: int) -> tuple[int, int]:
        number = (pc - CODE) // SIZE
        return CODE + number * SIZE, CODE + number * SIZE + self.sizes.get(number, 256)


def module(name: str, kind: str) -> FakeModule:
    return FakeModule(name, kind)


NUMPY = module("numpy/_multiarray_umath", "extension")
BLAS = module("libopenblas", "library")
LIBC = module("libc", "system")
TRAMPOLINE = module("[python trampolines]", "trampoline")
JSON = module("_json", "extension")


def walk(*frames: str | FakeModule | None, loop: int = -2, small: bool = False) -> Walk:
    """Frames innermost first: functions of the interpreter by name, other modules; the loop is EVAL's.

    `small`: as in a build with tail calls, where the evaluation loop's function only begins it.
    """
    runtime = FakeModule()
    made = Walk()
    sizes: dict[int, int] = {}
    for number, frame in enumerate(frames):
        made.pcs.append(CODE + number * SIZE + 0x40)
        made.cfas.append(0x7000 + 64 * number)
        if isinstance(frame, str):
            runtime.symbols[number] = frame
            sizes[number] = 64 << 10 if frame == EVAL and not small else 256
        made.modules.append(runtime if isinstance(frame, str) else frame)
    runtime.frames = Functions(sizes)
    made.loop = frames.index(EVAL) if loop == -2 else loop
    made.complete = made.loop >= 0
    return made


def native(library: str) -> Verdict:
    return Verdict("native", library)


@pytest.mark.parametrize(
    ("stack", "opcode", "expected"),
    [
        # In the loop itself, whatever it is about to do.
        (walk(EVAL), CALL, PYTHON),
        (walk(EVAL, "PyEval_EvalCode", "main"), BINARY_OP, PYTHON),
        # The interpreter at work for an instruction that calls nothing: how Python code is run.
        (walk("long_add", "PyNumber_Add", EVAL), BINARY_OP, PYTHON),
        (walk(LIBC, "_PyObject_Malloc", "long_add", EVAL), BINARY_OP, PYTHON),
        # For a call of a Python function, by its instruction or by what was called.
        (walk("_PyEvalFramePushAndInit", EVAL), CALL_PY_EXACT_ARGS, PYTHON),
        (walk("_PyFrame_ClearExceptCode", EVAL), CALL, PYTHON),
        (walk("dict_dealloc", "clear_thread_frame", EVAL), CALL, PYTHON),
        (walk("initialize_locals", "_PyFunction_Vectorcall", "PyObject_Vectorcall", EVAL), CALL, PYTHON),
        (walk("method_vectorcall", EVAL), CALL, PYTHON),
        (walk("object_new", "type_call", "_PyObject_MakeTpCall", EVAL), CALL, PYTHON),
        # For a call of a builtin: by its name, not that of what passes calls on.
        (walk("builtin_sorted", EVAL), CALL, native("python builtins: sorted")),
        (
            walk("unsafe_object_compare", "list_sort_impl", "builtin_sorted", "PyObject_Vectorcall", EVAL),
            CALL,
            native("python builtins: sorted"),
        ),
        (
            walk("list_sort", "method_vectorcall_FASTCALL_KEYWORDS", "PyObject_Vectorcall", EVAL),
            CALL,
            native("python builtins: list.sort"),
        ),
        (walk(LIBC, "unicode_find", EVAL), CALL, native("python builtins: str.find")),
        # The innermost loop counts, though builtins called it.
        (walk("long_add", EVAL, "list_sort_impl", "builtin_sorted", EVAL), BINARY_OP, PYTHON),
        # Other files: theirs is what runs in them, and what the interpreter does for them.
        (walk(NUMPY, EVAL), CALL, native("numpy/_multiarray_umath")),
        (walk(NUMPY, "binary_op1", "PyNumber_Add", EVAL), BINARY_OP, native("numpy/_multiarray_umath")),
        (walk("_PyObject_Malloc", NUMPY, EVAL), CALL, native("numpy/_multiarray_umath")),
        (walk(BLAS, NUMPY, "PyObject_Vectorcall", EVAL), CALL, native("libopenblas")),
        (walk("PyDict_SetItem", JSON, "PyObject_Vectorcall", EVAL), CALL, native("_json")),
        # The C library's time is its own.
        (walk(LIBC, NUMPY, EVAL), CALL, native("libc")),
        (walk(LIBC, "_PyObject_Malloc", NUMPY, EVAL), CALL, native("libc")),
        # A trampoline of -X perf is how Python code is called.
        (walk(TRAMPOLINE, EVAL), CALL_PY_EXACT_ARGS, PYTHON),
        (walk("long_add", EVAL, TRAMPOLINE, EVAL), BINARY_OP, PYTHON),
        (walk("builtin_sorted", EVAL, TRAMPOLINE, NUMPY, EVAL), CALL, native("python builtins: sorted")),
        # Outside of all loops: the stack ended too soon, or the loop is just being entered.
        (walk(NUMPY, loop=-1), CALL, native("numpy/_multiarray_umath")),
        (walk("long_add", "PyNumber_Add", loop=-1), BINARY_OP, PYTHON),
    ],
)
def test_the_rule(stack, opcode, expected):
    judge = Judge(FakeMemory({INSTRUCTION: bytes([opcode, 0])}), VERSION)
    assert judge.judge(stack, INSTRUCTION) == expected
    # What was looked up once is the same the second time.
    assert judge.judge(stack, INSTRUCTION) == expected


@pytest.mark.parametrize(
    ("stack", "opcode", "expected"),
    [
        # Handlers are the evaluation loop.
        (walk("_TAIL_CALL_BINARY_OP", EVAL, small=True), BINARY_OP, PYTHON),
        (walk("_TAIL_CALL_CALL", EVAL, small=True), CALL, PYTHON),
        (walk("long_add", "_TAIL_CALL_BINARY_OP", EVAL, small=True), BINARY_OP, PYTHON),
        (
            walk("builtin_sorted", "_TAIL_CALL_CALL", EVAL, small=True),
            CALL,
            native("python builtins: sorted"),
        ),
        (walk(NUMPY, "_TAIL_CALL_CALL", EVAL, small=True), CALL, native("numpy/_multiarray_umath")),
        # It has not called the first one yet.
        (walk(EVAL, small=True), CALL, PYTHON),
    ],
)
def test_the_rule_where_each_instruction_is_a_function(stack, opcode, expected):
    judge = Judge(FakeMemory({INSTRUCTION: bytes([opcode, 0])}), VERSION)
    assert judge.judge(stack, INSTRUCTION) == expected


def test_no_names_at_all():
    """A stripped interpreter: what a CALL runs is native, but nobody knows its name."""
    stack = walk("", "", EVAL)
    stack.modules[0].symbols.clear()
    judge = Judge(FakeMemory({INSTRUCTION: bytes([CALL, 0])}), VERSION)
    assert judge.judge(stack, INSTRUCTION) == native("python builtins")


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (walk(LIBC, "take_gil", loop=-1), native("libc")),
        (walk("pymain_init", "main", loop=-1), native("libpython")),
        (walk(None, loop=-1), native("[unknown]")),
        (walk("_PyEval_Vector", EVAL), PYTHON),
        (walk(loop=-1), PYTHON),
    ],
)
def test_without_a_python_frame(stack, expected):
    """C code of the program's own, or an interpreter that is starting or has just left its last frame."""
    assert Judge(FakeMemory(), VERSION).judge(stack, 0) == expected


def test_an_instruction_that_cannot_be_read_calls_nothing():
    judge = Judge(FakeMemory(), VERSION)
    assert not judge.calls_native(INSTRUCTION)
    assert judge.judge(walk("builtin_sorted", EVAL), INSTRUCTION) == PYTHON


def test_a_version_without_opcodes_still_tells_other_files():
    judge = Judge(FakeMemory({INSTRUCTION: bytes([CALL, 0])}), (4, 0))
    assert judge.judge(walk(NUMPY, EVAL), INSTRUCTION) == native("numpy/_multiarray_umath")
    assert judge.judge(walk("builtin_sorted", EVAL), INSTRUCTION) == PYTHON


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("builtin_sorted", "python builtins: sorted"),
        ("builtin_len", "python builtins: len"),
        ("builtin_sum_impl", "python builtins: sum"),
        ("list_sort", "python builtins: list.sort"),
        ("list_append", "python builtins: list.append"),
        ("unicode_split", "python builtins: str.split"),
        ("PyUnicode_Join", "python builtins: str.join"),
        ("bytearray_join", "python builtins: bytearray.join"),
        ("bytes_find", "python builtins: bytes.find"),
        ("frozenset_copy", "python builtins: frozenset.copy"),
        ("set_add", "python builtins: set.add"),
        ("dict_update", "python builtins: dict.update"),
        ("int_to_bytes_impl", "python builtins: int.to_bytes"),
        ("long_new", "python builtins: int"),
        # Of the interpreter's own C interface: nothing that Python calls.
        ("_PyBytes_Repeat", "python builtins"),
        ("subtype_dealloc", "python builtins"),
        ("py_sha256", "python builtins: py_sha256"),
        ("", "python builtins"),
    ],
)
def test_names_of_builtins(symbol, name):
    assert builtin_name(symbol) == name
