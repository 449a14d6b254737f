"""The sparklines' data: one point a second for ten minutes, whatever is reset."""

from __future__ import annotations

from collections import deque

from livetop.profile.history import Block, OpenBlock
from livetop.profile.info import TimelinePoint

SECONDS = 600


class Timeline:
    """Points of the seconds that ended and the one going on."""

    def __init__(self) -> None:
        self._points: deque[TimelinePoint] = deque(maxlen=SECONDS)
        self._block: OpenBlock | Block | None = None
        self._native = self._evidence = 0

    def add(self, block: OpenBlock | Block, native: int, evidence: int, rss: int) -> None:
        """Notes what the open second has become; a new block begins a new point."""
        if block is self._block:
            self._points.pop()
        else:
            self._block, self._native, self._evidence = block, 0, 0
        self._native += native
        self._evidence += evidence
        seconds = max(block.t1 - block.t0, 1e-9)
        uses = block.uses.values()
        self._points.append(
            TimelinePoint(
                block.t1,
                sum(use.own for use in uses) / seconds,
                block.gil_held / seconds,
                self._native / self._evidence if self._evidence else None,
                sum(use.wait - use.idle for use in uses) / seconds,
                rss,
            )
        )

    def points(self, seconds: int) -> list[TimelinePoint]:
        return list(self._points)[-max(0, seconds) :] if seconds > 0 else []
