"""What is said beside the data, on stderr: notes, progress, a sign that something is under way."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from livetop.session.protocol import Session

PATIENCE = 1.0
"""Seconds after which a wait is explained."""

_WHEEL = "|/-\\"


def note(text: str) -> None:
    """One line for the user."""
    click.echo(f"livetop: {text}", err=True)


class Progress:
    """A line that is rewritten in place, on a terminal; elsewhere only what `note` says appears."""

    def __init__(self) -> None:
        self._shown = 0
        self.enabled = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Replaces the line."""
        if not self.enabled:
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + text.ljust(self._shown))
        sys.stderr.flush()
        self._shown = len(text)

    def clear(self) -> None:
        """Takes the line away, so that what comes next starts clean."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0


def sampling_line(session: Session, elapsed: float, duration: float | None) -> str:
    """The progress line: how long (still), and how sampling fares."""
    sampling = session.profile.sampling
    when = f"{elapsed:.0f} s" if duration is None else f"{max(0.0, duration - elapsed):.0f} s left"
    bar = ""
    if duration is not None:
        done = min(20, int(20 * elapsed / duration))
        bar = f"[{'#' * done}{'.' * (20 - done)}] "
    return f"{bar}{when}, {sampling.achieved:.0f} Hz, {sampling.samples:,} samples"


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Says what is being waited for when it takes over a second, with a turning wheel on a terminal."""
    over = threading.Event()
    progress = Progress()

    def turn() -> None:
        if over.wait(PATIENCE):
            return
        if not progress.enabled:
            note(f"{what} ...")
        began = time.monotonic() - PATIENCE
        step = 0
        while not over.is_set():
            progress.show(f"{_WHEEL[step % 4]} {what}, {time.monotonic() - began:.0f} s")
            step += 1
            over.wait(0.2)
        progress.clear()

    wheel = threading.Thread(target=turn, daemon=True)
    wheel.start()
    try:
        yield
    finally:
        over.set()
        wheel.join()
