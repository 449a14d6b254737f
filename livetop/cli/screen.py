"""The live screen, put on the terminal and taken off again whatever ends it."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from livetop.cli.options import mode_of
from livetop.cli.watching import ENDINGS, catching
from livetop.session.live import Live
from livetop.session.protocol import Session

Values = dict[str, Any]


def load() -> object:
    """Imports the screen, which takes longer than an engine takes to attach."""
    import livetop.tui.app

    return livetop.tui.app


def show_live(session: Live, values: Values) -> None:
    """Runs the screen until it is quit, the time is over, or a signal ends it."""
    run(session, values)


def run(session: Session, values: Values) -> None:
    """Shows any session."""
    from livetop.tui.app import LivetopApp
    from livetop.tui.settings import Settings

    output = values.get("output")
    threads = values.get("thread") or ("",)
    app = LivetopApp(
        session,
        Settings(
            mode=mode_of(values),
            idle=values["idle"],
            thread=threads[0],
            process=values["process"] or 0,
            per_process=values["per_process"],
            sort=f"{values['sort']}_share",
            filter=values["filter_"],
            refresh=values["refresh"],
            color=not (values["no_color"] or os.environ.get("NO_COLOR")),
            ascii=values["ascii_only"],
            save_path=str(output) if output else None,
            source=not values.get("no_source", False),
            argv=not values.get("no_argv", False),
        ),
    )

    # As `q` does, so that the terminal is restored and what -o promised is kept.
    def leave(number: int, frame: FrameType | None) -> None:
        app.exit()

    with catching((*ENDINGS, signal.SIGALRM), leave):
        signal.setitimer(signal.ITIMER_REAL, values.get("duration") or 0.0)
        try:
            app.run()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
