"""Interpreters that are hard to unwind, built into a cache folder outside the checkout.

    python -m tests.build_targets            have all that can be had here, one after the other
    python -m tests.build_targets NAME ...   only these
    python -m tests.build_targets --list     what there is

The folder is LIVETOP_TARGETS, or ~/.cache/livetop-targets. Packages and sources come through apt from the
mirror that the machine's own sources name, from Debian's testing suite, into the folder; nothing is
installed. What is there already is not made again, and what cannot be had is said and left out: tests use
what they find.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(os.environ.get("LIVETOP_TARGETS") or Path.home() / ".cache" / "livetop-targets")
BIN = FOLDER / "bin"
LOG = FOLDER / "build.log"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_GENTLY = ("nice", "-n", "19")


class Unavailable(Exception):
    """A target cannot be had on this machine: why, in one line."""


def _run(*argv: object, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a step with its output in the log; raises Unavailable when it fails."""
    words = [*_GENTLY, *map(str, argv)]
    with LOG.open("ab") as log:
        log.write(f"\n$ {shlex.join(words)}\n".encode())
        log.flush()
        failed = subprocess.call(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    if failed:
        raise Unavailable(f"`{shlex.join(map(str, argv))[:90]}` failed ({failed}); see {LOG}")


def _said(*argv: object) -> str:
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"`{shlex.join(map(str, argv))[:90]}` says {done.stderr.strip()[-200:]}")
    return done.stdout


# ---------------------------------------------------------------------- packages


@dataclass(frozen=True)
class Suite:
    """Debian packages of one suite, unpacked side by side into a root of their own."""

    name: str
    folder: Path
    base: str
    """dpkg's record of what is there already: none, or the machine's own."""

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @functools.cached_property
    def apt(self) -> dict[str, str]:
        """The environment in which apt knows this suite only, and writes only below `folder`."""
        folder = self.folder
        for sub in ("lists/partial", "cache/archives/partial", "sources"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        config = folder / "apt.conf"
        lines = [
            f'Dir::State::Lists "{folder}/lists";',
            f'Dir::State::status "{self.base or folder / "status"}";',
            f'Dir::Cache "{folder}/cache";',
            'APT::Install-Recommends "false";',
            'APT::Sandbox::User "";',
            'Debug::NoLocking "true";',
        ]
        if not self.base:
            (folder / "status").touch()
            signed = f"[signed-by={_KEYRING}] " if os.path.exists(_KEYRING) else ""
            (folder / "sources.list").write_text(
                "".join(f"{kind} {signed}{_mirror()} {self.name} main\n" for kind in ("deb", "deb-src"))
            )
            lines += [f'Dir::Etc::SourceList "{folder}/sources.list";', 'Dir::Etc::SourceParts "/dev/null";']
        config.write_text("\n".join(lines) + "\n")
        environment = {"APT_CONFIG": str(config)}
        _run("apt-get", "update", env=environment)
        return environment

    def unpack(self, *packages: str) -> Path:
        """The root, with these packages and all they need that is not in `base`."""
        stamps = [self.folder / f"has-{package}" for package in packages]
        if all(stamp.exists() for stamp in stamps):
            return self.root
        _run("apt-get", "install", "-y", "--download-only", *packages, env=self.apt)
        self.root.mkdir(exist_ok=True)
        if not self.base:
            # What base-files would have made: packages put files into /usr only.
            for name in ("bin", "sbin", "lib", "lib64"):
                (self.root / "usr" / name).mkdir(parents=True, exist_ok=True)
                if not (self.root / name).is_symlink():
                    (self.root / name).symlink_to(f"usr/{name}")
        archives = self.folder / "cache" / "archives"
        for archive in sorted(archives.glob("*.deb")):
            _run("dpkg-deb", "-x", archive, self.root)
            archive.unlink()
        for stamp in stamps:
            stamp.touch()
        return self.root

    def source(self, package: str) -> Path:
        """The upstream source of a package, unpacked."""
        folder = FOLDER / "source" / package
        if (folder / "configure").exists():
            return folder
        downloads = self.folder / "downloads"
        downloads.mkdir(exist_ok=True)
        _run("apt-get", "source", "--download-only", package, cwd=downloads, env=self.apt)
        [tarball] = downloads.glob(f"{package}_*.orig.tar.*z")
        folder.mkdir(parents=True, exist_ok=True)
        _run("tar", "-xf", tarball, "-C", folder, "--strip-components=1")
        return folder


def _mirror() -> str:
    """Where the machine's own packages come from."""
    for line in _said("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)").splitlines():
        uri, *origin = line.split()
        if origin == ["Debian", "Debian"]:
            return uri
    raise Unavailable("apt knows no Debian mirror (apt-get update?)")


TESTING = Suite("testing", FOLDER / "testing", "")
TOOLS = Suite("host", FOLDER / "tools", "/var/lib/dpkg/status")

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


def debian(version: str) -> Callable[[Path], None]:
    """Debian testing's interpreter: stripped, its eval loop split by the compiler's profile."""

    def build(wrapper: Path) -> None:
        if os.geteuid():
            raise Unavailable("needs root to change a root directory")
        # With its headers, that the layouts are checked against.
        root = TESTING.unpack(f"python{version}", f"libpython{version}-dev", "dash")
        wrapper.write_text(
            _WRAPPER.format(root=shlex.quote(str(root)), python=shlex.quote(f"/usr/bin/python{version}"))
        )

    return build


# ---------------------------------------------------------------------- builds


def _make(name: str, package: str, *options: str, **env: str) -> Path:
    """Configure and build CPython's source outside its tree; returns its executable, run where it lies."""
    executable = FOLDER / "build" / name / "python"
    if executable.exists():
        return executable
    source = TESTING.source(package)
    folder = executable.parent
    folder.mkdir(parents=True, exist_ok=True)
    _run(source / "configure", "--with-ensurepip=no", *options, cwd=folder, env=env)
    _run("make", *([] if "MAKEFLAGS" in env else ["-j1"]), cwd=folder, env=env)
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
        _run(
            "llvm-bolt",
            executable,
            "-instrument",
            f"-instrumentation-file={profile}",
            "-o",
            instrumented,
            env=tools,
        )
        _run(instrumented, "-c", _TRAINING)
    _run(
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


def free_threaded(wrapper: Path) -> None:
    """CPython without a GIL (3.13t), which no distribution of this suite has."""
    # -O2 and no profile: what takes long in a build has no say in where its structures lie.
    wrapper.symlink_to(
        _make("free-threaded-3.13", "python3.13", "--disable-gil", OPT="-DNDEBUG -O2", MAKEFLAGS="-j2")
    )


TARGETS: dict[str, Callable[[Path], None]] = {
    "debian-3.13": debian("3.13"),
    "debian-3.14": debian("3.14"),
    "debian-3.15": debian("3.15"),
    "bolt-3.13": bolt,
    "free-threaded-3.13": free_threaded,
    "tail-calls-3.14": tail_calls,
}


# ---------------------------------------------------------------------- what there is

_ASK = "import json, platform; print(json.dumps(platform.python_version()))"


def _version(path: Path) -> str:
    """The version that an interpreter says it has."""
    return str(json.loads(_said(path, "-c", _ASK)))


@functools.cache
def built() -> dict[str, tuple[str, str]]:
    """{name: (path, version)} of the targets that are there and run."""
    found = {}
    for name in TARGETS:
        path = BIN / name
        if path.exists():
            try:
                found[name] = (str(path), _version(path))
            except (OSError, Unavailable):
                # Made on another machine, or for root only.
                continue
    return found


def have(name: str) -> str:
    """Make a target unless it is there; a line that says what came of it."""
    path = BIN / name
    begun = time.monotonic()
    try:
        if not path.exists():
            path.unlink(missing_ok=True)
            TARGETS[name](path)
            if not path.is_symlink():
                path.chmod(0o755)
        return f"{name}: {_version(path)} in {path} ({time.monotonic() - begun:.0f} s)"
    except (OSError, Unavailable) as error:
        path.unlink(missing_ok=True)
        return f"{name}: NOT to be had here: {error}"


def main(words: Sequence[str]) -> int:
    if "--list" in words:
        for name, (path, version) in built().items():
            print(f"{name}: {version} in {path}")
        return 0
    unknown = [word for word in words if word not in TARGETS]
    if unknown:
        print(f"no target {unknown[0]}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    if not shutil.which("apt-get"):
        print("needs apt", file=sys.stderr)
        return 1
    BIN.mkdir(parents=True, exist_ok=True)
    for name in words or TARGETS:
        print(have(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
