"""livetop's engine as the product runs it: a process of its own, asked for a delta four times a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from livetop.session.link import EngineLink
from livetop.wire.messages import Bye, Configure, Credit, Delta

from .processes import MeasureError
from .rounds import Figures
from .stretch import Stretch, per_sample
from .targets import Target

REFRESH = 0.25
UNLIMITED = 2.0
"""--max-cpu as a fraction, so that the rate that is asked for is the rate that is measured."""
HOT_RATE = 1e6
WARMING = 1.5
"""Seconds before a measure. While a code object is new, it is compared with the target's at every sample."""

_COUNTED = (
    "samples",
    "ticks",
    "exact",
    "stops",
    "rejected",
    "unread",
    "late",
    "unwound",
    "unwind_failed",
)


@contextmanager
def attached(pid: int, rate: float, **settings: Any) -> Iterator[EngineLink]:
    """An engine that samples and has sent its first delta; `settings` as in `Configure`."""
    link = EngineLink.start()
    try:
        link.send(Configure(pid=pid, rate=rate, max_cpu=UNLIMITED, **settings))
        next_delta(link)
        yield link
    finally:
        link.stop()
        link.close()


def next_delta(link: EngineLink) -> Delta:
    """Asks for a delta, as a screen's refresh does, and takes what comes up to it."""
    link.send(Credit(1))
    while (message := link.receive()) is not None:
        if isinstance(message, Delta):
            return message
        if isinstance(message, Bye):
            raise MeasureError(f"the engine ended: {message.text}")
    raise MeasureError(link.post_mortem())


def sample(target: Target, rate: float, seconds: float, **settings: Any) -> Figures:
    """Samples for a while. Only samples that could be read count."""
    with attached(target.pid, rate, **settings) as link:
        warm = time.monotonic() + WARMING
        while time.monotonic() < warm:
            time.sleep(REFRESH)
            next_delta(link)
        stretch = Stretch.begin(link.pid, target)
        counts = dict.fromkeys(_COUNTED, 0)
        pause = pause_max = 0.0
        due = stretch.at
        while due < stretch.at + seconds:
            due += REFRESH
            time.sleep(max(0.0, due - time.monotonic()))
            sampling = next_delta(link).sampling
            for name in counts:
                counts[name] += getattr(sampling, name)
            pause += sampling.pause
            pause_max = max(pause_max, sampling.pause_max)
        figures = stretch.end()
    read = counts["samples"] - counts["unread"]
    if not read:
        raise MeasureError(f"livetop took no samples in {seconds:g} s ({counts['unread']} unread)")
    if counts["exact"]:
        figures["cpu_exact"] = figures["cpu"] / counts["exact"]
    if counts["stops"]:
        figures["mean_pause"] = pause / counts["stops"]
    if stacks := counts["unwound"] + counts["unwind_failed"]:
        figures["complete"] = counts["unwound"] / stacks
    return {
        **per_sample(figures, read, counts["ticks"]),
        **counts,
        "paused": pause / figures["seconds"],
        "pause_max": pause_max,
    }


def first_sample(target: Target) -> Figures:
    """Seconds from the start of the engine's process to its first delta."""
    began = time.monotonic()
    with attached(target.pid, 100.0):
        return {"seconds": time.monotonic() - began}
