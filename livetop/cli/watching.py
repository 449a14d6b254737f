"""A session without a screen: lets it run for a while, and ends it in good order."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from livetop.cli.notice import note, waiting_for
from livetop.session.live import Live
from livetop.wire.messages import Configure

ENDING = 2.0
"""Seconds that the engine has for the sources that are still missing, and then for its last messages."""

PACE = 0.25
"""Seconds between two deltas."""

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a session in good order."""


@contextmanager
def started(
    configure: Configure, via: str | None, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[Live]:
    """An engine that has attached; it is ended when the block is left. Raises LinkError.

    `meanwhile` is called while the engine starts.
    """
    session = Live.start(configure, via)
    try:
        meanwhile()
        where = f" through {via.split()[0]}" if via else ""
        with waiting_for(f"attaching{where}"):
            session.await_hello()
        for warning in session.profile.warnings:
            note(warning)
        if configure.subprocesses and "subprocesses" not in session.capabilities:
            note(f"livetop {session.engine_version} over there does not know --subprocesses: no children")
        yield session
    finally:
        session.close()


@contextmanager
def catching(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handles signals, except those that this process was started to ignore (nohup, a shell's `&`)."""
    before = {n: signal.getsignal(n) for n in numbers}
    mine = [number for number, was in before.items() if was is not signal.SIG_IGN]
    for number in mine:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])


@contextmanager
def signals_to(events: queue.SimpleQueue[object]) -> Iterator[None]:
    """Puts ENDINGS into a queue instead; a second SIGINT is a KeyboardInterrupt."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        events.put(signal.Signals(number))

    with catching(ENDINGS, on_signal):
        yield


def watch(
    session: Live,
    duration: float | None,
    every: float,
    on_refresh: Callable[[float], None],
) -> signal.Signals | None:
    """Applies what comes until `duration` seconds are over, the session ends, or a signal arrives.

    Calls `on_refresh(elapsed seconds)` each `every` seconds and then stops the engine and takes what it
    had left. Returns the signal, if one was the reason.
    """
    arrived: queue.SimpleQueue[object] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(session, arrived), daemon=True).start()
    with signals_to(arrived):
        reason = _run(session, arrived, duration, every, on_refresh)
        _drain(session, arrived, lambda: session.fetching)
        session.stop()
        _drain(session, arrived, lambda: session.live)
    return reason


def _read(session: Live, arrived: queue.SimpleQueue[object]) -> None:
    while (message := session.read()) is not None:
        arrived.put(message)
    arrived.put(None)


def _run(
    session: Live,
    arrived: queue.SimpleQueue[object],
    duration: float | None,
    every: float,
    on_refresh: Callable[[float], None],
) -> signal.Signals | None:
    began = asked = time.monotonic()
    due = began + every
    end = began + duration if duration is not None else float("inf")
    while session.live and (now := time.monotonic()) < end:
        if now >= due:
            on_refresh(now - began)
            # A refresh that was missed is not made up for.
            due = max(due + every, now)
        if now - asked >= PACE:
            session.credit()
            asked = now
        try:
            item = arrived.get(timeout=max(0.0, min(due, end, asked + PACE) - now))
        except queue.Empty:
            continue
        if isinstance(item, signal.Signals):
            return item
        session.apply(item)
    return None


def _drain(session: Live, arrived: queue.SimpleQueue[object], more: Callable[[], bool]) -> None:
    """Takes what is still to come while `more()`, but does not wait for it for long."""
    deadline = time.monotonic() + ENDING
    while more():
        try:
            item = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        if not isinstance(item, signal.Signals):
            session.apply(item)
