"""A share of the time that may be spent on something that can wait."""

from __future__ import annotations


class Allowance:
    """Lets work begin as long as no more than `share` of the time goes into it.

    What was not used for up to `rest` seconds may be used at once. Times are monotonic seconds.
    """

    def __init__(self, share: float, rest: float) -> None:
        self.share = share
        self.rest = rest
        self._paid_until = float("-inf")

    def allows(self, now: float) -> bool:
        """Whether what was spent so far is paid for."""
        return now >= self._paid_until

    def spend(self, now: float, seconds: float) -> None:
        """Take note of work; one long piece of it is followed by a long pause."""
        self._paid_until = max(self._paid_until, now - self.rest) + seconds / self.share
