"""One module a format, and the table of them: name -> how a profile is written in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from livetop.export import collapsed, json_rows
from livetop.export.options import Options
from livetop.profile import snapshot
from livetop.profile.model import Profile
from livetop.profile.snapshot import SnapshotError

__all__ = ["FORMATS", "Format", "Options", "SnapshotError", "format_for", "write"]


class Format(NamedTuple):
    """A format's usual file extension, and what makes its bytes."""

    extension: str
    render: Callable[[Profile, Options], bytes]


FORMATS: dict[str, Format] = {
    "livetop": Format(
        ".livetop", lambda profile, options: snapshot.pack(profile, source=options.source, argv=options.argv)
    ),
    "collapsed": Format(".collapsed", collapsed.render),
    "json": Format(".json", json_rows.render),
}


def format_for(path: str | os.PathLike[str], default: str = "livetop") -> str:
    """Returns the format that a file's extension stands for."""
    extension = os.path.splitext(os.fspath(path))[1]
    return next((name for name, known in FORMATS.items() if known.extension == extension), default)


def write(
    profile: Profile, path: str | os.PathLike[str], format_name: str, options: Options | None = None
) -> None:
    """Writes a profile to a file, whole or not at all; raises SnapshotError with a line for the user."""
    snapshot.write_whole(path, FORMATS[format_name].render(profile, options or Options()))
