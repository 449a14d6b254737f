"""Where results go: checked before the work, written whole or not at all, and never just lost."""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from livetop.cli.notice import note

if TYPE_CHECKING:
    from livetop.profile.model import Profile

STDOUT = Path("-")
SNAPSHOT = "livetop"


@dataclass(frozen=True, slots=True)
class Choices:
    """`source`, `argv`: whether a snapshot may hold them; `threads`: stacks are kept apart by thread."""

    source: bool = True
    argv: bool = True
    threads: bool = False


def check_format(name: str | None, path: Path) -> str:
    """The format that was asked for, or that a file's name asks for; a snapshot when neither does.

    Raises click.BadParameter for a format there is not.
    """
    from livetop.export.registry import FORMATS

    if name is None:
        suffixes = {f".{SNAPSHOT}": SNAPSHOT} | {form.extension: known for known, form in FORMATS.items()}
        if path.suffix and path.suffix not in suffixes:
            raise click.BadParameter(
                f"no format's files end in {path.suffix!r}; there are: {', '.join(suffixes)}; or give -f",
                param_hint="--output",
            )
        return suffixes.get(path.suffix, SNAPSHOT)
    if name != SNAPSHOT and name not in FORMATS:
        known = ", ".join([SNAPSHOT, *FORMATS])
        raise click.BadParameter(f"there is no format {name!r}; there are: {known}", param_hint="--format")
    return name


def check_snapshot(path: Path) -> None:
    """Raises click.BadParameter for a name that promises something other than a snapshot."""
    if path.suffix not in ("", f".{SNAPSHOT}"):
        raise click.BadParameter(
            f"a snapshot is written, which ends in .{SNAPSHOT}, not in {path.suffix!r}; livetop export and"
            " livetop record write other formats",
            param_hint="--output",
        )


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


def write(profile: Profile, path: Path, form: str, choices: Choices) -> None:
    """Writes a profile in a format. Raises SnapshotError; then nothing was changed."""
    from livetop.profile.snapshot import write_whole

    data = _render(profile, form, choices)
    if path == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(path, data)


def _render(profile: Profile, form: str, choices: Choices) -> bytes:
    if form == SNAPSHOT:
        from livetop.profile.snapshot import pack

        return pack(profile, source=choices.source, argv=choices.argv)
    from livetop.export.registry import FORMATS

    stream = io.StringIO()
    FORMATS[form].write(profile, stream, threads=choices.threads)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def write_or_rescue(profile: Profile, path: Path, form: str, choices: Choices) -> bool:
    """Like `write`, but what cannot be written goes to a new file in the temporary directory.

    Tells the user, and returns whether it went where it should. Raises SnapshotError if even that fails.
    """
    from livetop.profile.snapshot import SnapshotError

    try:
        write(profile, path, form, choices)
    except SnapshotError as error:
        rescue = Path(tempfile.mkdtemp(prefix="livetop-")) / path.name
        write(profile, rescue, form, choices)
        note(f"{error}; the data is in {rescue}")
        return False
    return True
