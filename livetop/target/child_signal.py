"""SIGCHLD while somebody waits for it: the kernel sends it to a tracer when a thread of its stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any] | int | None


class ChildSignal:
    """Calls `heard` at each SIGCHLD between `watch` and `unwatch`, in the main thread only.

    A handler that was there before is called, too, and comes back. As a context manager it keeps the signal
    away from what it surrounds, at no cost while nothing is watched.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._before: _Handler = None
        self._masks: list[set[signal.Signals] | None] = []
        self.watching = False

    def watch(self) -> None:
        """Begin; in other threads than the main one this does nothing, as they cannot."""
        if self.watching or threading.current_thread() is not threading.main_thread():
            return
        self.watching = True
        self._before = signal.signal(signal.SIGCHLD, self._handle)

    def unwatch(self) -> None:
        """End."""
        if self.watching and threading.current_thread() is threading.main_thread():
            self.watching = False
            signal.signal(signal.SIGCHLD, signal.SIG_DFL if self._before is None else self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._heard()
        if callable(self._before):
            self._before(number, frame)

    def __enter__(self) -> None:
        mask = None
        if self.watching:
            mask = {
                signal.Signals(number)
                for number in signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
            }
        self._masks.append(mask)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mask = self._masks.pop()
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
