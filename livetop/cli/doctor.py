"""`livetop doctor`: what stands in the way of attaching, and what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator

import click

import livetop
from livetop.cli.exitcodes import ExitCode

HELP = """Say what stands in the way of attaching, and the command that fixes it.

    With a PID: for that process. Without: for this machine and each of its Python processes.

    \b
    Examples:
      livetop doctor 4242
      livetop doctor
    """


@click.command("doctor", help=HELP, short_help="Find what stands in the way.")
@click.argument("target", metavar="[PID|NAME]", required=False)
def command(target: str | None) -> int:
    """Exit code 0 when nothing stands in the way of the process that was named."""
    for line in machine():
        click.echo(line)
    if target is not None:
        from livetop.cli.targets import pid_of

        return _one(pid_of(target))
    from livetop.cli.processes import survey

    click.echo("")
    entries = survey()
    for entry in entries:
        verdict = "ready" if entry.attachable else entry.reason
        click.echo(f"process {entry.pid} ({entry.argv[0]}): {verdict}")
    if not entries:
        click.echo("No Python process runs here that you may see; livetop demo starts one.")
    return ExitCode.OK


def machine() -> Iterator[str]:
    """What this machine and this user are."""
    from livetop.cpython.runtime import supported
    from livetop.target.permission import read_yama
    from livetop.target.surroundings import in_container

    yama = read_yama()
    yield f"livetop {livetop.__version__}, Python {platform.python_version()} ({sys.executable})"
    yield f"Linux {platform.release()}, {platform.machine()}, uid {os.geteuid()}"
    yield f"kernel.yama.ptrace_scope: {_YAMA.get(yama, str(yama))}"
    if in_container():
        yield "in a container (a PID namespace of its own): processes outside it are not seen"
    yield f"reads CPython {supported()}"


_YAMA = {
    None: "not there, your own processes can be read",
    0: "0, your own processes can be read",
    1: "1, only root reads processes that it did not start",
    2: "2, only root reads processes",
    3: "3, nobody reads processes until the next boot",
}


def _one(pid: int) -> int:
    from livetop.cpython.runtime import identify
    from livetop.target.errors import TargetError
    from livetop.target.memory import RemoteMemory
    from livetop.target.permission import diagnose
    from livetop.target.process import open_process

    click.echo("")
    obstacles = diagnose(pid)
    for obstacle in obstacles:
        what = "cannot be stopped, only read" if obstacle.stops_only else "cannot be read"
        click.echo(f"process {pid} {what}: {obstacle.why}.")
        click.echo(f"  {obstacle.fix}")
    try:
        identity = identify(open_process(pid, traced=True), RemoteMemory(pid))
    except TargetError as error:
        if not obstacles:
            click.echo(str(error))
        return error.code or ExitCode.NO_TARGET
    if not identity.readable:
        click.echo(f"process {pid}: livetop cannot read {identity.reason}")
        return ExitCode.NO_TARGET
    click.echo(f"process {pid}: CPython {identity.version}, {identity.build} build")
    if identity.warning:
        click.echo(f"process {pid}: {identity.warning}")
    if any(not obstacle.stops_only for obstacle in obstacles):
        return ExitCode.PERMISSION
    click.echo(f"Nothing stands in the way: livetop attach {pid}")
    return ExitCode.OK
