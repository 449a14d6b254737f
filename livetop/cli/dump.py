"""`livetop dump`: what every thread is doing at this moment."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from livetop.cli.notice import note
from livetop.cli.options import options

STATES = {"running": "running", "gil": "waiting for the GIL", "wait": "waiting", "idle": "idle"}
"""The state's word in JSON -> what the text says."""

HELP = """Print one stack of every thread, innermost frame first.

    A running thread stands still for some microseconds while its stack is read, unless --nonblocking is
    given. With --json: one object, as documented in the README.

    \b
    Examples:
      livetop dump 4242
      livetop dump 4242 --native
      livetop dump 4242 --async
      livetop dump 4242 -s
      livetop dump worker.py --json | jq '.threads[].frames[0]'
    """


@click.command("dump", help=HELP, short_help="Print one stack of every thread.")
@click.argument("target", metavar="PID|NAME")
@options("json")
@click.option("--native", is_flag=True, help="C frames, too, and threads without Python.")
@click.option(
    "--async", "tasks", is_flag=True,
    help="asyncio's tasks, too: each with what it awaits, what it waits for, who awaits it; and greenlets.",
)  # fmt: skip
@click.option("-s", "--subprocesses", is_flag=True, help="The process's children, too, and theirs.")
@options("nonblocking", "via")
def command(
    target: str,
    as_json: bool,
    native: bool,
    tasks: bool,
    subprocesses: bool,
    nonblocking: bool,
    via: str | None,
) -> None:
    """Takes one picture of a process."""
    found = _dump(target, native, tasks, subprocesses, nonblocking, via)
    if found.get("warning"):
        note(str(found["warning"]))
    if as_json:
        json.dump(found, sys.stdout)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in text_lines(found))


def _dump(
    target: str, native: bool, tasks: bool, subprocesses: bool, nonblocking: bool, via: str | None
) -> dict[str, Any]:
    if via is None:
        # In this very process: an engine of its own would take longer to start than to answer.
        from livetop.cli.targets import pid_of
        from livetop.sampling.dump import dump_process
        from livetop.sampling.dump_family import dump_family

        look = dump_family if subprocesses else dump_process
        return look(pid_of(target), exact=not nonblocking, native=native, tasks=tasks)
    from livetop.cli.targets import configure_for
    from livetop.session.dumping import dump_through

    settings = {
        "action": "dump",
        "nonblocking": nonblocking,
        "native": "frames" if native else "none",
        "by_task": tasks,
        "subprocesses": subprocesses,
    }
    return dump_through(configure_for(target, via, settings), via)


def text_lines(found: dict[str, Any]) -> Iterator[str]:
    """The text form, in the way of py-spy's dump; frames of C code have a C in the margin, and a library."""
    yield _which(found)
    for thread in found["threads"]:
        yield ""
        name = f' "{thread["name"]}"' if thread["name"] else ""
        yield f"Thread {thread['tid']}{name}: {_what_it_does(thread)}"
        if not thread["frames"]:
            yield "    (no Python code)" if thread["frames"] is not None else "    (its stack kept changing)"
        yield from _frame_lines(thread["frames"] or ())
    others = found.get("without_python", 0)
    if others:
        yield ""
        yield f"({others} more without Python: --native shows their C frames)"
    for task in found.get("tasks", ()):
        yield ""
        yield f'{task["kind"].capitalize()} "{task["name"]}": {_what_is_awaited(task)}'
        yield from _frame_lines(task["frames"])
    for child in found.get("children", ()):
        yield ""
        yield from text_lines(child)
    if found.get("left_out"):
        yield ""
        yield f"({found['left_out']} children more)"


def _which(found: dict[str, Any]) -> str:
    """The line above a process's threads."""
    if found.get("reason"):
        # It begins with the process it is about.
        reason = str(found["reason"])
        return reason[:1].upper() + reason[1:]
    words = f": {' '.join(found['argv'])}" if found.get("argv") else ""
    return f"Process {found['pid']}, Python {found['python']}{words}"


def _frame_lines(frames: Iterable[dict[str, Any]]) -> Iterator[str]:
    for frame in frames:
        # Names stand below each other whatever they are of; the margin says which are not Python.
        margin = "  C " if frame["kind"] == "native" else "    "
        where = f"{frame['file']}:{frame['line']}" if frame["line"] else frame["file"]
        yield f"{margin}{frame['function']}" + (f" ({where})" if where else "")


def _what_is_awaited(task: dict[str, Any]) -> str:
    text = str(task["state"])
    if task["thread"]:
        text += f" in thread {task['thread']}"
    if task["waiting_on"]:
        text += f" {'in' if task['kind'] == 'greenlet' else 'for'} {task['waiting_on']}"
    names = task["awaited_by"]
    return text + (", awaited by " + ", ".join(f'"{name}"' for name in names) if names else "")


def _what_it_does(thread: dict[str, Any]) -> str:
    text = str(STATES.get(thread["state"], thread["state"]))
    if thread["waiting_on"] and thread["state"] != "gil":
        text += f": {thread['waiting_on']}"
    return text + (", holds the GIL" if thread["holds_gil"] else "")
