"""SIGCHLD while somebody waits for it: the kernel sends it to a tracer when a thread of its stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any] | int | None

# Who waits now, in the order in which they began, and the handler that was there before the first.
_waiting: list[ChildSignal] = []
_before: _Handler = None


class ChildSignal:
    """Calls `heard` at each SIGCHLD between `watch` and `unwatch`, in the main thread only.

    There may be several. A handler that was there before is called, too, and comes back with the end of the
    last. As a context manager it keeps the signal away from what it surrounds, at no cost while nothing is
    watched.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._masks: list[set[signal.Signals] | None] = []
        self.watching = False

    def watch(self) -> None:
        """Begin; in other threads than the main one this does nothing, as they cannot."""
        global _before
        if self.watching or threading.current_thread() is not threading.main_thread():
            return
        self.watching = True
        _waiting.append(self)
        # Others may have ended meanwhile, in the handler.
        if signal.getsignal(signal.SIGCHLD) is not _handle:
            _before = signal.signal(signal.SIGCHLD, _handle)

    def unwatch(self) -> None:
        """End."""
        if self.watching and threading.current_thread() is threading.main_thread():
            self.watching = False
            _waiting.remove(self)
            if not _waiting:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL if _before is None else _before)

    def hear(self) -> None:
        """The signal has come."""
        self._heard()

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


def _handle(number: int, frame: FrameType | None) -> None:
    for one in tuple(_waiting):
        one.hear()
    if callable(_before):
        _before(number, frame)
