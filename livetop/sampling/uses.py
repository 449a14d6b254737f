"""What all processes under watch use together."""

from __future__ import annotations

from collections.abc import Sequence

from .errands import Errands
from .member import Member, Use

# Seconds between two looks at what many processes use.
_USED = 1.0


class Uses:
    """Times are monotonic seconds."""

    def __init__(self, errands: Errands, now: float) -> None:
        self._errand = errands.errand("usage")
        self._use = Use(0.0, 0, 0)
        self._at = now - _USED

    def look(self, members: Sequence[Member], now: float, *, many: bool) -> Use:
        """What they used since the last look, and what they have now; see `Member.use`."""
        if not self._errand.allows(now) or (many and now - self._at < _USED):
            return self._use._replace(cpu=0.0)
        self._at = now
        with self._errand:
            uses = [member.use() for member in members]
        self._use = Use(
            sum(use.cpu for use in uses), sum(use.rss for use in uses), sum(use.threads for use in uses)
        )
        return self._use
