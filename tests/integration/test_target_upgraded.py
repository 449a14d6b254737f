"""Interpreters whose files were deleted or replaced while they run, as a distribution's upgrade does it.

And such as were stripped before, as distributions do that, too.
"""

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
Change = Callable[[Path], None]
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


def strip(prefix: Path) -> None:
    """Leave no symbols but those that are exported."""
    subprocess.run(["strip", "-s", *prefix.glob("bin/*"), *prefix.glob("lib/*.so*")], check=True)


needs_strip = pytest.mark.skipif(not shutil.which("strip"), reason="needs binutils to strip an interpreter")


@pytest.mark.parametrize("change", [replace, delete_all])
@pytest.mark.parametrize("python", VERSIONS, ids=str)
def test_files_of_a_running_interpreter(python, change: Change, tmp_path):
    """With the right to open what is mapped, and without it: then what was loaded must do."""
    if change is replace and python is VERSIONS[-1]:
        change = functools.partial(replace, other=VERSIONS[0])
    check(python, tmp_path / "python", keep, change)


@needs_strip
@pytest.mark.parametrize("python", VERSIONS, ids=str)
def test_stripped(python, tmp_path):
    """Exported symbols are all there is; 3.6 keeps what matters in a variable that is not exported."""
    check(python, tmp_path / "python", strip, delete_all)


def check(python: Interpreter, prefix: Path, before: Change, after: Change) -> None:
    """A copy of an interpreter, changed before and after it was started, tells what it told itself."""
    path = copied(python.path, prefix)
    before(prefix)
    home = Path(python.path).parents[1]
    env = os.environ | {"PYTHONHOME": str(home), "LD_LIBRARY_PATH": str(prefix / "lib")}
    with Target(PROGRAMS / "contained.py", python=str(path), env=env) as target:
        mapped = Path(f"/proc/{target.pid}/maps").read_text()
        assert str(prefix / "bin") in mapped
        after(prefix)
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
