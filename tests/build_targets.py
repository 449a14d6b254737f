"""Interpreters that a fresh machine lacks, had into a cache folder outside the checkout.

    python -m tests.build_targets            have all that can be had here, one after the other
    python -m tests.build_targets NAME ...   only these
    python -m tests.build_targets --quick    only those that come as packages: minutes, not hours
    python -m tests.build_targets --list     what there is, and what each is for

The folder is LIVETOP_TARGETS, or ~/.cache/livetop-targets. Packages and sources come through apt from the
mirror that the machine's own sources name, of several of Debian's suites, into the folder; nothing is
installed. What is there already is not made again, and what cannot be had is said and left out: tests use
what they find.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.suites import BOOKWORM, BULLSEYE, FOLDER, TESTING, TOOLS, Suite, Unavailable, run, said

BIN = FOLDER / "bin"
_VERSIONS = FOLDER / "versions"

# Runs an interpreter of another root where our folders are found too; the process id stays the same.
_WRAPPER = """#!/bin/sh
exec unshare -m sh -c '
root=$1; shift
for folder in /*; do
    case $folder in /bin|/sbin|/lib*|/usr|/etc|/boot|/sys|/lost+found) continue;; esac
    [ -d "$folder" ] && mkdir -p "$root$folder" && mount --rbind "$folder" "$root$folder"
done
here=$(pwd)
exec chroot "$root" /bin/sh -c "cd \\"\\$0\\" && exec \\"\\$@\\"" "$here" "$@"
' sh {root} {python} "$@"
"""


def debian(version: str, suite: Suite = TESTING, debug: bool = False) -> Callable[[Path], None]:
    """Debian's interpreter: stripped, its eval loop split by the compiler's profile; or its debug build."""

    def build(wrapper: Path) -> None:
        if os.geteuid():
            raise Unavailable("needs root to change a root directory")
        # With its headers, that the layouts are checked against.
        wanted = f"python{version}-dbg" if debug else f"libpython{version}-dev"
        root = suite.unpack(f"python{version}", wanted, "dash")
        python = f"/usr/bin/python{version}{'-dbg' if debug else ''}"
        wrapper.write_text(_WRAPPER.format(root=shlex.quote(str(root)), python=shlex.quote(python)))

    return build


# ---------------------------------------------------------------------- builds


def _make(name: str, package: str, *options: str, suite: Suite = TESTING, **env: str) -> Path:
    """Configure and build CPython's source outside its tree; returns its executable, run where it lies."""
    executable = FOLDER / "build" / name / "python"
    if executable.exists():
        return executable
    source = suite.source(package)
    folder = executable.parent
    folder.mkdir(parents=True, exist_ok=True)
    run(source / "configure", "--with-ensurepip=no", *options, cwd=folder, env=env)
    run("make", *([] if "MAKEFLAGS" in env else ["-j1"]), cwd=folder, env=env)
    return executable


def _tools(*packages: str) -> dict[str, str]:
    """An environment that finds the programs of these packages."""
    root = TOOLS.unpack(*packages)
    paths = sorted(map(str, root.glob("usr/lib/llvm-*/bin")), reverse=True)
    libraries = [str(root / "usr/lib/x86_64-linux-gnu"), *map(str, root.glob("usr/lib/llvm-*/lib"))]
    return {
        "PATH": ":".join([*paths, str(root / "usr/bin"), os.environ["PATH"]]),
        "LD_LIBRARY_PATH": ":".join(libraries),
    }


def bolt(wrapper: Path) -> None:
    """CPython whose eval loop BOLT has taken apart and moved."""
    executable = _make(
        "bolt-3.13",
        "python3.13",
        # Not position-independent, or BOLT leaves functions with computed gotos alone; said with the
        # compiler's name, so that the options for extension modules come behind and win.
        CC="gcc -fno-pie -no-pie -fno-reorder-blocks-and-partition",
        LDFLAGS="-Wl,-q",
    )
    tools = _tools("bolt-19")
    moved, profile = executable.with_name("python.bolt"), executable.with_name("profile.fdata")
    instrumented = executable.with_name("python.instrumented")
    if not profile.exists():
        run(
            "llvm-bolt",
            executable,
            "-instrument",
            f"-instrumentation-file={profile}",
            "-o",
            instrumented,
            env=tools,
        )
        run(instrumented, "-c", _TRAINING)
    run(
        "llvm-bolt",
        executable,
        f"-data={profile}",
        *("-reorder-blocks=ext-tsp", "-reorder-functions=cdsort", "-split-functions", "-split-all-cold"),
        *("-split-eh", "-icf=1", "-inline-all", "-use-gnu-stack", "-dyno-stats"),
        *("-o", moved),
        env=tools,
    )
    wrapper.symlink_to(moved)


_TRAINING = """
import json, re
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(18)
for n in range(20):
    json.loads(json.dumps([{"key": value} for value in range(n)]))
    re.findall(r"[a-z]+", "words and words " * n)
"""


def tail_calls(wrapper: Path) -> None:
    """CPython built by clang with an opcode handler a function."""
    wrapper.symlink_to(
        _make("tail-calls-3.14", "python3.14", "--with-tail-call-interp", CC="clang-19", **_tools("clang-19"))
    )


_OPTIONS = {"free-threaded": "--disable-gil", "trace-refs": "--with-trace-refs"}


def plain(build: str, version: str, suite: Suite) -> Callable[[Path], None]:
    """CPython configured with one option and compiled fast: where structures lie, no profile has a say in."""

    def make(wrapper: Path) -> None:
        fast = {"OPT": "-DNDEBUG -O2", "MAKEFLAGS": "-j2"}
        name, source = f"{build}-{version}", f"python{version}"
        wrapper.symlink_to(_make(name, source, _OPTIONS[build], suite=suite, **fast))

    return make


_MUSL_CC = """#!/bin/sh
[ "$1" = --print-multiarch ] && exec echo {machine}-linux-musl
exec musl-gcc -idirafter {headers} "$@"
"""


def musl(wrapper: Path) -> None:
    """CPython with musl as its C library, as Alpine has it; without libffi, so without ctypes."""
    if not shutil.which("musl-gcc"):
        raise Unavailable("needs the package musl-tools")
    machine = os.uname().machine
    folder = FOLDER / "build" / "musl-3.13"
    headers = folder / "kernel"
    headers.mkdir(parents=True, exist_ok=True)
    # The kernel's headers only: others of /usr/include are for the other C library.
    for name, place in (("linux", ""), ("asm-generic", ""), ("asm", f"{machine}-linux-gnu")):
        link = headers / name
        if not link.exists():
            link.symlink_to(Path("/usr/include") / place / name)
    compiler = folder / "cc"
    compiler.write_text(_MUSL_CC.format(machine=machine, headers=headers))
    compiler.chmod(0o755)
    # Alpine's own linker makes the table of .eh_frame. What pkg-config knows is for the other C library.
    options = {
        "CC": str(compiler),
        "LDFLAGS": "-Wl,--eh-frame-hdr",
        "PKG_CONFIG": "false",
        "OPT": "-DNDEBUG -O1",
    }
    wrapper.symlink_to(_make("musl-3.13", "python3.13", "--disable-test-modules", **options))


@dataclass(frozen=True)
class Recipe:
    """How a target is had. `build`: what its structures are like; `about`: what it is, the time it takes."""

    make: Callable[[Path], None]
    about: str
    build: str = "release"
    quick: bool = True
    """Packages only, nothing compiled."""


def _debug(version: str, suite: Suite = TESTING) -> Recipe:
    return Recipe(debian(version, suite, debug=True), f"debug build of {version}, a package: 30 s", "debug")


def _compiled(build: str, version: str, suite: Suite = TESTING) -> Recipe:
    about = f"{build} build of {version}'s source: 5 minutes"
    return Recipe(plain(build, version, suite), about, build, quick=False)


TARGETS: dict[str, Recipe] = {
    "debian-3.9": Recipe(debian("3.9", BULLSEYE), "stripped, as servers with an old system run it: 30 s"),
    "debian-3.13": Recipe(debian("3.13"), "stripped, its eval loop split: 30 s"),
    "debian-3.14": Recipe(debian("3.14"), "stripped, its eval loop split: 30 s"),
    "debian-3.15": Recipe(debian("3.15"), "stripped, its eval loop split: 30 s"),
    "debug-3.9": _debug("3.9", BULLSEYE),
    "debug-3.11": _debug("3.11", BOOKWORM),
    "debug-3.13": _debug("3.13"),
    "debug-3.14": _debug("3.14"),
    "debug-3.15": _debug("3.15"),
    "free-threaded-3.13": _compiled("free-threaded", "3.13"),
    "free-threaded-3.14": _compiled("free-threaded", "3.14"),
    "free-threaded-3.15": _compiled("free-threaded", "3.15"),
    "trace-refs-3.9": _compiled("trace-refs", "3.9", BULLSEYE),
    "trace-refs-3.11": _compiled("trace-refs", "3.11", BOOKWORM),
    "trace-refs-3.13": _compiled("trace-refs", "3.13"),
    "musl-3.13": Recipe(musl, "with Alpine's C library, not all modules: 10 minutes", "musl", quick=False),
    "bolt-3.13": Recipe(bolt, "its eval loop taken apart and moved by BOLT: 15 minutes", quick=False),
    "tail-calls-3.14": Recipe(tail_calls, "built by clang, a function an opcode: 15 minutes", quick=False),
}


# ---------------------------------------------------------------------- what there is

_ASK = "import json, platform; print(json.dumps(platform.python_version()))"


def _version(path: Path) -> str:
    """The version that an interpreter says it has."""
    return str(json.loads(said(path, "-c", _ASK)))


@functools.cache
def built() -> dict[str, tuple[str, str, str]]:
    """{name: (path, version, build)} of the targets that are there and run, as in the table."""
    found = {}
    for name, recipe in TARGETS.items():
        path, version = BIN / name, _VERSIONS / name
        # A wrapper changes its root directory, which only root may.
        if version.exists() and path.exists() and (path.is_symlink() or os.geteuid() == 0):
            found[name] = str(path), version.read_text(), recipe.build
    return found


def have(name: str) -> str:
    """Make a target unless it is there; a line that says what came of it."""
    path = BIN / name
    begun = time.monotonic()
    try:
        if not path.exists():
            path.unlink(missing_ok=True)
            TARGETS[name].make(path)
            if not path.is_symlink():
                path.chmod(0o755)
        version = _version(path)
        _VERSIONS.mkdir(exist_ok=True)
        # So that no test run has to ask all of them.
        (_VERSIONS / name).write_text(version)
        return f"{name}: {version} in {path} ({time.monotonic() - begun:.0f} s)"
    except (OSError, Unavailable) as error:
        path.unlink(missing_ok=True)
        return f"{name}: NOT to be had here: {error}"


def main(words: Sequence[str]) -> int:
    if "--list" in words:
        there = built()
        for name, recipe in TARGETS.items():
            where = "{1} in {0}".format(*there[name]) if name in there else "not here"
            print(f"{name}: {where}; {recipe.about}")
        return 0
    names = [name for name, recipe in TARGETS.items() if recipe.quick or "--quick" not in words]
    words = [word for word in words if word != "--quick"]
    unknown = [word for word in words if word not in TARGETS]
    if unknown:
        print(f"no target {unknown[0]}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    if not shutil.which("apt-get"):
        print("needs apt", file=sys.stderr)
        return 1
    BIN.mkdir(parents=True, exist_ok=True)
    for name in words or names:
        print(have(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
