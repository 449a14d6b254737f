"""What a user may set before the screen starts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LOCAL_REFRESH, REMOTE_REFRESH = 4.0, 2.0
"""Refreshes a second on this machine, and over SSH, where each one travels."""


def default_refresh(environment: Mapping[str, str] = os.environ) -> float:
    """Refreshes a second when none are asked for, in Hz."""
    remote = environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")
    return REMOTE_REFRESH if remote else LOCAL_REFRESH


@dataclass(frozen=True, slots=True)
class Settings:
    """How the screen starts.

    `sort`: a column's id, or its title as the screen shows it. `thread`: a thread's id or a part of its
    name ("" is all), `process` a PID (0 is all). `window`: seconds the shares are of. `refresh`: Hz, None is
    `default_refresh`.
    `save_path`: where `w` writes; None is PID-TIME.livetop in the working directory. `source`, `argv`:
    whether a snapshot holds them.
    """

    mode: str = "cpu"
    idle: bool = False
    thread: str = ""
    process: int = 0
    per_process: bool = False
    sort: str = "own_share"
    filter: str = ""
    window: float = 5.0
    refresh: float | None = None
    color: bool = True
    ascii: bool = False
    save_path: str | None = None
    source: bool = True
    argv: bool = True
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    """Seconds that only go forward; a test may hold them."""
    cpu_clock: Callable[[], float] = field(default=time.process_time, repr=False)
    """CPU seconds of the interface itself."""
