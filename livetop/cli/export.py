"""`livetop export`: a snapshot in another format."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Write a snapshot in a format that other tools read.

    \b
    Examples:
      livetop export before.livetop -f collapsed -o before.txt
      livetop export before.livetop -f collapsed -o - | flamegraph.pl > before.svg
    """


@click.command("export", help=HELP, short_help="Convert a snapshot.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-f", "--format", "form", metavar="FORMAT", help="Which; the output's name tells, if not given."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to; - is stdout.",
)
@click.option("--threads", is_flag=True, help="Keep threads apart: each stack begins with its thread.")
def command(file: Path, form: str | None, output: Path, threads: bool) -> None:
    """Loads and writes."""
    from livetop.cli.saving import check_format, check_writable, write
    from livetop.profile.snapshot import load

    form = check_format(form, output)
    profile = load(file)
    check_writable(output)
    write(profile, output, form, threads=threads)
