"""`livetop attach`: the live screen, or its figures as text or JSON."""

from __future__ import annotations

from typing import Any

import click

from livetop.cli.options import PICTURE, SAMPLING, options, sampling_settings
from livetop.cli.targets import configure_for

HELP = """Watch a running Python process: which lines take its time, right now.

    TARGET is a PID, or a name that only one Python process has. Without a terminal one table of the
    whole time is printed at the end: after --duration, when the target ends, or at Ctrl-C.

    \b
    Examples:
      livetop attach 4242
      livetop attach worker.py --mode wall --thread MainThread
      livetop attach 4242 -s                    with its children: a server and its workers
      livetop attach 4242 -d 10 --json | jq .rows[0]
      livetop attach 4242 --via 'ssh db1'
    """

PRESENTING = (
    *SAMPLING, "native", "via", "duration", *PICTURE, "sort", "filter", "number", "json", "output", "refresh",
    "no_source", "no_argv", "no_color", "ascii",
)  # fmt: skip
"""What every verb with a live session takes."""


@click.command("attach", help=HELP, short_help="Watch a running process.")
@click.argument("target", metavar="PID|NAME")
@options(*PRESENTING)
def command(target: str, **values: Any) -> int:
    """Attaches to a process that runs already."""
    from livetop.cli.presenting import present

    return present(configure_for(target, values["via"], sampling_settings(values)), values)
