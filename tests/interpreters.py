"""The Python interpreters of this machine: what real targets run on.

LIVETOP_REQUIRE names versions ("3.11,3.12,3.13"): a run that does not find one of them, or skips a test on
one, fails (see conftest.py).
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

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
"""The versions livetop reads, as release builds with a GIL."""

_NAME = re.compile(r"python(\d(\.\d+)?)?$")

# Answers on every Python that was ever installed.
_ASK = r"""
import sys, platform, sysconfig
get = sysconfig.get_config_var
free = bool(get("Py_GIL_DISABLED"))
debug = hasattr(sys, "gettotalrefcount") or hasattr(sys, "getobjects")
print('{"path": "%s", "implementation": "%s", "version": "%s", "build": "%s"}' % (
    sys.executable, platform.python_implementation(), platform.python_version(),
    "free-threaded" if free else "debug" if debug else "release"))
"""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter: `path` resolved, `version` like "3.12.1", `build` release, debug or free-threaded."""

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
        return self.implementation == "CPython" and self.build == "release" and self.minor in SUPPORTED

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
    """Those that livetop reads."""
    return [one for one in find_interpreters() if one.supported]


def built() -> list[Interpreter]:
    """Those that build_targets.py made here and that livetop reads, oldest first."""
    made = [
        Interpreter(path, version, build, "CPython", name)
        for name, (path, version, build) in build_targets.built().items()
    ]
    return sorted((one for one in made if one.supported), key=lambda one: one.minor)


def one_a_version() -> list[Interpreter]:
    """The newest interpreter of each supported version, for tests that take long."""
    return list({one.minor: one for one in supported()}.values())


def find(version: str) -> Interpreter | None:
    """The interpreter of a version like "2.7" or "3.10"."""
    return next((one for one in find_interpreters() if one.version.startswith(version + ".")), None)


def required() -> list[str]:
    """The versions that LIVETOP_REQUIRE demands, like ["3.11", "3.12"]."""
    return [word.strip() for word in os.environ.get("LIVETOP_REQUIRE", "").split(",") if word.strip()]


def missing() -> list[str]:
    """Those of them that are not there."""
    there = {"{}.{}".format(*one.minor) for one in supported()}
    return [version for version in required() if version not in there]
