"""C frames and Python frames in the order in which they called each other."""

from __future__ import annotations

from cfi_builder import CODE, SIZE
from fake_modules import FakeModule
from hypothesis import given
from hypothesis import strategies as st

from livetop.cpython.code import Code
from livetop.native.merge import Merger, NativeCode
from livetop.native.unwind import Walk

LOW = 0x7FF0_0000
EVAL = "_PyEval_EvalFrameDefault"
NUMPY = FakeModule("numpy/_multiarray_umath", "extension", path="/site/numpy/_multiarray_umath.so")
LIBC = FakeModule("libc", "system", path="/lib/libc.so.6")
PROGRAM = FakeModule("server", "library", path="/srv/server")
TRAMPOLINE = FakeModule("[python trampolines]", "trampoline")


def python(name: str, line: int = 1) -> tuple[Code, int]:
    return Code(0, 0, 0, name, "/srv/app.py", 1, b""), line


def walk(*frames: str | tuple[FakeModule | None, str]) -> Walk:
    """Frames innermost first, each of 64 bytes: functions of the interpreter, or of other modules."""
    runtime = FakeModule(path="/lib/libpython3.so")
    made = Walk()
    symbols: dict[int, dict[int, str]] = {}
    for number, frame in enumerate(frames):
        module, name = (runtime, frame) if isinstance(frame, str) else frame
        made.pcs.append(CODE + number * SIZE + 0x40)
        made.cfas.append(LOW + 64 * (number + 1))
        made.modules.append(module)
        if module is not None:
            symbols.setdefault(id(module), {})[number] = name
            module.symbols = symbols[id(module)]
    made.complete = True
    return made


def mark(number: int) -> int:
    """An address in a frame."""
    return LOW + 64 * number + 8


def names(steps: list[tuple[Code, int]]) -> list[str]:
    return [code.name for code, _ in steps]


A, B, C, MAIN = python("a", 3), python("b", 7), python("c", 9), python("<module>", 20)


def test_python_frames_stand_where_their_loops_do():
    stack = walk(
        (LIBC, "memcpy"),
        (NUMPY, "array_copy"),
        "cfunction_vectorcall_FASTCALL",
        EVAL,
        "_PyFunction_Vectorcall",
        "list_sort_impl",
        "builtin_sorted",
        EVAL,
        "PyEval_EvalCode",
        "pymain_run_python",
        "main",
        (LIBC, "__libc_start_main"),
    )
    steps = Merger().merge(stack, LOW, [(mark(3), 2), (mark(7), 2)], [A, B, C, MAIN])
    assert names(steps) == [
        *("memcpy", "array_copy", "a", "b", "list_sort_impl", "builtin_sorted", "c", "<module>")
    ]
    code, line = steps[1]
    assert isinstance(code, NativeCode) and code.kind == "native" and line == 0
    assert (code.file, code.module, code.foreign) == (NUMPY.path, NUMPY.name, True)
    assert steps[2] == A and not steps[0][0].foreign


def test_a_program_that_embeds_python_is_kept_and_how_it_starts_python_is_not():
    stack = walk(EVAL, "PyRun_SimpleStringFlags", (PROGRAM, "run_script"), (PROGRAM, "main"), (LIBC, "start"))
    steps = Merger().merge(stack, LOW, [(mark(0), 1)], [MAIN])
    assert names(steps) == ["<module>", "PyRun_SimpleStringFlags", "run_script", "main"]
    stack = walk(EVAL, "thread_run", (LIBC, "start_thread"), (LIBC, "clone3"))
    assert names(Merger().merge(stack, LOW, [(mark(0), 1)], [MAIN])) == ["<module>"]


def test_one_loop_may_hold_many_frames_and_one_c_frame_many_marks():
    stack = walk(EVAL, "main")
    assert names(Merger().merge(stack, LOW, [(mark(0), 3)], [A, B, MAIN])) == ["a", "b", "<module>"]
    marks = [(mark(0), 1), (mark(0) + 16, 2)]
    assert names(Merger().merge(stack, LOW, marks, [A, B, MAIN])) == ["a", "b", "<module>"]


def test_repeated_frames_are_one():
    """Functions that call themselves, as far as nothing tells them apart."""
    stack = walk(*[(NUMPY, "recurse")] * 5, EVAL)
    assert names(Merger().merge(stack, LOW, [(mark(5), 1)], [MAIN])) == ["recurse", "<module>"]


def test_functions_without_a_name_are_named_by_their_file():
    stack = walk((NUMPY, ""), (None, ""), (TRAMPOLINE, "py::f:/srv/app.py"), EVAL)
    steps = Merger().merge(stack, LOW, [(mark(3), 1)], [MAIN])
    assert names(steps) == ["[numpy/_multiarray_umath]", "[unknown]", "<module>"]


# ---------------------------------------------------------------------- stacks that do not fit


def test_a_loop_without_a_mark_leaves_its_frames_where_they_come_next():
    stack = walk((NUMPY, "dot"), EVAL, "list_sort_impl", EVAL)
    steps = Merger().merge(stack, LOW, [(0, 1), (mark(3), 1)], [A, MAIN])
    assert names(steps)[0] == "dot" and [step for step in steps if step in (A, MAIN)] == [A, MAIN]


def test_a_stack_that_was_not_unwound_to_its_end_keeps_all_python_frames():
    stack = walk((NUMPY, "dot"))
    steps = Merger().merge(stack, LOW, [(mark(30), 2), (mark(40), 1)], [A, B, MAIN])
    assert names(steps) == ["dot", "a", "b", "<module>"]


FRAMES = st.lists(
    st.one_of(
        st.sampled_from([EVAL, "list_sort_impl", "_PyFunction_Vectorcall", "main", ""]),
        st.sampled_from([(NUMPY, "dot"), (LIBC, "qsort"), (None, ""), (PROGRAM, "run")]),
    ),
    max_size=12,
)


@given(FRAMES, st.lists(st.tuples(st.one_of(st.just(0), st.integers(-2, 14)), st.integers(0, 3)), max_size=6))
def test_no_python_frame_is_ever_lost_moved_or_made_up(frames, loops):
    """Whatever the C stack looks like, and whichever loops are not where they should be."""
    python_frames = [python(f"f{number}", number) for number in range(sum(count for _, count in loops))]
    runs = [(mark(number) if number else 0, count) for number, count in loops]
    steps = Merger().merge(walk(*frames), LOW, runs, python_frames)
    assert [step for step in steps if not isinstance(step[0], NativeCode)] == python_frames
    assert len(steps) <= len(frames) + len(python_frames)


# ---------------------------------------------------------------------- the tree of merged stacks


def test_equal_stacks_are_one_place():
    merger = Merger()
    stack = [(LIBC, "memcpy"), (NUMPY, "dot"), EVAL]
    first = merger.place(merger.merge(walk(*stack), LOW, [(mark(2), 2)], [A, MAIN]))
    again = merger.place(merger.merge(walk(*stack), LOW, [(mark(2), 2)], [A, MAIN]))
    # The same addresses are other functions now.
    merger.forget()
    other = merger.place(merger.merge(walk(*stack[1:]), LOW, [(mark(1), 2)], [A, MAIN]))
    assert first is again and first is not other
    assert first.parent is other
    assert merger.size == 4
    assert names(first.frames()) == ["memcpy", "dot", "a", "<module>"]
    merger.reset()
    assert merger.size == 0
    assert merger.place(merger.merge(walk(*stack), LOW, [(mark(2), 2)], [A, MAIN])) is not first


def test_functions_have_a_bound(monkeypatch):
    monkeypatch.setattr("livetop.native.merge._MAX_FUNCTIONS", 10)
    merger = Merger()
    found = set()
    for number in range(50):
        merger.forget()
        found |= set(names(merger.merge(walk((NUMPY, f"f{number}")), LOW, [], [])))
    assert len(found) == 11 and "[other]" in found
