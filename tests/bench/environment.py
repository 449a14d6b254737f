"""An environment for the target's interpreter, outside the checkout: for numpy, and for Scalene."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .machine import version_of
from .processes import MeasureError

_PATIENCE = 600.0


def prepared(python: str, *packages: str) -> str:
    """The interpreter of an environment made with `python` that has these packages. Raises MeasureError.

    It is kept in the user's cache folder, one a version, and used again.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "livetop-bench" / version_of(python)
    inner = str(folder / "bin" / "python")
    if not Path(inner).exists():
        print(f"bench: making {folder}", file=sys.stderr)
        _run(python, "-m", "venv", str(folder))
    for package in packages:
        if not _has(inner, package):
            _run(inner, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package)
    return inner


def _has(python: str, package: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", code], timeout=_PATIENCE).returncode == 0


def _run(*argv: str) -> None:
    try:
        run = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MeasureError(f"{' '.join(argv)}: {error}") from None
    if run.returncode:
        said = (run.stderr or run.stdout).strip().splitlines()
        raise MeasureError(f"{' '.join(argv)} failed: {said[-1] if said else run.returncode}")
