"""How the engine fares: the figures that the header shows, since the last delta."""

from __future__ import annotations

from livetop.wire.messages import Sampling

from .budget import PauseBudget


class Counters:
    """Counts and seconds since the last `take`."""

    __slots__ = (
        "exact",
        "gil_held",
        "late",
        "lowered",
        "missed",
        "pause",
        "pause_max",
        "rejected",
        "samples",
        "stops",
        "ticks",
        "unread",
        "unseen",
        "unwind_failed",
        "unwound",
    )  # fmt: skip

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.ticks = self.samples = self.exact = self.rejected = self.unread = self.late = self.stops = 0
        self.unwound = self.unwind_failed = self.missed = 0
        self.unseen = self.pause = self.pause_max = self.gil_held = self.lowered = 0.0

    def paused(self, seconds: float, stops: int, budget: PauseBudget) -> None:
        """Threads of the target stood still for so long, in so many stops."""
        self.stops += stops
        if seconds:
            self.pause += seconds
            self.pause_max = max(self.pause_max, seconds)
            budget.spent(seconds)

    def take(
        self,
        *,
        cpu: float,
        target_cpu: float,
        rate: float,
        rss: int,
        threads: int,
        calm: bool,
        processes: int = 1,
        unwatched: int = 0,
        children: int = 0,
        children_cpu: float = 0.0,
        wanted: float = 0.0,
        max_cpu: float = 0.0,
    ) -> Sampling:
        """The figures as a message, and begin anew."""
        sampling = Sampling(
            ticks=self.ticks,
            samples=self.samples,
            exact=self.exact,
            rejected=self.rejected,
            unread=self.unread,
            late=self.late,
            unseen=self.unseen,
            pause=self.pause,
            pause_max=self.pause_max,
            stops=self.stops,
            unwound=self.unwound,
            unwind_failed=self.unwind_failed,
            cpu=cpu,
            target_cpu=target_cpu,
            gil_held=self.gil_held,
            rate=rate,
            rss=rss,
            threads=threads,
            calm=calm,
            processes=processes,
            unwatched=unwatched,
            missed=self.missed,
            children=children,
            children_cpu=children_cpu,
            wanted=wanted,
            max_cpu=max_cpu,
            lowered=self.lowered,
        )
        self.clear()
        return sampling
