"""From the words of a command line to the first `Configure`."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livetop.cli.exitcodes import ExitCode
from livetop.cli.main import suggestion

if TYPE_CHECKING:
    from livetop.target.errors import TargetError
    from livetop.wire.messages import Configure

SHOWN_CANDIDATES = 20

_NUMBER = re.compile("[+-]?[0-9]+")
_DIGITS, _MAX_PID = 10, (1 << 31) - 1


def configure_for(target: str, via: str | None, settings: dict[str, Any]) -> Configure:
    """For a PID or a name. Through `via`, names are looked up where the engine is.

    Raises TargetError, or click.exceptions.Exit (code 2) after listing the candidates on stderr.
    """
    from livetop.wire.messages import Configure

    if via is not None and not is_number(target.strip()):
        return Configure(name=target, **settings)
    return Configure(pid=pid_of(target), **settings)


def pid_of(target: str) -> int:
    """The PID that a word of the command line means on this machine.

    Raises NoSuchProcess for a number that is none.
    """
    word = target.strip()
    if not is_number(word):
        return find_pid(target)
    if len(word) <= _DIGITS and 0 < int(word) <= _MAX_PID:
        return int(word)
    raise no_such_process(word)


def is_number(word: str) -> bool:
    """Whether a word can only be meant as a PID."""
    return _NUMBER.fullmatch(word) is not None


def no_such_process(word: str) -> TargetError:
    """What is said of a number that is no PID: the same as of a PID that nobody has."""
    from livetop.target.errors import NoSuchProcess
    from livetop.target.surroundings import elsewhere
    from livetop.target.text import escape

    return NoSuchProcess(
        f"there is no process {escape(word, 20)}: `livetop list` shows the Python processes here{elsewhere()}"
    )


def find_pid(name: str) -> int:
    """The one Python process on this machine that is called so."""
    from livetop.cpython.embedded import embeds_python
    from livetop.target.discover import describe, find_processes, matching
    from livetop.target.errors import NoSuchProcess
    from livetop.target.text import escape

    candidates = matching(find_processes(embeds_python), name)
    shown = escape(name, 100)
    if not candidates:
        raise NoSuchProcess(
            f"no Python process here matches {shown!r}{suggestion(name)}; livetop list shows those there are"
        )
    if len(candidates) > 1:
        click.echo(
            f"livetop: {len(candidates)} Python processes match {shown!r}; give the PID of one:", err=True
        )
        for candidate in candidates[:SHOWN_CANDIDATES]:
            click.echo(f"  {candidate.pid:>7}  {describe(candidate.argv, 100)}", err=True)
        if len(candidates) > SHOWN_CANDIDATES:
            click.echo(f"  ... and {len(candidates) - SHOWN_CANDIDATES} more (livetop list)", err=True)
        raise click.exceptions.Exit(ExitCode.USAGE)
    return candidates[0].pid


def program_argv(prog: str, args: tuple[str, ...], *, module: bool, python: str | None) -> list[str]:
    """The argument vector for `run`: a script or a module under Python, or a command on the PATH."""
    interpreter = python or sys.executable
    if shutil.which(interpreter) is None:
        raise click.UsageError(f"--python {interpreter}: there is no such program")
    if module:
        return [interpreter, "-m", prog, *args]
    if os.path.isdir(prog) or os.path.isfile(prog):
        return [interpreter, prog, *args]
    command = shutil.which(prog)
    if command is None:
        raise click.UsageError(f"{prog}: there is no such script, and no such command on the PATH")
    return [command, *args]


def output_file(argv: list[str]) -> str:
    """A new file, readable by its owner only, for what a started program prints."""
    stem = Path(argv[2] if len(argv) > 2 and argv[1] == "-m" else argv[min(1, len(argv) - 1)]).stem
    handle, path = tempfile.mkstemp(prefix=f"livetop-{stem[:40]}-", suffix=".log")
    os.close(handle)
    return path


def remove_if_empty(path: str) -> None:
    """Leaves no file behind of a program that printed nothing."""
    with suppress(OSError):
        if os.path.getsize(path) == 0:
            os.unlink(path)
