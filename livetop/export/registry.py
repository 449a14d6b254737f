"""The formats that a profile can be exported in, beside snapshots (`livetop.profile.snapshot`).

To add one: a module with `write(profile, stream, *, threads)`, and a line here.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TextIO

from livetop.export import collapsed, json_rows
from livetop.profile.model import Profile


class Writer(Protocol):
    """Writes a whole profile, since its reset; `threads`: each thread for itself where that is a choice."""

    def __call__(self, profile: Profile, stream: TextIO, *, threads: bool = False) -> None: ...


class Format(NamedTuple):
    """A format's usual file extension, and what writes it."""

    extension: str
    write: Writer


FORMATS: dict[str, Format] = {
    "collapsed": Format(".collapsed", collapsed.write),
    "json": Format(".json", json_rows.write),
}
