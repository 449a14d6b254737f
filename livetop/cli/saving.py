"""Where results go: checked before the work, written whole or not at all, and never just lost."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from livetop.cli.notice import note

if TYPE_CHECKING:
    from livetop.profile.model import Profile

STDOUT = Path("-")
SNAPSHOT = "livetop"


def check_format(name: str | None, path: Path) -> str:
    """The format that was asked for, or that a file's name asks for; a snapshot when neither does.

    Raises click.BadParameter for a format there is not.
    """
    from livetop.export.registry import FORMATS

    if name is None:
        return next((known for known, form in FORMATS.items() if path.suffix == form.extension), SNAPSHOT)
    if name != SNAPSHOT and name not in FORMATS:
        known = ", ".join([SNAPSHOT, *FORMATS])
        raise click.BadParameter(f"there is no format {name!r}; there are: {known}", param_hint="--format")
    if name == SNAPSHOT and path == STDOUT:
        raise click.BadParameter("a snapshot is a file; give -o a path", param_hint="-o")
    return name


def check_writable(path: Path) -> None:
    """Raises click.ClickException if a file cannot be written: better told before an hour of sampling."""
    if path == STDOUT:
        return
    if path.is_symlink():
        raise click.ClickException(f"{path} is a symbolic link; give -o the path of a file")
    if path.is_dir():
        raise click.ClickException(f"{path} is a directory; give -o the path of a file")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise click.ClickException(f"there is no directory {folder}; make it, or give -o another path")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".livetop-"):
            pass
    except OSError as error:
        raise click.ClickException(
            f"cannot write in {folder}: {error.strerror}; give -o another path"
        ) from None


def write(profile: Profile, path: Path, form: str, **choices: bool) -> None:
    """Writes a profile in a format. Raises SnapshotError or OSError; then nothing was changed.

    `choices`: `source` and `argv` of a snapshot, `threads` of the exports that know them.
    """
    if form == SNAPSHOT:
        from livetop.profile.snapshot import save

        save(profile, path, source=choices.get("source", True), argv=choices.get("argv", True))
        return
    from livetop.export.registry import FORMATS

    writer = FORMATS[form].write
    if path == STDOUT:
        writer(profile, sys.stdout, threads=choices.get("threads", False))
        return
    handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
    try:
        with open(handle, "w", encoding="utf-8") as stream:
            writer(profile, stream, threads=choices.get("threads", False))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_or_rescue(profile: Profile, path: Path, form: str, **choices: bool) -> bool:
    """Like `write`, but what cannot be written goes to a new file in the temporary directory.

    Tells the user, and returns whether it went where it should. Raises if even that fails.
    """
    from livetop.profile.snapshot import SnapshotError

    try:
        write(profile, path, form, **choices)
    except BrokenPipeError:
        raise
    except (OSError, SnapshotError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        rescue = Path(tempfile.mkdtemp(prefix="livetop-")) / (
            path.name if path != STDOUT else "stdout.livetop"
        )
        write(profile, rescue, form, **choices)
        note(f"could not write {path}: {reason}; the data is in {rescue}")
        return False
    return True
