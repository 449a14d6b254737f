"""How often each of many processes is looked at: what idle workers cost must not take the rate down."""

from __future__ import annotations

from collections.abc import Sequence

from .member import Member

# So many processes are polled as often as one alone; of more each less often, down to a tenth.
_WHOLE = 8
_LEAST = 10.0
# So many of those where nothing runs are looked at in one tick; more take turns.
_IDLE_AT_ONCE = 16


class Attention:
    """Shares the engine's time out to processes. With few of them it changes nothing."""

    def __init__(self) -> None:
        self.whole = True
        """Whether there is enough for each."""
        self.factor = 1.0
        """How many times as seldom as usual a process is polled."""
        self._turn = 0
        self._turns = 1

    def share(self, members: Sequence[Member]) -> None:
        """These are the processes there are now."""
        count = len(members)
        self.whole = count <= _WHOLE
        self.factor = min(_LEAST, max(1.0, count / _WHOLE))
        self._turns = 1 + count // _IDLE_AT_ONCE
        for member in members:
            # Not all of them at the same tick.
            spread = 1.0 if self.whole else 0.75 + 0.5 * (member.number * 0.618 % 1.0)
            member.sampler.poll_less(self.factor * spread)

    def next_tick(self, members: Sequence[Member]) -> Sequence[Member]:
        """Those to look at now: all where something runs, and of the others those whose turn it is."""
        turns = self._turns
        if turns == 1:
            return members
        turn = self._turn = (self._turn + 1) % turns
        return [member for member in members if member.number % turns == turn or not member.sampler.idle]
