"""A live session, shown in the way that the options and the terminal ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livetop.cli.exitcodes import ExitCode
from livetop.cli.notice import Progress, note, sampling_line
from livetop.cli.reporting import check_choices, print_json_line, print_table
from livetop.cli.saving import SNAPSHOT, Choices, check_snapshot, check_writable, write_or_rescue
from livetop.cli.watching import started, watch
from livetop.export.process_names import busy_children, how_all_ended
from livetop.session.live import Live
from livetop.wire.messages import Configure

JSON_REFRESH = 1.0
"""Objects a second, unless --refresh says otherwise."""

JSON_WINDOW = 5.0
"""Seconds that one object's shares are of."""

Values = dict[str, Any]


def present(configure: Configure, values: Values) -> int:
    """Starts an engine, shows what it says, saves what -o promised; returns the exit code.

    Raises LinkError, and what the options may raise.
    """
    check(values)
    show, prepare = _way(values)
    with started(configure, values["via"], meanwhile=prepare) as session:
        show(session, values)
    return _finish(session, values)


def check(values: Values) -> None:
    """Everything that can fail early does so before anything is started. Raises click.ClickException."""
    output: Path | None = values["output"]
    check_choices(values)
    if output is not None:
        check_snapshot(output)
        check_writable(output)


def on_terminal(values: Values) -> bool:
    """Whether these options and this terminal mean the live screen."""
    return not values["as_json"] and sys.stdout.isatty() and sys.stdin.isatty()


def _way(values: Values) -> tuple[Callable[[Live, Values], None], Callable[[], object]]:
    """How to show it, and what can be loaded for that while the engine attaches."""
    if values["as_json"]:
        return _stream_json, lambda: None
    if on_terminal(values):
        from livetop.cli import screen

        return screen.show_live, screen.load
    return _table_at_end, lambda: None


def _table_at_end(session: Live, values: Values) -> None:
    progress = Progress()
    duration = values["duration"]
    try:
        watch(
            session, duration, 0.5, lambda elapsed: progress.show(sampling_line(session, elapsed, duration))
        )
    finally:
        progress.clear()
    print_table(session.profile, values)


def _stream_json(session: Live, values: Values) -> None:
    every = 1.0 / (values["refresh"] or JSON_REFRESH)
    watch(
        session,
        values["duration"],
        every,
        lambda elapsed: print_json_line(session.profile, values, window=JSON_WINDOW),
    )
    # What came last, or all there is of a session shorter than one refresh.
    print_json_line(session.profile, values, window=JSON_WINDOW)


def _finish(session: Live, values: Values) -> int:
    code = ExitCode.OK
    if session.news:
        note(how_all_ended(session.profile, session.news))
    if hint := busy_children(session.profile):
        note(hint)
    if session.end is not None and session.end.code:
        code = ExitCode(session.end.code)
    output: Path | None = values["output"]
    if output is not None:
        choices = Choices(source=not values["no_source"], argv=not values["no_argv"])
        if not write_or_rescue(session.profile, output, SNAPSHOT, choices):
            code = code or ExitCode.FAILURE
    return code
