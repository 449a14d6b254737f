"""What the user may say about an export."""

from __future__ import annotations

from dataclasses import dataclass

from livetop.profile.rows import By, Mode


@dataclass(frozen=True, slots=True)
class Options:
    """`threads`: a frame for each thread; `source`, `argv`: whether these may be written; the others say
    which time is exported, as in a query."""

    threads: bool = False
    mode: Mode = "cpu"
    idle: bool = False
    by: By = "line"
    source: bool = True
    argv: bool = True
