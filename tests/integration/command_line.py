"""Runs the real command line against real programs, for the tests of the verbs."""

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parents[1] / "programs"
TARGET = PROGRAMS / "cli_target.py"

SCRIPTED = shlex.join([sys.executable, str(PROGRAMS / "scripted_engine.py")])
"""`--via f"{SCRIPTED} WHAT engine"` reaches an engine that follows a script."""


def environment():
    folder = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "LIVETOP_DEBUG": ""}


def start(*args, **kwargs):
    """livetop as a process whose streams are pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "livetop", *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=kwargs.pop("stdout", subprocess.PIPE),
        stderr=kwargs.pop("stderr", subprocess.PIPE),
        text=True,
        env=kwargs.pop("env", environment()),
        **kwargs,
    )


def livetop(*args, code=0, **kwargs):
    """Runs it to its end and checks the exit code; returns stdout and stderr."""
    with start(*args, **kwargs) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    assert "Traceback" not in err
    return out, err


@contextlib.contextmanager
def target(seconds=3600, python=sys.executable):
    """A busy program that has begun its work."""
    with subprocess.Popen([python, str(TARGET), str(seconds)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().startswith("ready")
            yield process
        finally:
            process.kill()
            process.stdout.read()
