"""Files of a process, opened as the process sees them, so that no link leads out of its root.

A path that a process names may be a trap: an absolute link in a chroot or container that would end on this
machine, a FIFO that blocks, a device that acts when it is opened.
"""

from __future__ import annotations

import ctypes
import errno
import io
import os
import stat
from typing import Final

from .errors import SourceUnavailable
from .patience import in_time
from .text import escape

SOURCE_LIMIT = 2 << 20
LINE_LIMIT = 2000

# The same number on every architecture; from asm-generic/unistd.h and linux/openat2.h.
_SYS_OPENAT2: Final = 437
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10

_MAX_LINKS = 40
_MAX_STEPS = 4096
_RETRIES = 16

_libc = ctypes.CDLL(None, use_errno=True)


def open_in_root(pid: int, path: str) -> int:
    """Open a regular file for reading as the process would find it, and return the descriptor.

    A relative path starts at the process's working directory. Raises OSError; ValueError for a path with a
    null byte.
    """
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = resolve(root, path if path.startswith("/") else f"{_working_directory(pid)}/{path}")
    finally:
        os.close(root)
    return reopen_regular(found)


def reopen_regular(found: int) -> int:
    """Turn a descriptor that only names a file (O_PATH) into one to read from, and close the former.

    Raises OSError, with ENODEV when it is no regular file: those are not even opened.
    """
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise OSError(errno.ENODEV, "not a regular file")
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(found)


def read_source(pid: int, path: str, cap: int = SOURCE_LIMIT) -> str:
    """Return the text of a Python source file of a process, ready to be shown.

    Decoded as PEP 263 says, what cannot be decoded replaced; lines end in a newline, tabs are expanded, and
    other control characters are escaped. Raises SourceUnavailable with the reason.
    """
    shown = escape(path, 200)
    if path.startswith("<frozen ") and path.endswith(">"):
        raise SourceUnavailable(f"{shown} is no file: the module is a part of the interpreter's program")
    if path.startswith("<") and path.endswith(">"):
        raise SourceUnavailable(f"{shown} is no file: the code was made by the program")
    try:
        data = in_time(lambda: _content(pid, path, cap))
    except (OSError, ValueError) as error:
        raise SourceUnavailable(f"{shown}: {_reason(error)}") from None
    lines = decode_source(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join([escape(line.expandtabs(8), LINE_LIMIT) for line in lines])


def _content(pid: int, path: str, cap: int) -> bytes:
    fd = open_in_root(pid, path)
    try:
        size = os.fstat(fd).st_size
        if size > cap:
            raise SourceUnavailable(f"{escape(path, 200)} is too large to show ({size / 1e6:.1f} MB)")
        return _read(fd, size)
    finally:
        os.close(fd)


# punycode and its like: names of encodings/*.py that are no text encodings of source files.
_SLOW_CODECS = frozenset({"punycode", "idna", "raw-unicode-escape", "unicode-escape", "undefined"})


def decode_source(data: bytes) -> str:
    """Decode source text by its coding line or byte order mark (PEP 263); UTF-8 when that is no use."""
    # Takes some milliseconds to import and is needed only when source is shown.
    from tokenize import detect_encoding

    try:
        encoding, _ = detect_encoding(io.BytesIO(data).readline)
        # Some codecs take time that grows with the square of the text, which only an attack uses.
        return data.decode("utf-8" if encoding in _SLOW_CODECS else encoding, "replace")
    except (SyntaxError, LookupError, ValueError):
        return data.decode("utf-8-sig", "replace")


def resolve(root: int, path: str) -> int:
    """Return an O_PATH descriptor of `path` taken from the directory `root`, never of anything outside it.

    Raises OSError.
    """
    try:
        return _openat2(root, path)
    except OSError as error:
        # Before Linux 5.6 there is no such call, and older containers forbid it.
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    return walk(root, path)


def _openat2(root: int, path: str) -> int:
    how = (ctypes.c_uint64 * 3)(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    name = ctypes.create_string_buffer(_checked(path))
    number = 0
    for _ in range(_RETRIES):
        fd: int = _libc.syscall(
            ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(root), name, how, ctypes.c_size_t(24)
        )
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        # A rename somewhere on the machine raced with a "..": the kernel asks to try again.
        if number not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(number, os.strerror(number), path)


def _checked(path: str) -> bytes:
    raw = os.fsencode(path)
    if b"\0" in raw:
        raise ValueError("the name holds a null byte")
    return raw


def walk(root: int, path: str) -> int:
    """Do what `resolve` does, step by step, for kernels without openat2."""
    todo = os.fsdecode(_checked(path)).split("/")[::-1]
    # The directories from the root down to here; ".." goes back in this list, so never above the root.
    opened = [os.dup(root)]
    links = steps = 0
    try:
        while todo:
            name = todo.pop()
            steps += 1
            if steps > _MAX_STEPS:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            if name in ("", "."):
                continue
            if name == "..":
                if len(opened) > 1:
                    os.close(opened.pop())
                continue
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=opened[-1])
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                opened.append(fd)
                continue
            try:
                target = os.readlink("", dir_fd=fd)
            finally:
                os.close(fd)
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if target.startswith("/"):
                while len(opened) > 1:
                    os.close(opened.pop())
            todo.extend(target.split("/")[::-1])
        return opened.pop()
    finally:
        for fd in opened:
            os.close(fd)


def _working_directory(pid: int) -> str:
    """Return the process's working directory as a path from its own root."""
    root = os.readlink(f"/proc/{pid}/root")
    path = os.readlink(f"/proc/{pid}/cwd")
    # The kernel shows both from our root.
    if root != "/":
        if path != root and not path.startswith(root + "/"):
            raise OSError(errno.EXDEV, "the working directory is outside the root")
        path = path[len(root) :] or "/"
    return path if path.startswith("/") else "/"


def _read(fd: int, size: int) -> bytes:
    """Read at most `size` bytes: a file of /proc says 0, and reading those can have effects."""
    pieces = []
    while size > 0:
        piece = os.read(fd, size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


_REASONS: Final = {
    errno.ENOENT: "there is no such file where the process runs",
    errno.ESRCH: "the process has exited",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ENOTDIR: "it lies inside another file, an archive perhaps",
    errno.ENODEV: "not a regular file",
    errno.ELOOP: "its links go round in circles, or through /proc",
    errno.EXDEV: "the process works outside its root, where nothing is read",
    errno.ETIMEDOUT: "its file system does not answer",
}


def _reason(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return "not a file name"
    number = error.errno or 0
    return _REASONS.get(number) or os.strerror(number)
