"""Interpreters whose files were deleted or replaced while they run, as a distribution's upgrade does it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers import LESSER, installed
from tests.interpreters import Interpreter
from tests.targets import PROGRAMS, Target

VERSIONS = installed()
REPOSITORY = Path(__file__).parents[2]


def copied(python: str, prefix: Path) -> Path:
    """A copy of an interpreter: its program and its library; the rest stays where it was."""
    home = Path(python).parents[1]
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(python, prefix / "bin")
    (prefix / "lib").mkdir()
    for library in home.glob("lib/libpython3.*.so.1.0"):
        shutil.copy(library, prefix / "lib")
    return prefix / "bin" / Path(python).name


def delete_all(prefix: Path) -> None:
    shutil.rmtree(prefix)


def delete_library(prefix: Path) -> None:
    for library in prefix.glob("lib/*.so*"):
        library.unlink()


def replace(prefix: Path, other: Interpreter = VERSIONS[-1]) -> None:
    """Put another build at each file's name: renamed into place, as package managers do it."""
    for path in [*prefix.glob("lib/*.so*"), *prefix.glob("bin/*")]:
        # Symbols have other values there.
        home = Path(other.path).parents[1]
        [build] = home.glob("lib/libpython3.*.so.1.0") if path.parent.name == "lib" else [Path("/bin/sh")]
        shutil.copy(build, f"{path}.new")
        os.rename(f"{path}.new", path)


def keep(prefix: Path) -> None:
    """Nothing."""


@pytest.mark.parametrize("change", [keep, delete_library, replace, delete_all])
@pytest.mark.parametrize("python", VERSIONS, ids=str)
def test_files_of_a_running_interpreter(python, change: Callable[[Path], None], tmp_path):
    """With the right to open what is mapped, and without it: then what was loaded must do."""
    prefix = tmp_path / "python"
    path = copied(python.path, prefix)
    home = Path(python.path).parents[1]
    if change is replace and python is VERSIONS[-1]:
        change = functools.partial(replace, other=VERSIONS[0])
    env = os.environ | {"PYTHONHOME": str(home), "LD_LIBRARY_PATH": str(prefix / "lib")}
    with Target(PROGRAMS / "contained.py", python=str(path), env=env) as target:
        mapped = Path(f"/proc/{target.pid}/maps").read_text()
        assert str(prefix / "bin") in mapped
        change(prefix)
        for lesser in ((), LESSER):
            done = subprocess.run(
                [*lesser, sys.executable, "-m", "livetop", "dump", str(target.pid), "--json"],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=REPOSITORY,
            )
            assert done.returncode == 0, done.stderr
            answer = json.loads(done.stdout)
            assert answer["python"] == python.version
            found = {
                str(thread["tid"]): [[one["file"], one["function"], one["line"]] for one in thread["frames"]]
                for thread in answer["threads"]
            }
            assert found.pop(str(target.pid))[-1][1] == "<module>"
            assert found == target.ready["threads"]
        assert target.untraced
