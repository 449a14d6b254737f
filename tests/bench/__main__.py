"""Measures livetop and py-spy in turns on the same live targets, and prints one table.

    python -m tests.bench --quick
    python -m tests.bench --only depth --json depth.json
    python -m tests.bench --markdown

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
from .sections import SECTIONS
from .table import Row, as_json, as_line, as_markdown, as_text


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code is 0 when all was measured, also if a goal was missed; 1 when something failed."""
    options = _parser().parse_args(argv)
    # As Ctrl-C does: every measure ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
        for name in options.only or SECTIONS:
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


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it works")
    parser.add_argument(
        "--only", action="append", choices=list(SECTIONS), help="one section; may be repeated"
    )
    parser.add_argument("--python", metavar="PATH", help="the target's interpreter (default: the newest)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure of every round")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    return parser


if __name__ == "__main__":
    sys.exit(main())
