"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from livetop import __version__
from tests import interpreters

from .processes import MeasureError


def describe(python: str, pyspy: str) -> dict[str, str]:
    """Label -> value, in the order of printing."""
    load = ", ".join(f"{part:.2f}" for part in os.getloadavg())
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "kernel": f"Linux {platform.release()} {platform.machine()}",
        "target": f"CPython {version_of(python)}",
        "livetop": f"{__version__} on CPython {platform.python_version()}",
        "py-spy": subprocess.run([pyspy, "--version"], capture_output=True, text=True).stdout.split()[-1],
        "load before": load,
    }


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def version_of(python: str) -> str:
    """Like 3.13.0. Raises MeasureError for what is not a Python."""
    code = "import platform; print(platform.python_version())"
    try:
        run = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=10)
    except OSError as error:
        raise MeasureError(f"{python}: {error.strerror}") from None
    if run.returncode:
        raise MeasureError(f"{python} does not run: {run.stderr.strip()[:200]}")
    return run.stdout.strip()


def newest_python() -> str:
    """The newest supported interpreter on this machine. Raises MeasureError if there is none."""
    found = interpreters.supported()
    if not found:
        wanted = ", ".join(f"{major}.{minor}" for major, minor in interpreters.SUPPORTED)
        raise MeasureError(f"no CPython of {wanted} found; name one with --python PATH")
    return found[-1].path
