"""Snapshots: the model written down as gzip-compressed JSON, and read back without trusting it.

The document (schema 1) holds what was measured, not what follows from it:

    {"livetop": version, "schema": 1, "saved": Unix time,
     "processes": [{id, pid, argv, python, build, host, started, parent, state, reason}],
     "sampling": {ticks, samples, ..., duration, rate, rss},
     "files": [[id, name, module]], "functions": [[id, name, file, first line, kind]],
     "nodes": [[id, parent, function, line]],      a root is [id, 0, 0, process id]; parents come first
     "threads": [{id, process, tid, name, state, use}], "libraries": [[id, name]],
     "blocks": [{t0, t1, gil_held, "cells": [[node, thread, state, library, count, weight, squared]],
                 "uses": [{thread, own, queued, gil, wait, idle, samples}]}],
     "sources": {file id: text}}

Seconds throughout; states are numbered as in `livetop.profile.states`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import secrets
import stat
import zlib
from pathlib import Path

import msgspec

from livetop.profile import document
from livetop.profile.document import DocumentError
from livetop.profile.model import Profile
from livetop.profile.schema import SCHEMA, Document, Head
from livetop.profile.text import printable

MAX_UNPACKED = 128 * 1024 * 1024
"""Bytes of JSON that are read at most; the model's own limits keep a snapshot well below it."""

_CHUNK = 1024 * 1024


class SnapshotError(Exception):
    """A snapshot could not be written or read; the text is one line for the user."""


def save(profile: Profile, path: str | os.PathLike[str], *, source: bool = True, argv: bool = True) -> None:
    """Writes a snapshot (mode 0600), whole or not at all; `source`, `argv`: whether these go in.

    Raises SnapshotError; the profile is as it was and can be saved elsewhere.
    """
    write_whole(path, pack(profile, source=source, argv=argv))


def load(path: str | os.PathLike[str]) -> Profile:
    """Reads a snapshot; raises SnapshotError on anything that is not a whole one of a known schema."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SnapshotError(f"{_shown(path)} is not a file")
        packed = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise SnapshotError(f"cannot read {_shown(path)}: {_reason(error)}") from None
    try:
        return unpack(packed)
    except SnapshotError as error:
        raise SnapshotError(f"{_shown(path)}: {error}") from None


def copy(profile: Profile) -> Profile:
    """Returns a copy of a profile as a snapshot would keep it, for a baseline."""
    return document.profile_of(document.document_of(profile))


def pack(profile: Profile, *, source: bool = True, argv: bool = True) -> bytes:
    """Returns the bytes of a snapshot."""
    data = msgspec.json.encode(document.document_of(profile, source=source, argv=argv))
    return gzip.compress(data, compresslevel=6, mtime=0)


def unpack(packed: bytes) -> Profile:
    """Returns the profile in the bytes of a snapshot; raises SnapshotError."""
    data = _unzip(packed)
    try:
        # The schema is looked at first: a newer one may not even have the fields of this one.
        head = msgspec.json.decode(data, type=Head)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        raise SnapshotError("not a livetop snapshot, or a damaged one") from None
    if head.schema > SCHEMA:
        raise SnapshotError(
            f"written by livetop {head.printable_version()} with schema {head.schema}; "
            f"this livetop reads up to schema {SCHEMA}: upgrade it to read this file"
        )
    try:
        return document.profile_of(msgspec.json.decode(data, type=Document))
    except DocumentError as error:
        raise SnapshotError(f"damaged snapshot: {error}") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError, OverflowError, MemoryError):
        raise SnapshotError("damaged snapshot: it does not hold what schema 1 says") from None


def _unzip(packed: bytes) -> bytes:
    """Unpacks gzip data up to the cap: a small file must not fill the memory."""
    parts, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            while part := stream.read(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > MAX_UNPACKED:
                    raise SnapshotError(f"too large: more than {MAX_UNPACKED >> 20} MiB unpacked")
    except gzip.BadGzipFile:
        raise SnapshotError("not a livetop snapshot, or a damaged one") from None
    except (EOFError, zlib.error, OSError, ValueError):
        raise SnapshotError("damaged snapshot: the compressed data ends early or is corrupt") from None
    return b"".join(parts)


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file that is there whole or not at all: temporary file beside it, fsync, rename.

    Mode 0600; a symbolic link at `path` is refused. Raises SnapshotError.
    """
    target = Path(path)
    try:
        _refuse_special(target)
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(stream.fileno(), 0o600)
                os.fsync(stream.fileno())
            _refuse_special(target)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(target.parent)
    except (OSError, ValueError) as error:
        raise SnapshotError(f"cannot write {_shown(path)}: {_reason(error)}") from None


def _refuse_special(target: Path) -> None:
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise SnapshotError(
            f"cannot write {_shown(target)}: it is a symbolic link; give the path of the file itself"
        )
    if not stat.S_ISREG(mode):
        raise SnapshotError(f"cannot write {_shown(target)}: it exists and is not a file")


def _sync_folder(folder: Path) -> None:
    """Makes the rename last; some file systems cannot, and the file is written all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _shown(path: str | os.PathLike[str]) -> str:
    return printable(os.fspath(path))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
