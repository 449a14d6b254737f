"""Programs of another name that run Python inside: linked with it, loading it, or holding all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from livetop.cpython.embedded import embeds_python
from livetop.sampling.dump import dump_process
from livetop.target.discover import find_processes
from tests.containers import installed
from tests.interpreters import Interpreter
from tests.targets import PROGRAMS, Target

pytestmark = pytest.mark.skipif(
    not shutil.which("gcc"), reason="needs gcc to build programs that embed Python"
)
VERSIONS = installed()


def home(python: Interpreter) -> Path:
    return Path(python.path).parents[1]


def shared(python: Interpreter) -> Path | None:
    """Its libpython, None when the interpreter is one file."""
    return next(home(python).glob("lib/libpython3.?*.so.1.0"), None)


def static(python: Interpreter) -> Path | None:
    return next(home(python).glob("lib/python3*/config-*/libpython3*.a"), None)


def build(to: Path, *options: object) -> Path:
    subprocess.run(["gcc", "-O1", "-o", to, PROGRAMS / "embed.c", *map(str, options)], check=True)
    return to


def started(program: Path, python: Interpreter, *args: object) -> Target:
    env = os.environ | {"PYTHONHOME": str(home(python)), "PYTHONDONTWRITEBYTECODE": "1"}
    return Target("embedded.py", *args, python=str(program), env=env)


def check(target: Target, python: Interpreter, *, listed: bool = True) -> None:
    """It is listed, read, and stands where it says."""
    there = {one.pid: one for one in find_processes(embeds_python)}
    assert (target.pid in there) is listed
    found = dump_process(target.pid)
    assert found["python"] == python.version
    [main] = found["threads"]
    assert (main["tid"], main["name"]) == (target.pid, "embedded")
    frames = [[frame["function"], frame["line"]] for frame in main["frames"]]
    # What it tells is put together a few lines above the one on which it waits.
    assert [name for name, _ in frames] == [name for name, _ in target.ready["frames"]]
    assert [line for _, line in frames][1:] == [line for _, line in target.ready["frames"]][1:]
    assert target.untraced


@pytest.mark.parametrize("python", VERSIONS, ids=str)
def test_linked_with_its_library(python, tmp_path):
    library = shared(python)
    if library is None:
        pytest.skip("this Python has no shared library")
    program = build(tmp_path / "server", library, f"-Wl,-rpath,{library.parent}")
    with started(program, python) as target:
        check(target, python)


@pytest.mark.parametrize("python", VERSIONS, ids=str)
def test_loaded_by_the_program_and_deleted(python, tmp_path):
    """As programs that unpack themselves do it: nobody else sees its symbols, and its file is gone."""
    library = shared(python)
    if library is None:
        pytest.skip("this Python has no shared library")
    copy = Path(shutil.copy(library, tmp_path))
    program = build(tmp_path / "server", "-DDLOPEN", "-ldl")
    with started(program, python, copy) as target:
        copy.unlink()
        check(target, python)


# How a program that holds all of Python was linked, and what of its symbols is left: those that it exports,
# as it must for extension modules (up to 3.7 these bring an idle libpython along); the table that debuggers
# use; nothing.
EXPORTING, SYMTAB, NOTHING = ("-Wl,-export-dynamic", "-s"), (), ("-s",)


WAYS = {"exporting": EXPORTING, "symtab": SYMTAB, "nothing": NOTHING}
# Before 3.8 a program that does not export them crashes by itself.
CASES = [(one, way) for one in VERSIONS for way in WAYS if way == "exporting" or one.minor >= (3, 8)]


@pytest.mark.parametrize(("python", "way"), CASES, ids=str)
def test_all_of_it_in_the_program(python, way, tmp_path):
    archive = static(python)
    if archive is None:
        pytest.skip("this Python has no static library")
    program = build(tmp_path / "server", *WAYS[way], archive, "-lm", "-ldl", "-lpthread", "-lutil")
    with started(program, python) as target:
        # Without a name and a section nothing shows from outside that it is Python: it has to be named.
        check(target, python, listed=way != "nothing" or python.minor >= (3, 10))
