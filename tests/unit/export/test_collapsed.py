"""Collapsed stacks, as flame graph tools read them."""

from __future__ import annotations

import io
import re

from model_builder import Builder

from livetop.export import collapsed
from livetop.export.registry import FORMATS
from livetop.profile.states import State


def written(made: Builder, **choices: bool) -> list[str]:
    stream = io.StringIO()
    collapsed.write(made.profile, stream, **choices)  # type: ignore[arg-type]
    return stream.getvalue().splitlines()


def test_root_first_with_the_count_of_own_samples() -> None:
    made = Builder()
    for _ in range(8):
        made.add(
            made.cell("main:1 parse:10", 0.1),
            made.cell("main:1", 0.05),
            made.cell("main:1 wait:20", 0.1, State.IDLE),
            made.cell("main:1 parse:10", 0.1, State.NATIVE, library="libz.so"),
            made.cell("[unseen]", 0.01),
        )
    assert written(made) == [
        "[unseen] 8",
        "main (app/work.py:1) 40",
        "main (app/work.py:1);parse (app/work.py:10) 80",
    ]


def test_threads_only_when_asked_for() -> None:
    made = Builder()
    for name in ("one", "two"):
        made.add(made.cell("main:1", 0.1, thread=name))
    assert written(made) == ["main (app/work.py:1) 20"]
    assert written(made, threads=True) == [
        "thread 42: one;main (app/work.py:1) 10",
        "thread 43: two;main (app/work.py:1) 10",
    ]


def test_c_frames_stand_between_the_python_ones_with_their_library() -> None:
    made = Builder()
    made.add(made.cell("main:1 c.sorted c.binarysort key:20", 0.1), made.cell("main:1 c.sorted", 0.05))
    assert written(made) == [
        "main (app/work.py:1);sorted (libpython3.12) 5",
        "main (app/work.py:1);sorted (libpython3.12);binarysort (libpython3.12);key (app/work.py:20) 10",
    ]


def test_a_name_cannot_break_a_line_or_a_stack() -> None:
    made = Builder(module="we;ird\n/x y.py")
    made.add(made.cell("a;b\x1b:1 c:10", 0.1))
    (line,) = written(made)
    assert re.fullmatch(r"[^;]+;[^;]+ 10", line)
    assert line.isprintable()


def test_every_format_writes_a_profile_and_an_empty_one() -> None:
    full = Builder()
    full.run(2, ("main:1", 1.0))
    for form in FORMATS.values():
        assert form.extension.startswith(".")
        for made in (full, Builder()):
            form.write(made.profile, io.StringIO(), threads=True)
