"""What is measured, by topic: name -> function from a Plan to rows, each as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.bench.grid import Grid
from tests.bench.rounds import Plan
from tests.bench.table import Row

from .depth import depth
from .interface import interface
from .matrix import matrix
from .native import native
from .slowdown import slowdown
from .start import start
from .threads import threads
from .truth import truth

SECTIONS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "depth": depth,
    "threads": threads,
    "slowdown": slowdown,
    "start": start,
    "interface": interface,
    "native": native,
    "truth": truth,
}

GRIDS: dict[str, Callable[[bool, str | None], Grid]] = {"matrix": matrix}
"""Those that are a table of their own: name -> function of (quick, one interpreter or None for all)."""
