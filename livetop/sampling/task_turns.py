"""Looking at the tasks of several processes between ticks, which must not wait for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from livetop.target.errors import TargetError

from .member import Member

# Seconds that looking at tasks may take at once, but for the last process.
_TURN = 0.002


def look_at_tasks(members: Sequence[Member], trouble: Callable[[Member, TargetError], None]) -> None:
    """Go on looking at tasks where they are wanted; `trouble` is told of processes that cannot be read.

    Those that had no turn are the first ones next time: the others have yet to pay for what they had.
    """
    until = None
    for member in members:
        tasks = member.sampler.subject.tasks
        if tasks is None:
            continue
        now = monotonic()
        if until is None:
            until = now + _TURN
        elif now >= until:
            break
        try:
            tasks.look(now)
        except TargetError as error:
            trouble(member, error)
