"""Code objects that take each other's memory are never shown by each other's names."""

import re
from random import random
from time import sleep

import pytest

from livetop.cpython.tree import Place
from livetop.profile.states import State
from tests.engines import Engine
from tests.reading import OneThread, stack

# First and last line of what a made function can be seen at, from its file's first made line.
LINES = {"outer": (0, 2), "inner": (4, 7)}


# Frames lie apart on the heap to 3.10: of 10,000 samples of a busy program a few are of two instants
# (test_possible_stacks.py has the bounds).
MOST_MIXED = 4
MIXED = []


@pytest.fixture(autouse=True)
def stacks_that_never_were(request):
    MIXED.clear()
    yield
    names = {"version", "few"} & set(request.fixturenames)
    on_the_heap = any(request.getfixturevalue(name).minor < (3, 11) for name in names)
    assert len(MIXED) <= (MOST_MIXED if on_the_heap else 0), MIXED


def check(frames, program):
    """Every frame of a stack (innermost first) is where its name says; returns the number in its names."""
    numbers = set()
    for file, name, line in frames:
        made = re.fullmatch(r"(outer|inner)_(\d{5})", name)
        if made is None:
            assert file in (program, f"/made/made_{next(iter(numbers), '')}.py") or re.match("/made/", file)
            assert name in ("<module>", "main", "run")
            continue
        kind, number = made[1], int(made[2])
        first = 1 + number % 5
        low, high = LINES[kind]
        assert file == f"/made/made_{number}.py"
        assert first + low <= line <= first + high, (name, line)
        numbers.add(number)
    if len(numbers) > 1:
        # Two generations in one stack: each name is right, but the stack never was.
        MIXED.append(frames)
        return numbers
    names = [name.partition("_")[0] for _, name, _ in frames]
    assert names[-2:] == ["main", "<module>"]
    if "inner" in names:
        assert names[names.index("inner") :] == ["inner", "outer", "run", "main", "<module>"]
    return numbers


def test_single_samples(start, version):
    target = start("code_reuse.py", python=version.path)
    one = OneThread(target.pid)
    seen, read = set(), 0
    for turn in range(1500):
        if turn % 3:
            outcome = one.optimistic()
        else:
            sleep(random() / 500)
            outcome = one.exact()
        if type(outcome) is Place:
            seen |= check(stack(outcome), target.ready["file"])
            read += 1
    one.close()
    assert len(seen) > 30
    assert read > 100


def test_the_engine(start, few):
    target = start("code_reuse.py", python=few.path)
    with Engine(pid=target.pid, rate=500.0, max_cpu=1.0) as engine:
        # On a busy machine few generations are met in a while.
        for _ in range(4):
            engine.sample(2.5)
            if len({frames[0][0] for _, frames in engine.cells}) > 60:
                break
        engine.stop()
    seen, named, special = set(), 0.0, 0.0
    for cell, frames in engine.cells:
        if not frames[0][0]:
            special += cell.weight if cell.state == State.OWN else 0.0
            continue
        seen |= check(frames, target.ready["file"])
        named += cell.weight if cell.state == State.OWN else 0.0
    print(f"{len(seen)} functions, {named:.2f} s named, {special:.2f} s not")
    assert len(seen) > 30
