"""`livetop demo`: the bundled workload, watched."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from livetop.cli.attach import PRESENTING
from livetop.cli.options import options, sampling_settings

DURATION = 5.0

HELP = """Start a bundled order-processing service and watch it, to see what livetop shows.

    It has pure Python hot lines, zlib, hashlib, json and re at work, file reads, two threads that fight for
    the GIL, a sleeping one and an asyncio loop. It ends together with livetop. Without a terminal a table
    is printed after --duration (5) seconds.

    \b
    Examples:
      livetop demo
      livetop demo -d 3 | cat
    """


@click.command("demo", help=HELP, short_help="Watch a bundled program.")
@options(*(name for name in PRESENTING if name != "via"))
def command(**values: Any) -> int:
    """Starts the workload under the engine."""
    from livetop.cli.presenting import on_terminal, present
    from livetop.wire.messages import Configure

    values["via"] = None
    if values["duration"] is None and not on_terminal(values):
        values["duration"] = DURATION
    configure = Configure(
        run=[sys.executable, "-m", "livetop.demo"], run_output=os.devnull, **sampling_settings(values)
    )
    return present(configure, values)
