"""`livetop view`: a snapshot in the live screen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from livetop.cli.options import PICTURE, options

HELP = """Look at a snapshot in the live screen.

    \b
    Example:
      livetop view before.livetop
    """


@click.command("view", help=HELP, short_help="Look at a snapshot in the live screen.")
@click.argument("file", type=click.Path(path_type=Path))
@options(*PICTURE, "sort", "filter", "refresh", "no_color", "ascii")
def command(file: Path, **values: Any) -> None:
    """The screen over a loaded profile."""
    from livetop.cli import screen
    from livetop.session.recorded import Recorded

    session = Recorded(file)
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise click.UsageError(f"view needs a terminal; try livetop show {file}")
    screen.run(session, values)
