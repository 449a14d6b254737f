"""What the footer says unasked for a while: that the wrong process is looked at, or that it has ended."""

from __future__ import annotations

from collections.abc import Callable

from livetop.export.process_names import busy_children, root_ended
from livetop.profile.model import Profile

NOTICES: tuple[Callable[[Profile], str], ...] = (root_ended, busy_children)
"""Each says its line as long as it holds, "" otherwise; the first that holds is shown."""
_SHOWN = 30.0
"""Seconds that a line stays in the footer, whose keys are worth more after that."""


class Notices:
    """Remembers since when each line holds; times are seconds of a steady clock."""

    def __init__(self) -> None:
        self._since: dict[Callable[[Profile], str], float] = {}

    def text(self, profile: Profile, now: float) -> str:
        """The line to show now, or ""."""
        shown = ""
        for notice in NOTICES:
            text = notice(profile)
            if not text:
                self._since.pop(notice, None)
            elif now - self._since.setdefault(notice, now) < _SHOWN:
                shown = shown or text
        return shown
