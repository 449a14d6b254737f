"""`livetop diff`: what changed between two snapshots, and whether that is more than noise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livetop.cli.exitcodes import ExitCode
from livetop.cli.options import MODES, options

if TYPE_CHECKING:
    from livetop.profile.rows import By, Mode

TABLES = click.Choice(["line", "function", "library", "thread", "task"])

HELP = """Compare two snapshots: shares of time before and after, each difference with its interval.

    Shares are compared, so rates and durations may differ. Lines are followed when they moved.

    \b
    Examples:
      livetop diff before.livetop after.livetop
      livetop diff before.livetop after.livetop --by function --json
      livetop diff before.livetop after.livetop --by library
      livetop diff main.livetop branch.livetop --fail-over 2     (exit code 5 in CI)
    """


@click.command("diff", help=HELP, short_help="Compare two snapshots.")
@click.argument("before", type=click.Path(path_type=Path), metavar="A")
@click.argument("after", type=click.Path(path_type=Path), metavar="B")
@click.option("--by", type=TABLES, default="line", show_default=True, help="What a row is.")
@click.option("--mode", type=MODES, default="cpu", show_default=True, help="What shares are of.")
@click.option("--markdown", is_flag=True, help="A Markdown table, for a pull request.")
@click.option(
    "--fail-over",
    type=click.FloatRange(0),
    metavar="PP",
    help="Exit with code 5 if any share grew significantly by more than so many percentage points.",
)
@options("number", "json", "ascii")
def command(before: Path, after: Path, by: By, mode: Mode, **values: Any) -> int:
    """Loads both, compares, prints."""
    from livetop.cli.notice import note
    from livetop.cli.reporting import DEFAULT_ROWS, text_width, what_is_missing
    from livetop.export import difference as forms
    from livetop.profile.diff import diff
    from livetop.profile.snapshot import load

    if values["as_json"] and values["markdown"]:
        raise click.UsageError("--json and --markdown exclude each other")
    profiles = load(before), load(after)
    found = diff(*profiles, by=by, mode=mode)
    most = values["number"] or DEFAULT_ROWS
    if values["as_json"]:
        forms.write_json(found, sys.stdout, most=values["number"])
    elif values["markdown"]:
        forms.write_markdown(found, sys.stdout, most=most)
    else:
        forms.write_text(found, sys.stdout, width=text_width(), most=most, ascii=values["ascii_only"])
    for path, profile in zip((before, after), profiles, strict=True):
        if missing := what_is_missing(profile, by):
            note(f"{path}: {missing}")
    limit = values["fail_over"]
    if limit is not None and any(row.significant and row.delta * 100 > limit for row in found.rows):
        click.echo(f"livetop: a share grew by more than {limit:g} percentage points", err=True)
        return ExitCode.REGRESSION
    return ExitCode.OK
