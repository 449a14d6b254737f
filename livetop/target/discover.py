"""The Python processes of this machine, found cheaply, and by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .errors import Ambiguous, NoSuchProcess
from .obstacles import user_name
from .process import read_argv
from .procfs import boot_time, clock_ticks, read_file, read_stat, read_status
from .surroundings import check_proc
from .text import escape

_PYTHON: Final = re.compile(rb"(?:^|/)(?:python|pypy)[0-9.]*[a-z-]*(?: \(deleted\))?$")
_MAPPED: Final = re.compile(rb"/libpython[0-9][^/\n]*\.so")

# So many names fit on a line that lists them.
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process that looks like Python. Texts are escaped; `cpu` in seconds, `rss` in bytes.

    `started` is Unix time. `own` marks livetop's own processes, whose command lines name their targets.
    """

    pid: int
    parent: int
    name: str
    argv: list[str]
    user: str
    cpu: float
    rss: int
    started: float
    state: str
    own: bool


# Says of a PID whether its program is Python by another name.
Embeds = Callable[[int], bool]


def find_processes(embeds: Embeds | None = None) -> Iterator[Candidate]:
    """Yield the processes whose program, name or mapped libraries are Python's, by PID.

    Only what needs no privilege is looked at first; the maps of other programs are searched if they can be
    read, and `embeds` is asked of those that remain. Zombies and kernel threads are left out. Raises
    TargetError where /proc is that of other processes.
    """
    check_proc()
    ours = _own_family()
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        candidate = look_at(pid, ours, embeds)
        if candidate is not None:
            yield candidate


def look_at(pid: int, ours: frozenset[int] = frozenset(), embeds: Embeds | None = None) -> Candidate | None:
    """Return one process if it looks like Python."""
    try:
        stat = read_stat(pid)
        if stat.state in "ZX" or stat.kernel_thread or not _is_python(pid, stat.name, embeds):
            return None
        uid = read_status(pid).get("Uid", "0").split()[0]
    except NoSuchProcess:
        return None
    argv = read_argv(pid)
    return Candidate(
        pid=pid,
        parent=stat.parent,
        name=escape(stat.name, 64),
        argv=argv or [f"[{escape(stat.name, 64)}]"],
        user=user_name(int(uid)),
        cpu=stat.cpu / clock_ticks(),
        rss=stat.rss,
        started=boot_time() + stat.start_time / clock_ticks(),
        state=stat.state,
        own=pid in ours or is_livetop(argv),
    )


def matching(candidates: Iterable[Candidate], name: str) -> list[Candidate]:
    """Return the processes that a user means by `name`.

    A name is a script or module (`worker.py`, `worker`, `app.worker`), a program (`gunicorn`) or the kernel's
    name of the process. Where some match with their script or program, those that have the word among their
    arguments only are left out. livetop's own processes never match.
    """
    found = [candidate for candidate in candidates if not candidate.own]
    for test in (_is_named, _mentions):
        matches = [candidate for candidate in found if test(candidate, name)]
        if matches:
            return matches
    return []


def find_one(name: str, embeds: Embeds | None = None) -> int:
    """Return the PID of the one Python process of this name.

    Raises NoSuchProcess when there is none, Ambiguous when there are several, naming them.
    """
    candidates = list(find_processes(embeds))
    matches = matching(candidates, name)
    if len(matches) == 1:
        return matches[0].pid
    shown = escape(name, 100)
    if not matches:
        raise NoSuchProcess(
            f"no Python process matches {shown!r}: `livetop list` shows those of this machine"
        )
    names = ", ".join(f"{match.pid} ({describe(match.argv)})" for match in matches[:_SHOWN])
    more = f" and {len(matches) - _SHOWN} more" if len(matches) > _SHOWN else ""
    raise Ambiguous(f"{len(matches)} Python processes match {shown!r}: {names}{more}. Give a PID")


def describe(argv: list[str], width: int = 40) -> str:
    """Return a command line short enough for a list: without the interpreter's folder, cut to `width`."""
    text = " ".join([os.path.basename(argv[0]), *argv[1:]]) if argv else ""
    return text if len(text) <= width else text[: width - 1] + "…"


def _is_python(pid: int, name: bytes, embeds: Embeds | None) -> bool:
    try:
        exe = os.fsencode(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        # Another user's: its name and command line are all that we may see.
        try:
            first = read_file(f"/proc/{pid}/cmdline", 4096).partition(b"\0")[0]
        except OSError:
            return False
        return bool(_PYTHON.search(first) or _PYTHON.search(name))
    if _PYTHON.search(exe):
        return True
    try:
        maps = read_file(f"/proc/{pid}/maps", 4 << 20)
    except OSError:
        return False
    return bool(_MAPPED.search(maps)) or (embeds is not None and embeds(pid))


def is_livetop(argv: list[str]) -> bool:
    """Whether this is livetop: its script, or its package run with -m."""
    if any(os.path.basename(word) == "livetop" for word in argv[:2]):
        return True
    if any(flag == "-c" and "livetop.sampling" in word for flag, word in pairwise(argv[:7])):
        # An engine of a livetop that is not where -I looks: see livetop/session/link.py.
        return True
    return any(flag == "-m" and module.partition(".")[0] == "livetop" for flag, module in pairwise(argv[:7]))


def _own_family() -> frozenset[int]:
    """Return this process and its ancestors that are livetop too (a screen, a sudo in between)."""
    family: set[int] = set()
    pid = os.getpid()
    while pid > 1 and pid not in family:
        argv = read_argv(pid)
        if family and not is_livetop(argv) and "livetop" not in " ".join(argv):
            break
        family.add(pid)
        try:
            pid = read_stat(pid).parent
        except NoSuchProcess:
            break
    return frozenset(family)


def _is_named(candidate: Candidate, name: str) -> bool:
    """Whether the script, module or program that runs is called so."""
    # A program that writes its own title ("gunicorn: worker [app]") begins it with its name.
    title = os.path.basename(candidate.argv[0].partition(":")[0])
    if name in (candidate.name, os.path.basename(candidate.argv[0]), title) and name:
        return True
    for before, word in pairwise(candidate.argv):
        if before in ("-m", "-X", "-W"):
            if before == "-m":
                return word == name or word.rpartition(".")[2] == name
            continue
        if word == "-c":
            return False
        if not word.startswith("-"):
            # The first word that is no option is the script.
            base = os.path.basename(word)
            return name in (word, base, base.removesuffix(".py"))
    return False


def _mentions(candidate: Candidate, name: str) -> bool:
    return any(name in (word, os.path.basename(word)) for word in candidate.argv[1:])
