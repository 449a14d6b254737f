"""Which Python a process runs, and where: versions, builds, what of the file's tables is left."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from command_line import livetop

from livetop.cpython.layout import DEBUG_OFFSETS_HEAD
from livetop.cpython.runtime import Runtime, find_runtime, supported
from livetop.sampling.dump import dump_process
from livetop.target.errors import NotReadable
from livetop.target.memory import RemoteMemory
from livetop.target.process import open_process
from tests import build_targets, interpreters
from tests.containers import installed
from tests.targets import Target

PROGRAM = "embedded.py"


def runtime_of(pid: int) -> Runtime:
    return find_runtime(open_process(pid), RemoteMemory(pid))


def stands(target: Target) -> None:
    """What is read of its stack is what the target says."""
    [main] = dump_process(target.pid)["threads"]
    assert main["name"] == "embedded"
    assert [frame["function"] for frame in main["frames"]] == [name for name, _ in target.ready["frames"]]


def test_versions_and_builds_are_told(start, any_build):
    target = start(PROGRAM, python=any_build.path)
    identity = runtime_of(target.pid).identity
    assert identity.version == any_build.version
    assert any_build.build in identity.build
    assert identity.readable
    assert not identity.warning
    stands(target)


# ---------------------------------------------------------------- what is left of a library's tables


def stripped(library: Path) -> None:
    subprocess.run(["strip", "-s", library], check=True)


def sections_wiped(library: Path) -> None:
    """No section headers, which nobody needs to run it (e_shoff, e_shnum, e_shstrndx of elf.h)."""
    stripped(library)
    with library.open("r+b") as file:
        file.seek(40)
        file.write(bytes(8))
        file.seek(60)
        file.write(bytes(4))


@pytest.mark.skipif(not shutil.which("strip"), reason="needs strip")
@pytest.mark.parametrize("damage", [stripped, sections_wiped])
@pytest.mark.parametrize("python", installed(), ids=str)
def test_libraries_without_tables(start, tmp_path, python, damage):
    library = next(Path(python.path).parents[1].glob("lib/libpython3.?*.so.1.0"), None)
    if library is None:
        pytest.skip("this Python has no shared library")
    copy = tmp_path / library.name
    shutil.copy(library, copy)
    damage(copy)
    target = start(PROGRAM, python=python.path, env={**os.environ, "LD_PRELOAD": str(copy)})
    assert str(copy) in Path(f"/proc/{target.pid}/maps").read_text()
    assert runtime_of(target.pid).identity.version == python.version
    stands(target)


@pytest.mark.parametrize("python", [*installed()[:1], *installed()[1:][-1:]], ids=str)
def test_a_virtual_environment(start, tmp_path, python):
    link = tmp_path / "environment" / "bin" / "python"
    subprocess.run([python.path, "-m", "venv", "--without-pip", link.parents[1]], check=True)
    target = start(PROGRAM, python=str(link))
    assert runtime_of(target.pid).identity.version == python.version
    stands(target)


# ---------------------------------------------------------------- versions that nobody knows


def claim(pid: int, minor: int) -> None:
    """From now on the process's CPython says that it is another version."""
    version = 3 << 24 | minor << 16 | 0xF0
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(runtime_of(pid).address + 8)
        memory.write(struct.pack("<Q", version))


def newest() -> interpreters.Interpreter:
    """One of the newest version that is read, whose offsets are those that newer versions are tried with."""
    found = [one for one in interpreters.everything() if one.minor == interpreters.SUPPORTED[-1]]
    if not found:
        pytest.skip(f"no CPython {'.'.join(map(str, interpreters.SUPPORTED[-1]))} here")
    return found[0]


def test_a_newer_version_is_read_with_a_warning(start):
    target = start(PROGRAM, python=newest().path)
    claim(target.pid, 99)
    identity = runtime_of(target.pid).identity
    assert identity.version == "3.99.0"
    assert identity.readable
    assert "newer than this livetop knows" in identity.warning
    stands(target)
    out, err = livetop("dump", target.pid, "--json")
    assert err == f"livetop: {identity.warning}\n"
    assert json.loads(out)["warning"] == identity.warning
    _, err = livetop("attach", target.pid, "-d", 0.5)
    assert err.count(identity.warning) == 1
    out, _ = livetop("list")
    [row] = [line for line in out.splitlines() if f" {target.pid} " in line]
    assert " yes " in row
    assert identity.warning in out
    out, _ = livetop("doctor", target.pid)
    assert identity.warning in out


def test_a_newer_version_that_is_another_is_refused(start):
    """Its offsets are no longer those that the newest known version has, and what they say cannot be."""
    older = next((one for one in interpreters.everything() if one.minor == (3, 13)), None)
    if older is None:
        pytest.skip("no CPython 3.13 here")
    target = start(PROGRAM, python=older.path)
    claim(target.pid, 99)
    with pytest.raises(NotReadable, match=r"3\.99\.0, but ") as caught:
        runtime_of(target.pid)
    assert "\n" not in str(caught.value)
    _, err = livetop("dump", target.pid, code=3)
    assert err.count("\n") == 1


def test_offsets_that_are_damaged_are_refused(start):
    target = start(PROGRAM, python=newest().path)
    with open(f"/proc/{target.pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(runtime_of(target.pid).address + DEBUG_OFFSETS_HEAD.size)
        memory.write(os.urandom(400))
    with pytest.raises(NotReadable, match="damaged"):
        runtime_of(target.pid)


# ---------------------------------------------------------------- what is no Python that is read


def test_what_is_told_of_versions():
    assert supported() == "3.6 to 3.15"


@pytest.mark.parametrize("name", ["pypy3", "pypy", "libpypy3-c.so"])
def test_pypy_is_named(tmp_path, name):
    """By its file, whatever is in it."""
    program = tmp_path / name
    shutil.copy(shutil.which("cat") or "/bin/cat", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"ready\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        _, err = livetop("dump", process.pid, code=3)
        process.stdin.close()
    assert "runs PyPy: livetop reads CPython 3.6 to 3.15" in err


def test_targets_that_were_made_are_what_they_are_called():
    for name, (_, version, build) in build_targets.built().items():
        kind, _, number = name.rpartition("-")
        assert version.startswith(f"{number}.")
        assert build == kind if kind in interpreters.BUILDS else build
