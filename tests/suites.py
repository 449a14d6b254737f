"""Debian packages and sources of other suites, unpacked outside the checkout; nothing is installed.

They come through apt from the mirror that the machine's own sources name.
"""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(os.environ.get("LIVETOP_TARGETS") or Path.home() / ".cache" / "livetop-targets")
LOG = FOLDER / "build.log"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_GENTLY = ("nice", "-n", "19")


class Unavailable(Exception):
    """A target cannot be had on this machine: why, in one line."""


def run(*argv: object, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
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


def said(*argv: object) -> str:
    """What a program prints; raises Unavailable when it fails."""
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
        run("apt-get", "update", env=environment)
        return environment

    def unpack(self, *packages: str) -> Path:
        """The root, with these packages and all they need that is not in `base`."""
        stamps = [self.folder / f"has-{package}" for package in packages]
        if all(stamp.exists() for stamp in stamps):
            return self.root
        run("apt-get", "install", "-y", "--download-only", *packages, env=self.apt)
        self.root.mkdir(exist_ok=True)
        if not self.base:
            # What base-files would have made: packages put files into /usr only.
            for name in ("bin", "sbin", "lib", "lib64"):
                (self.root / "usr" / name).mkdir(parents=True, exist_ok=True)
                if not (self.root / name).is_symlink():
                    (self.root / name).symlink_to(f"usr/{name}")
        archives = self.folder / "cache" / "archives"
        for archive in sorted(archives.glob("*.deb")):
            # Packages of before the merge have a /lib of their own, which must not take the link's place.
            unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
            run("sh", "-c", unpack, "sh", archive, self.root)
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
        run("apt-get", "source", "--download-only", package, cwd=downloads, env=self.apt)
        [tarball] = downloads.glob(f"{package}_*.orig.tar.*z")
        folder.mkdir(parents=True, exist_ok=True)
        run("tar", "-xf", tarball, "-C", folder, "--strip-components=1")
        return folder


def _mirror() -> str:
    """Where the machine's own packages come from."""
    for line in said("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)").splitlines():
        uri, *origin = line.split()
        if origin == ["Debian", "Debian"]:
            return uri
    raise Unavailable("apt knows no Debian mirror (apt-get update?)")


BULLSEYE = Suite("bullseye", FOLDER / "bullseye", "")
BOOKWORM = Suite("bookworm", FOLDER / "bookworm", "")
TESTING = Suite("testing", FOLDER / "testing", "")
TOOLS = Suite("host", FOLDER / "tools", "/var/lib/dpkg/status")
