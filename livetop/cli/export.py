"""`livetop export`: a snapshot in another format."""

from __future__ import annotations

from pathlib import Path

import click

from livetop.cli.options import options

HELP = """Write a snapshot in a format that other tools read.

    \b
    Examples:
      livetop export before.livetop -f collapsed -o before.txt
      livetop export before.livetop -f collapsed -o - | flamegraph.pl > before.svg
    """


@click.command("export", help=HELP, short_help="Convert a snapshot.")
@click.argument("file", type=click.Path(path_type=Path))
@options("destination", "format", "threads", "no_source", "no_argv")
def command(
    file: Path, form: str | None, output: Path, threads: bool, no_source: bool, no_argv: bool
) -> None:
    """Loads and writes."""
    from livetop.cli.saving import Choices, check_format, check_writable, write
    from livetop.profile.snapshot import load

    form = check_format(form, output)
    profile = load(file)
    check_writable(output)
    write(profile, output, form, Choices(source=not no_source, argv=not no_argv, threads=threads))
