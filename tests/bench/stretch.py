"""A stretch of steady work: what a process used and what the target got done between two instants."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .processes import cpu_seconds, memory
from .rounds import Figures
from .targets import Target


@dataclass(frozen=True, slots=True)
class Stretch:
    """Begins where `begin` is called. The same for every profiler: its start-up is not in it."""

    pid: int
    target: Target
    at: float
    cpu: float
    work: int

    @classmethod
    def begin(cls, pid: int, target: Target) -> Stretch:
        """`pid`: the process whose CPU time counts; 0 is none."""
        return cls(pid, target, time.monotonic(), cpu_seconds(pid) if pid else 0.0, target.work)

    def end(self) -> Figures:
        """seconds, cpu (seconds), share (of a core), peak (bytes), work (units a second)."""
        cpu = (cpu_seconds(self.pid) if self.pid else 0.0) - self.cpu
        seconds = time.monotonic() - self.at
        figures = {
            "seconds": seconds,
            "cpu": cpu,
            "share": cpu / seconds,
            "work": (self.target.work - self.work) / seconds,
        }
        if self.pid:
            figures["peak"] = memory(self.pid)
        return figures


def per_sample(figures: Figures, samples: float, ticks: float) -> Figures:
    """Adds rate and tick_rate (Hz), cpu_sample and cpu_tick (seconds)."""
    figures["rate"] = samples / figures["seconds"]
    figures["tick_rate"] = ticks / figures["seconds"]
    figures["cpu_sample"] = figures["cpu"] / samples
    figures["cpu_tick"] = figures["cpu"] / ticks
    return figures
