"""The states a second of a thread's wall time can be in, and the evidence kept beside them."""

from enum import IntEnum


class State(IntEnum):
    """What a cell's weight (seconds) counts.

    The first five add up to a thread's wall time. The others are evidence about it, kept beside it
    and never added to it.
    """

    OWN = 0
    """On a core: CPU time, scaled to what the kernel says the thread used."""
    QUEUED = 1
    """Runnable, but not on a core."""
    GIL = 2
    """Waiting for the GIL."""
    WAIT = 3
    """Blocked on anything else."""
    IDLE = 4
    """Blocked where threads park (select, epoll, a lock, a queue): the idle part of wait."""
    EXACT = 5
    """Exact samples of own time whose C stack was not read: count and own seconds they stand for."""
    PYTHON = 6
    """Exact samples of own time that were in Python code."""
    NATIVE = 7
    """Exact samples of own time that were in native code, by library."""
    SYSTEM = 8
    """Exact samples of own time that were in the kernel."""
    HELD = 9
    """Seconds during which the thread held the GIL."""
    ESTIMATED_PYTHON = 10
    """Samples of own time without a stop, judged Python by the opcode: only when stops cannot be had."""
    ESTIMATED_NATIVE = 11
    """The same, judged native (the kernel's part included)."""


NO_GIL = "the target has no GIL (a free-threaded build): its threads run at the same time"
"""What is said where time holding the GIL was asked for."""

WALL = (State.OWN, State.QUEUED, State.GIL, State.WAIT, State.IDLE)
EVIDENCE = (State.EXACT, State.PYTHON, State.NATIVE, State.SYSTEM)
ESTIMATES = (State.ESTIMATED_PYTHON, State.ESTIMATED_NATIVE)
WAITING = (State.GIL, State.WAIT, State.IDLE)
