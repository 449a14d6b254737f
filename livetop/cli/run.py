"""`livetop run`: starts a program and watches it."""

from __future__ import annotations

from typing import Any

import click

from livetop.cli.attach import PRESENTING
from livetop.cli.options import options, sampling_settings

HELP = """Start a program and watch it; no privilege is needed for that.

    PROG is a script, with -m a module, or a command on the PATH; all words after it are its own. It runs in
    a session of its own, and what it prints goes to a file whose path is shown.

    \b
    Examples:
      livetop run worker.py --queue high
      livetop run -m http.server 8000
      livetop run -d 30 -o before.livetop -- bench.py --size 10
      livetop run -s ./start.sh           whatever Python it starts
    """


@click.command(
    "run",
    help=HELP,
    short_help="Start a program and watch it.",
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False},
)
@click.option("-m", "--module", is_flag=True, help="PROG is a module, as for python -m.")
@click.option("--python", metavar="PATH", help="The Python to run it with.  [default: livetop's own]")
@options(*(name for name in PRESENTING if name != "via"))
@click.argument("prog")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(prog: str, args: tuple[str, ...], module: bool, python: str | None, **values: Any) -> int:
    """Starts a program under the engine."""
    from livetop.cli.notice import note
    from livetop.cli.presenting import check, present
    from livetop.cli.targets import output_file, program_argv, remove_if_empty
    from livetop.wire.messages import Configure

    values["via"] = None
    check(values)
    argv = program_argv(prog, args, module=module, python=python)
    printed = output_file(argv)
    note(f"what the program prints goes to {printed}")
    try:
        return present(Configure(run=argv, run_output=printed, **sampling_settings(values)), values)
    finally:
        remove_if_empty(printed)
