"""Programs in namespaces of their own, made with unshare: containers without a container engine."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import interpreters
from tests.interpreters import Interpreter
from tests.targets import PROGRAMS, Target

# Makes a root of its own: the machine's programs, a Python in /opt/python, a folder of files as /app.
# Arguments: the root, the Python's prefix, the files, how the root is changed, the Python inside, and the
# program's path outside.
_ENTER = r"""
set -e
root=$1; prefix=$2; files=$3; way=$4; python=$5; program=/app/${6##*/}; shift 6
mount -t tmpfs none "$root"
mkdir -p "$root/opt/python" "$root/app" "$root/tmp" "$root/dev" "$root/proc" "$root/old"
for folder in /usr /bin /sbin /lib /lib32 /lib64; do
    if [ -L "$folder" ]; then cp -P "$folder" "$root$folder"
    elif [ -d "$folder" ]; then mkdir "$root$folder"; mount --rbind "$folder" "$root$folder"; fi
done
mount --bind "$prefix" "$root/opt/python"
mount --bind "$files" "$root/app"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
export PYTHONHOME=/opt/python LD_LIBRARY_PATH=/opt/python/lib
if [ "$way" = pivot ]; then
    cd "$root"
    pivot_root . old
    exec chroot . sh -c 'umount -l /old; cd /app; exec "$@"' sh "$python" "$program" "$@"
fi
exec chroot "$root" sh -c 'cd /app; exec "$@"' sh "$python" "$program" "$@"
"""

# Root as container engines give it: without the right to look through /proc/PID/map_files.
LESSER = (
    "setpriv",
    "--bounding-set=-sys_admin,-checkpoint_restore",
    "--inh-caps=-sys_admin,-checkpoint_restore",
)

KINDS = {
    "pid": ("-p", "-f", "--mount-proc"),
    # /proc is still the machine's: it shows the outer ids.
    "pid-outer-proc": ("-p", "-f"),
    "mount": ("-m",),
    "user": ("-U", "-r"),
    "user-unmapped": ("-U",),
    "user-pid-mount": ("-U", "-r", "-p", "-f", "--mount-proc"),
}
"""Options of unshare(1) by name."""


def installed() -> list[Interpreter]:
    """Interpreters in a prefix of their own, one a version: what can be moved to another place."""
    return list({one.minor: one for one in interpreters.supported() if _movable(one)}.values())


def _movable(one: Interpreter) -> bool:
    path = Path(one.path)
    library = path.parents[1] / "lib" / "python{}.{}".format(*one.minor)
    return one.build == "release" and (library / "os.py").exists() and path.parents[1] != Path("/usr")


@functools.cache
def refusal(*options: str) -> str:
    """Why unshare with these options does not work here, "" when it does."""
    try:
        done = subprocess.run(["unshare", *options, "true"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""


def allowed(*options: str) -> tuple[str, ...]:
    """The options, if unshare may be called with them here; else the test is skipped, and says so."""
    why = refusal(*options)
    if why:
        pytest.skip(f"no container: unshare {' '.join(options)}: {why}")
    return options


class Contained(Target):
    """A program of tests/programs in namespaces of its own. `pid` is the outer one, `inner` what it has."""

    def __init__(
        self, program: str | Path, *args: object, python: str, unshare: Sequence[str], **popen: Any
    ) -> None:
        options = [*allowed(*unshare), *(["--kill-child"] if "-f" in unshare else [])]
        super().__init__(program, *args, python="unshare", options=[*options, python], **popen)
        self._find()

    def _find(self) -> None:
        """With -f the program is a child of unshare."""
        outer = self.process.pid
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        self.pid = int(children[0]) if children else outer
        status = Path(f"/proc/{self.pid}/status").read_text()
        ids = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        self.inner = int(ids.split()[-1])

    def tids(self) -> dict[int, int]:
        """{thread id inside: thread id outside}."""
        found = {}
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            status = Path(f"/proc/{self.pid}/task/{tid}/status").read_text()
            ids = next(line for line in status.splitlines() if line.startswith("NSpid:"))
            found[int(ids.split()[-1])] = int(tid)
        return found


class Jailed(Contained):
    """A program that has another root besides: its Python is /opt/python, its files are in /app.

    `files` is a folder of ours, into which the program is copied; `root` an empty one. `way`: "chroot", or
    "pivot" as container engines do it.
    """

    def __init__(
        self,
        program: str,
        *args: object,
        python: str,
        files: Path,
        root: Path,
        way: str = "pivot",
        unshare: Sequence[str] = KINDS["user-pid-mount"],
    ) -> None:
        for name in (program, "oldest.py"):
            shutil.copy(PROGRAMS / name, files)
        path = Path(python)
        words = ["sh", "-c", _ENTER, "sh", root, path.parents[1], files, way, f"/opt/python/bin/{path.name}"]
        # The program's path comes behind them.
        options = [*allowed("-m", *unshare), *(["--kill-child"] if "-f" in unshare else [])]
        Target.__init__(self, program, *args, python="unshare", options=[*options, *map(str, words)])
        self._find()
