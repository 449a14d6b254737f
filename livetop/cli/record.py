"""`livetop record`: samples a process into a file, without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from livetop.cli.options import SAMPLING, options, sampling_settings

HELP = """Sample a process into a file: a snapshot, or a format that other tools read.

    Stops after --duration, when the target ends, or at Ctrl-C, SIGTERM or SIGHUP; the file is written each
    time.

    \b
    Examples:
      livetop record 4242 -d 30 -o before.livetop
      livetop record worker.py -o stacks.txt -f collapsed
      livetop record worker.py --native -o stacks.txt -f collapsed      with C frames
      livetop record -s 4242 -d 30 -o pool.livetop                      with its workers
    """


@click.command("record", help=HELP, short_help="Sample a process into a file.")
@click.argument("target", metavar="PID|NAME")
@options(
    "destination", "format", "threads", "duration", *SAMPLING, "native_frames", "via", "no_source", "no_argv"
)
def command(target: str, output: Path, form: str | None, threads: bool, **values: Any) -> int:
    """Everything that can fail early does so before the first sample."""
    from livetop.cli.recording import record
    from livetop.cli.saving import Choices, check_format, check_writable
    from livetop.cli.targets import configure_for

    form = check_format(form, output)
    check_writable(output)
    configure = configure_for(target, values["via"], sampling_settings(values))
    return record(
        configure,
        values["via"],
        values["duration"],
        output,
        form,
        Choices(threads=threads, source=not values["no_source"], argv=not values["no_argv"]),
    )
