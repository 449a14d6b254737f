"""The options that several verbs share, each written once, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from livetop.profile.model import Profile
    from livetop.profile.rows import Mode, Query

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_RATE, DEFAULT_MAX_PAUSE, DEFAULT_MAX_CPU = 100, 1, 5
ONE_CORE = 100

MODES = click.Choice(["cpu", "wall", "gil"])
TABLES = click.Choice(["line", "function", "library", "thread", "process", "task"])
SORTS = click.Choice(["own", "total"])


def _native_as(wanted: str) -> Callable[[click.Context, click.Parameter, bool | None], str]:
    """A callback that turns --native / --no-native / neither into what a `Configure` says."""
    return lambda _context, _option, chosen: {None: "split", True: wanted, False: "none"}[chosen]


OPTIONS: dict[str, Callable[[F], F]] = {
    "rate": click.option(
        "-r", "--rate", type=click.FloatRange(0.1, 20_000), default=DEFAULT_RATE, show_default=True,
        metavar="HZ", help="Samples a second of each thread.",
    ),
    "max_pause": click.option(
        "--max-pause", type=click.FloatRange(0, 100), default=DEFAULT_MAX_PAUSE, show_default=True,
        metavar="PCT", help="Share of its time that the target may stand still.",
    ),
    "max_cpu": click.option(
        "--max-cpu", type=click.FloatRange(0, 100, min_open=True), metavar="PCT",
        help="Share of a core that sampling may use; the rate gives way.  [default: 5, or none when --rate "
        "is above 100]",
    ),
    "nonblocking": click.option(
        "--nonblocking", is_flag=True,
        help="Never stop the target, not even for microseconds; native time is estimated then.",
    ),
    "subprocesses": click.option(
        "-s", "--subprocesses", is_flag=True,
        help="Watch the target's children, too, and theirs; the session lasts as long as one of them lives.",
    ),
    "native": click.option(
        "--native/--no-native", default=None, callback=_native_as("split"),
        help="Tell native code and the kernel from Python, with the library.  [default: on]",
    ),
    "native_frames": click.option(
        "--native/--no-native", default=None, callback=_native_as("frames"),
        help="C frames in the stacks, between the Python frames; or not even whose time is native.  "
        "[default: only whose time it is]",
    ),
    "async": click.option(
        "--async", "by_task", is_flag=True,
        help="Stacks begin with the asyncio task that runs them, below those that await it; tasks without a "
        "name of their own go by their coroutine.",
    ),
    "via": click.option(
        "--via", metavar="COMMAND",
        help="Reach the target through this: sudo, 'ssh host', 'docker exec -i container'.",
    ),
    "duration": click.option(
        "-d", "--duration", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
        help="Stop after so long.  [default: when the target ends, or at Ctrl-C]",
    ),
    "mode": click.option(
        "--mode", type=MODES, default="cpu", show_default=True,
        help="What shares are of: CPU time, wall time, or time holding the GIL.",
    ),
    "gil": click.option("-g", "--gil", is_flag=True, help="The same as --mode gil."),
    "idle": click.option("-i", "--idle", is_flag=True, help="Show what is idle, too."),
    "thread": click.option(
        "--thread", "thread", multiple=True, metavar="TID|NAME",
        help="Only this thread. May be repeated; the live screen begins with the first."
    ),
    "process": click.option(
        "--process", type=click.IntRange(1), metavar="PID", help="Only this process, of several."
    ),
    "per_process": click.option(
        "--per-process", is_flag=True, help="A row for each process that runs a line, instead of one for all."
    ),
    "sort": click.option("--sort", type=SORTS, default="own", show_default=True, help="Order of the rows."),
    "filter": click.option(
        "--filter", "filter_", metavar="TEXT", default="",
        help="Only rows with this in function or location; !TEXT is a regular expression.",
    ),
    "number": click.option(
        "-n", "--number", type=click.IntRange(1), metavar="N",
        help="At most N rows.  [default: 30; JSON: all]",
    ),
    "by": click.option(
        "--by", type=TABLES, default="line", show_default=True,
        help="What a row is; library: whose code took the CPU time, [python] and [system] among them.",
    ),
    "json": click.option("--json", "as_json", is_flag=True, help="JSON instead of text."),
    "no_color": click.option("-C", "--no-color", is_flag=True, help="No colours (NO_COLOR works, too)."),
    "ascii": click.option("-U", "--ascii", "ascii_only", is_flag=True, help="Only ASCII characters."),
    "output": click.option(
        "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
        help="Save a snapshot there at the end (NAME.livetop).",
    ),
    "destination": click.option(
        "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE",
        help="Where to; - is stdout.",
    ),
    "format": click.option(
        "-f", "--format", "form", metavar="FORMAT",
        help="livetop, collapsed or json; without it the file's name tells.",
    ),
    "threads": click.option("--threads", is_flag=True, help="In stacks, keep threads apart."),
    "refresh": click.option(
        "--refresh", type=click.FloatRange(0.1, 10), metavar="HZ",
        help="Updates a second.  [default: 4, over SSH 2, --json 1]",
    ),
    "no_source": click.option("--no-source", is_flag=True, help="Leave source text out of the snapshot."),
    "no_argv": click.option("--no-argv", is_flag=True, help="Leave the command line out of the snapshot."),
}  # fmt: skip

SAMPLING = ("rate", "max_pause", "max_cpu", "nonblocking", "async", "subprocesses")
"""What every verb that samples takes, beside one of the two options `native`."""
PICTURE = ("mode", "gil", "idle", "thread", "process", "per_process")


def options(*names: str) -> Callable[[F], F]:
    """Adds shared options to a verb, in this order."""

    def add(function: F) -> F:
        for name in reversed(names):
            function = OPTIONS[name](function)
        return function

    return add


def sampling_settings(values: dict[str, Any]) -> dict[str, Any]:
    """The sampling options, as a `Configure` takes them: percentages become fractions.

    Who asks for more than the default rate gets it: without a limit of its own `--max-cpu` is lifted.
    """
    rate, max_cpu = values["rate"], values["max_cpu"]
    if max_cpu is None:
        max_cpu = DEFAULT_MAX_CPU if rate <= DEFAULT_RATE else ONE_CORE
    return {
        "rate": rate,
        "max_pause": values["max_pause"] / 100,
        "max_cpu": max_cpu / 100,
        "nonblocking": values["nonblocking"],
        "native": values["native"],
        "by_task": values["by_task"],
        "subprocesses": values["subprocesses"],
    }


def pick_threads(profile: Profile, wanted: tuple[str, ...]) -> frozenset[int] | None:
    """The model's ids of the threads that were asked for by TID or name; None is all.

    Raises click.BadParameter, with the names there are, when one fits nothing.
    """
    if not wanted:
        return None
    found: set[int] = set()
    for word in wanted:
        ids = {t.id for t in profile.threads.values() if word in (t.name, str(t.tid))}
        if not ids:
            known = ", ".join(sorted({t.name or str(t.tid) for t in profile.threads.values()})[:20])
            raise click.BadParameter(
                f"no thread {word!r}; there are: {known or 'none'}", param_hint="--thread"
            )
        found |= ids
    return frozenset(found)


def pick_process(profile: Profile, pid: int | None) -> int | None:
    """The model's id of the process with this PID; None is all.

    Of several that had it one after the other the last. Raises click.BadParameter, with the PIDs there are.
    """
    if pid is None:
        return None
    found = [process.id for process in profile.processes.values() if process.pid == pid and process.is_read]
    if not found:
        known = ", ".join(str(process.pid) for process in profile.processes.values() if process.is_read)
        raise click.BadParameter(f"no process {pid}; there are: {known or 'none'}", param_hint="--process")
    return found[-1]


def mode_of(values: dict[str, Any]) -> Mode:
    """What --mode and --gil say together."""
    mode: Mode = "gil" if values["gil"] else values["mode"]
    return mode


def make_query(profile: Profile, values: dict[str, Any], *, window: float | None) -> Query:
    """The query that the picture options describe."""
    from livetop.profile.rows import Query

    return Query(
        by=values.get("by", "line"),
        window=window,
        mode=mode_of(values),
        threads=pick_threads(profile, values["thread"]),
        idle=values["idle"],
        process=pick_process(profile, values["process"]),
        per_process=values["per_process"],
    )
