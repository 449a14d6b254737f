"""`livetop engine`: the reader's end of the protocol, for --via."""

from __future__ import annotations

import os
import sys

import click

HELP = """Speak livetop's protocol on standard input and output; --via starts this at the far end.

    \b
    Example:
      livetop attach 4242 --via 'ssh db1'      runs `livetop engine` on db1
    """


@click.command("engine", help=HELP, short_help="The far end of --via.")
def command() -> None:
    """Becomes the engine: a fresh interpreter, without what the command line has imported."""
    from livetop.session.link import local_engine

    if sys.stdin.isatty():
        raise click.UsageError(
            "livetop engine talks to another livetop, not to a terminal; use livetop attach"
        )
    argv = local_engine()
    os.execv(argv[0], argv)
