"""One process: what it is, whether it can be read, and whether it is still the same one."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from .errors import (
    AlreadyTraced,
    MemoryFault,
    NoSuchProcess,
    NotReadable,
    PermissionDenied,
    ProcessGone,
)
from .files import open_in_root, reopen_regular
from .maps import Mapping
from .memory import RemoteMemory
from .obstacles import process_name
from .permission import denied, is_hidden
from .procfs import Stat, boot_time, clock_ticks, read_file, read_stat, read_status
from .surroundings import check_proc
from .text import escape

# What is shown of a command line; the kernel would give up to megabytes.
MAX_COMMAND = 64 << 10
MAX_WORDS = 256

_LAYOUT: Final = b"\t\n\v\f\r"
_SPACES: Final = bytes.maketrans(_LAYOUT, b" " * len(_LAYOUT))

_AUXILIARY = struct.Struct("<QQ")
_AT_RANDOM: Final = 25
# Never mapped (vm.mmap_min_addr): reading there fails for want of memory or for want of permission.
_UNMAPPED: Final = 8


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was when it was opened. Texts are escaped.

    `start_time` is in clock ticks since boot and, with `pid`, its identity; `started` is Unix time; `state`
    is the letter of ps; `generation` changes with every exec, even of the same program.
    """

    pid: int
    start_time: int
    argv: list[str]
    exe: str
    cwd: str
    host: str
    started: float
    state: str
    generation: bytes = field(repr=False)

    def exists(self) -> bool:
        """Whether it still runs: not exited, no zombie, and the PID not given to another."""
        try:
            stat = read_stat(self.pid)
        except NoSuchProcess:
            return False
        return stat.start_time == self.start_time and stat.state not in "ZX"

    def has_execed(self) -> bool:
        """Whether it runs another program image by now. Raises ProcessGone."""
        try:
            return read_generation(self.pid) != self.generation
        except PermissionDenied:
            # It could be read before: a program with more rights is what exec has brought.
            return True

    def exe_file(self) -> BinaryIO:
        """Open the program's file, which may have been deleted. Raises NotReadable, ProcessGone."""
        return _open(self.pid, f"/proc/{self.pid}/exe", "its program")

    def open_mapped(self, mapping: Mapping) -> BinaryIO:
        """Open the very file that is mapped, whatever has become of its name.

        Raises NotReadable with the fix, ProcessGone.
        """
        # The first needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, so the next best ways follow.
        link = f"/proc/{self.pid}/map_files/{mapping.start:x}-{mapping.end:x}"
        openers: tuple[Callable[[], BinaryIO], ...] = (
            lambda: _open(self.pid, link, mapping.path),
            lambda: os.fdopen(open_in_root(self.pid, mapping.path), "rb"),
            # What has another root is told by paths from ours.
            lambda: os.fdopen(open_in_root(self.pid, self._below_root(mapping.path)), "rb"),
            self.exe_file,
        )
        for opener in openers:
            with contextlib.suppress(NotReadable, OSError, ValueError):
                file = opener()
                # Device numbers are no help: overlay and btrfs show others in the maps than in stat().
                if os.fstat(file.fileno()).st_ino == mapping.inode:
                    return file
                file.close()
        raise NotReadable(
            f"cannot open {escape(mapping.path, 200)} as process {self.pid} has loaded it (replaced by an"
            " upgrade?): restart the process, or run livetop as root"
        )

    def _below_root(self, path: str) -> str:
        """A path of ours as the process has it. Raises OSError when it has no such path."""
        root = os.readlink(f"/proc/{self.pid}/root")
        if root == "/" or not path.startswith(root + "/"):
            raise FileNotFoundError(path)
        return path[len(root) :]


def open_process(pid: int, *, traced: bool = False) -> Process:
    """Return a process that we may read.

    `traced`: accept one that a debugger holds, to read it without stops.
    Raises NoSuchProcess, NotReadable, PermissionDenied, AlreadyTraced: each says what to do.
    """
    check_proc()
    stat = _existing(pid)
    status = read_status(pid)
    _check_kind(stat, status)
    tracer = int(status.get("TracerPid", "0") or 0)
    if tracer and tracer != os.getpid() and not traced:
        raise AlreadyTraced(
            f"process {pid} is already traced by {process_name(tracer)}: end that first, or add"
            " --nonblocking to read it without stops"
        )
    try:
        _check_permission(pid)
        generation = read_generation(pid)
    except ProcessGone:
        # It may have exited, or be about to: its memory is gone before its entry is.
        raise NotReadable(f"process {pid} is exiting: there is nothing left to read") from None
    return Process(
        pid=pid,
        start_time=stat.start_time,
        argv=read_argv(pid) or [f"[{escape(stat.name, 64)}]"],
        exe=_link(pid, "exe"),
        cwd=_link(pid, "cwd"),
        host=escape(os.uname().nodename, 256),
        started=boot_time() + stat.start_time / clock_ticks(),
        state=stat.state,
        generation=generation,
    )


def read_argv(pid: int) -> list[str]:
    """Return the command line, escaped and cut to what can be shown; [] when there is none or no right.

    Newlines and the like are spaces, as in ps: programs that are given with -c have many.
    """
    try:
        text = read_file(f"/proc/{pid}/cmdline", MAX_COMMAND)
    except OSError:
        return []
    words = text.rstrip(b"\0").split(b"\0") if text.strip(b"\0") else []
    cut = len(words) > MAX_WORDS or len(text) >= MAX_COMMAND
    return [escape(word.translate(_SPACES)) for word in words[:MAX_WORDS]] + (["…"] if cut else [])


def read_generation(pid: int) -> bytes:
    """Return bytes that are new after each exec: the 16 random bytes the kernel gives every program image.

    Start time and program file stay the same when a program execs itself; these (AT_RANDOM of getauxval(3))
    do not. Raises ProcessGone, PermissionDenied.
    """
    try:
        vector = read_file(f"/proc/{pid}/auxv", 4096)
    except PermissionError:
        raise denied(pid) from None
    except OSError:
        raise ProcessGone(f"process {pid} has exited") from None
    for key, address in _AUXILIARY.iter_unpack(vector[: len(vector) // 16 * 16]):
        if key == _AT_RANDOM:
            try:
                return vector + RemoteMemory(pid).read(address, 16)
            except MemoryFault:
                # In the middle of an exec, or a sandbox with a vector of its own.
                return vector
    return vector


def _existing(pid: int) -> Stat:
    try:
        return read_stat(pid)
    except NoSuchProcess:
        if is_hidden(pid):
            raise denied(pid) from None
        raise


def _check_kind(stat: Stat, status: dict[str, str]) -> None:
    """Refuse what is there, but has no memory to read."""
    pid = stat.pid
    if stat.state in "ZX":
        raise NotReadable(
            f"process {pid} is a zombie: it has exited and only waits for its parent,"
            f" {process_name(stat.parent)}, to collect it"
        )
    if stat.kernel_thread:
        raise NotReadable(
            f"process {pid} ({escape(stat.name, 64)}) is a kernel thread, not a program:"
            " `livetop list` shows the Python processes"
        )
    leader = status.get("Tgid", str(pid))
    if leader != str(pid):
        raise NotReadable(f"{pid} is a thread of process {leader}: run livetop attach {leader}")


def _check_permission(pid: int) -> None:
    """Ask the kernel by a read, which is the only answer that counts."""
    with contextlib.suppress(MemoryFault):
        RemoteMemory(pid).read(_UNMAPPED, 1)


def _link(pid: int, name: str) -> str:
    try:
        return escape(os.readlink(f"/proc/{pid}/{name}"))
    except OSError:
        return ""


def _open(pid: int, link: str, what: str) -> BinaryIO:
    """Open a regular file through a link of /proc. Raises NotReadable, ProcessGone."""
    try:
        return os.fdopen(reopen_regular(os.open(link, os.O_PATH | os.O_CLOEXEC)), "rb")
    except ProcessLookupError:
        raise ProcessGone(f"process {pid} has exited") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise NotReadable(f"cannot open {escape(what, 200)} of process {pid}: {reason}") from None
