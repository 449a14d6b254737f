"""`livetop show`: a snapshot as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from livetop.cli.options import PICTURE, options

HELP = """Print what a snapshot holds: the lines, functions, threads or libraries that took the time.

    \b
    Examples:
      livetop show before.livetop
      livetop show before.livetop --by function -n 10
      livetop show before.livetop --by library
      livetop show before.livetop --json | jq '.rows[:3]'
    """


@click.command("show", help=HELP, short_help="Print a snapshot.")
@click.argument("file", type=click.Path(path_type=Path))
@options("by", "number", "json", *PICTURE, "sort", "filter", "ascii")
def command(file: Path, **values: Any) -> None:
    """Loads, queries, prints."""
    from livetop.cli.notice import note
    from livetop.cli.reporting import check_choices, print_json_line, print_table, what_is_missing
    from livetop.profile.snapshot import load

    check_choices(values)
    profile = load(file)
    if values["as_json"]:
        print_json_line(profile, values, window=None)
    else:
        print_table(profile, values)
    if missing := what_is_missing(profile, values["by"]):
        note(missing)
