"""The Python interpreters of this machine: what real targets run on.

LIVETOP_REQUIRE names versions ("3.6,3.13") and builds ("3.13-free-threaded"): a run that does not find one of
them, or skips a test on one, fails (see conftest.py).
"""

from __future__ import annotations

import functools
import glob
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import build_targets

SUPPORTED = tuple((3, minor) for minor in range(6, 16))
"""The versions livetop reads."""

BUILDS = ("release", "debug", "trace-refs", "free-threaded")
"""The builds of them that it reads."""

_NAME = re.compile(r"python(\d(\.\d+)?)?$")

# Answers on every Python that was ever installed.
_ASK = r"""
import sys, platform, sysconfig
get = sysconfig.get_config_var
free = bool(get("Py_GIL_DISABLED"))
debug = hasattr(sys, "gettotalrefcount")
refs = hasattr(sys, "getobjects")
print('{"path": "%s", "implementation": "%s", "version": "%s", "build": "%s"}' % (
    sys.executable, platform.python_implementation(), platform.python_version(),
    "free-threaded" if free else "debug" if debug else "trace-refs" if refs else "release"))
"""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter: `path` resolved, `version` like "3.12.1", `build` one of BUILDS."""

    path: str
    version: str
    build: str
    implementation: str
    name: str = ""
    """What tests call it, where its version does not tell it from others."""

    @property
    def minor(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def supported(self) -> bool:
        return self.implementation == "CPython" and self.build in BUILDS and self.minor in SUPPORTED

    @property
    def kind(self) -> str:
        """As LIVETOP_REQUIRE names it: "3.12", or "3.12-debug"."""
        version = "{}.{}".format(*self.minor)
        return version if self.build == "release" else f"{version}-{self.build}"

    def __str__(self) -> str:
        if self.name:
            return self.name
        return self.version if self.build == "release" else f"{self.version}-{self.build}"


def _pyenv_root() -> Path:
    try:
        found = subprocess.run(["pyenv", "root"], capture_output=True, text=True, timeout=20, check=True)
        return Path(found.stdout.strip())
    except (OSError, subprocess.SubprocessError):
        return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _candidates() -> list[str]:
    folders = [
        *sorted(glob.glob(str(_pyenv_root() / "versions" / "*" / "bin"))),
        *os.environ.get("PATH", "").split(os.pathsep),
        "/usr/local/bin",
        "/usr/bin",
    ]
    found = []
    for folder in folders:
        # pyenv's shims are slow, and its versions are looked at themselves.
        if folder and os.path.isdir(folder) and not folder.endswith("/shims"):
            found += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if _NAME.match(name)]
    return found


def _ask(path: str) -> tuple[str, dict[str, str]] | None:
    """(resolved path of the interpreter, what it is); None when it does not answer."""
    try:
        answer = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, timeout=30, check=True)
        facts = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        # A shim without a version behind it, or no Python at all.
        return None
    return os.path.realpath(facts.pop("path")), facts


@functools.cache
def find_interpreters() -> tuple[Interpreter, ...]:
    """All interpreters that answer, each once, by version; shims and virtual environments are resolved."""
    paths = {os.path.realpath(path) for path in _candidates()}
    with ThreadPoolExecutor(8) as pool:
        found = dict(answer for answer in pool.map(_ask, sorted(paths)) if answer is not None)
    interpreters = [Interpreter(path, **facts) for path, facts in found.items()]
    return tuple(sorted(interpreters, key=lambda one: [int(n) for n in re.findall(r"\d+", one.version)]))


def supported() -> list[Interpreter]:
    """Those of the machine that livetop reads, oldest first; started, each is the process itself."""
    return [one for one in find_interpreters() if one.supported]


@functools.cache
def _built() -> tuple[Interpreter, ...]:
    made = [
        Interpreter(path, version, build, "CPython", name)
        for name, (path, version, build) in build_targets.built().items()
    ]
    return tuple(sorted((one for one in made if one.supported), key=lambda one: one.minor))


def built() -> list[Interpreter]:
    """Those that build_targets.py made here and that livetop reads, oldest first."""
    return list(_built())


def everything() -> list[Interpreter]:
    """All of them, by version."""
    return sorted(supported() + built(), key=lambda one: one.minor)


def one_a_version() -> list[Interpreter]:
    """A release build of each version: the machine's newest, or one that was made here."""
    released = [one for one in built() + supported() if one.build == "release"]
    found = {one.minor: one for one in released}
    return [found[minor] for minor in sorted(found)]


def few() -> list[Interpreter]:
    """One of each family of frames, for tests that take long: those on the heap, those below a _PyCFrame,
    those without it, and those that leave no stale pointers behind.
    """
    return [one for one in one_a_version() if one.minor in ((3, 8), (3, 11), (3, 13), (3, 14))]


def find(version: str) -> Interpreter | None:
    """The interpreter of a version like "2.7" or "3.10"."""
    return next((one for one in find_interpreters() if one.version.startswith(version + ".")), None)


def required() -> list[str]:
    """What LIVETOP_REQUIRE demands, like ["3.11", "3.12", "3.13-debug"]."""
    return [word.strip() for word in os.environ.get("LIVETOP_REQUIRE", "").split(",") if word.strip()]


def missing() -> list[str]:
    """What of it is not there."""
    there = {one.kind for one in everything()}
    return [kind for kind in required() if kind not in there]
