"""`livetop list`: the Python processes of this machine."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from livetop.cli.options import options

if TYPE_CHECKING:
    from livetop.target.discover import Candidate

INTERVAL = 0.5
"""Seconds over which CPU use is measured; the kernel counts it in hundredths."""

HELP = """List the Python processes of this machine, and whether they can be attached to.

    \b
    Examples:
      livetop list
      livetop list --json | jq '.[] | select(.attachable) | .pid'
    """


@dataclass(frozen=True, slots=True)
class Entry:
    """One process. `cpu` in cores; `reason` says in a line why it is not attachable, or what to beware of."""

    pid: int
    user: str
    python: str
    build: str
    cpu: float
    rss: int
    attachable: bool
    reason: str
    argv: list[str]


@click.command("list", help=HELP, short_help="List Python processes.")
@options("json")
def command(as_json: bool) -> None:
    """Looks at every process once, and at its CPU time twice."""
    entries = survey()
    if as_json:
        json.dump([asdict(entry) for entry in entries], sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    if not entries:
        click.echo("livetop: no Python process here that you may see (but livetop itself)", err=True)
        return
    sys.stdout.writelines(f"{line}\n" for line in table(entries))


def survey() -> list[Entry]:
    """Everything about every Python process but livetop's own, the busiest first."""
    from livetop.cpython.embedded import embeds_python
    from livetop.target.discover import find_processes, look_at

    began = time.monotonic()
    before = [
        candidate
        for candidate in find_processes(embeds_python)
        if not (candidate.own or _is_engine(candidate.argv))
    ]
    identities = {candidate.pid: _identify(candidate) for candidate in before}
    time.sleep(max(0.0, began + INTERVAL - time.monotonic()))
    entries = []
    for candidate in before:
        after = look_at(candidate.pid, embeds=embeds_python)
        if after is None or after.started != candidate.started:
            continue
        used = (after.cpu - candidate.cpu) / (time.monotonic() - began)
        python, build, attachable, reason = identities[candidate.pid]
        entries.append(
            Entry(
                candidate.pid,
                after.user,
                python,
                build,
                round(used, 3),
                after.rss,
                attachable,
                reason,
                after.argv,
            )
        )
    return sorted(entries, key=lambda entry: (-entry.cpu, entry.pid))


def _is_engine(argv: list[str]) -> bool:
    """Whether this is the reading half of some livetop, however it was started."""
    return any("livetop.sampling" in word for word in argv[1:5])


def _identify(candidate: Candidate) -> tuple[str, str, bool, str]:
    """Version, build, whether it can be read, and why not (or a warning)."""
    from livetop.cpython.runtime import identify
    from livetop.target.errors import TargetError
    from livetop.target.memory import RemoteMemory
    from livetop.target.process import open_process

    try:
        identity = identify(open_process(candidate.pid), RemoteMemory(candidate.pid))
    except TargetError as error:
        return "", "", False, str(error)
    reason = identity.warning if identity.readable else f"livetop cannot read {identity.reason}"
    return identity.version, identity.build, identity.readable, reason


def table(entries: list[Entry]) -> list[str]:
    """The text form: a heading, a line for each process, and the reasons below."""
    width = max([8, *(len(entry.build) for entry in entries)])
    lines = [f"{'PID':>7}  {'PYTHON':8} {'BUILD':{width}} {'CPU%':>5}  {'ATTACH':6}  COMMAND"]
    for entry in entries:
        attach = "yes" if entry.attachable else "no"
        command = " ".join(entry.argv)[:200]
        lines.append(
            f"{entry.pid:>7}  {entry.python or '?':8} {entry.build or '?':{width}} {entry.cpu * 100:>5.0f}"
            f"  {attach:6}  {command}"
        )
        if entry.reason:
            lines.append(f"{'':>9}{entry.reason}")
    return lines
