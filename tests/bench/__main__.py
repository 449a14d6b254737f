"""Measures livetop and py-spy in turns on the same live targets, and prints one table.

    python -m tests.bench --quick
    python -m tests.bench --only depth --json depth.json
    python -m tests.bench --markdown
    python -m tests.bench matrix           every interpreter here: is what livetop reads of it true?

livetop is the whole engine as it runs under the screen: states, weights, aggregation, messages. py-spy is
the one from PyPI, in its default mode and with --nonblocking; ratios are against the better of the two.
Figures are medians of the rounds. A ratio says how many times better livetop is.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import machine, peer
from .processes import MeasureError
from .rounds import Plan
from .sections import GRIDS, SECTIONS
from .table import Row, as_json, as_line, as_markdown, as_text


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code is 0 when all was measured, also if a goal was missed; 1 when something failed."""
    parser = _parser()
    options = parser.parse_args(argv)
    names = [*options.sections, *(options.only or ())]
    unknown = [name for name in names if name not in SECTIONS and name not in GRIDS]
    if unknown:
        parser.error(f"no section {unknown[0]}; there are {', '.join((*SECTIONS, *GRIDS))}")
    # As Ctrl-C does: every measure ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    grids = [name for name in names if name in GRIDS]
    if grids:
        return _grids(grids, options)
    try:
        python, pyspy = options.python or machine.newest_python(), peer.find()
        plan = Plan(python, pyspy, 1.0, 1, 4.0, 1) if options.quick else Plan(python, pyspy)
        about = machine.describe(python, pyspy)
    except MeasureError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about["measured"] = f"{plan.rounds} rounds of {plan.seconds:g} s, {time.strftime('%Y-%m-%d')}"
    measured: dict[str, list[Row]] = {}
    interrupted = False
    try:
        for name in names or SECTIONS:
            rows = measured.setdefault(name, [])
            for row in SECTIONS[name](plan):
                rows.append(row)
                print(f"bench: {as_line(row)}", file=sys.stderr)
    except KeyboardInterrupt:
        # What there is, is printed.
        interrupted = True
    write = as_markdown if options.markdown else as_text
    print(write(measured, about), end="")
    if options.json:
        options.json.write_text(json.dumps(as_json(measured, about), indent=1) + "\n")
    if interrupted:
        return 130
    return 1 if any(row.problems for rows in measured.values() for row in rows) else 0


def _grids(names: Sequence[str], options: argparse.Namespace) -> int:
    """Sections that are a table of their own."""
    failed = False
    found = {}
    for name in names:
        grid = GRIDS[name](options.quick, options.python)
        print(grid.as_markdown() if options.markdown else grid.as_text(), end="")
        found[name] = grid.figures
        failed = failed or grid.failed
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it works")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="only these (default: all but matrix)")
    parser.add_argument("--only", action="append", metavar="SECTION", help="the same; may be repeated")
    parser.add_argument("--python", metavar="PATH", help="the target's interpreter (default: the newest)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure of every round")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    return parser


if __name__ == "__main__":
    sys.exit(main())
