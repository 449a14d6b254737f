"""Several thread states on one OS thread: on whose stack each really runs, and which of them runs now.

A thread that runs code in a subinterpreter has a thread state in each interpreter. Only one of them runs, the
others are callers that wait for it.
"""

from __future__ import annotations

import struct
from bisect import bisect
from collections.abc import Callable, Collection, Sequence

from livetop.target.errors import MemoryFault
from livetop.target.memory import Memory

from .layout import Layout
from .threads import ThreadState

_U64 = struct.Struct("<Q")
_I32 = struct.Struct("<i")
_ATTACHED = 1
# No thread state is larger: what points into it does not point to a stack.
_THREAD_STATE = 4096


class Nesting:
    """Reads what tells thread states of one process apart. Raises ProcessGone."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout
        # Thread states that were seen running on another thread than they name -> its id.
        self._guests: dict[ThreadState, int] = {}

    def group(
        self, states: Collection[ThreadState], main: int, runs: Callable[[int], bool]
    ) -> dict[int, list[ThreadState]]:
        """The states of each OS thread, by the ids that the process itself has for them, in given order.

        `main` is the id of its first thread, `runs` tells of an id whether that thread is blocked nowhere.
        To 3.12 a state may have been made by another thread than it runs on, and names that one.
        """
        o = self._layout
        if self._guests:
            # Where one of these was, another thread's state may be next.
            there = set(states)
            self._guests = {state: tid for state, tid in self._guests.items() if state in there}
        groups = _by_tid(states, {})
        if len(groups) == len(states) or len(groups) == 1 or o.thread_state is not None:
            return groups
        pointer = o.cframe if o.cframe is not None else o.cframe_mark
        if pointer is not None:
            return _by_tid(states, self._homes(states, main, pointer))
        self._find_guest(groups, runs)
        return _by_tid(states, {state.address: tid for state, tid in self._guests.items()})

    def _find_guest(self, groups: dict[int, list[ThreadState]], runs: Callable[[int], bool]) -> None:
        """Find out where the state runs that holds the GIL, to 3.9: nothing in it points to a C stack.

        If the thread that it names is blocked, it runs on the only one that is not.
        """
        for tid, group in groups.items():
            for state in group[1:]:
                if not self.attached(state):
                    continue
                if runs(tid):
                    self._guests.pop(state, None)
                    return
                others = [other for other in groups if other != tid and runs(other)]
                if len(others) == 1:
                    self._guests[state] = others[0]
                return

    def _homes(self, states: Collection[ThreadState], main: int, pointer: int) -> dict[int, int]:
        """The id of the thread on whose C stack each state has its innermost evaluation loop."""
        # A thread's record, which pthread_t points to, lies at the upper end of its stack. The first thread's
        # stack is above all others, and its record is elsewhere.
        ends = sorted({state.ident: state.tid for state in states if state.tid != main}.items())
        idents = [ident for ident, _ in ends]
        words = self._memory.read_many([(state.address + pointer, 8) for state in states])
        homes: dict[int, int] = {}
        for state, word in zip(states, words, strict=True):
            (at,) = _U64.unpack(word) if word is not None else (0,)
            if at and not state.address <= at < state.address + _THREAD_STATE:
                above = bisect(idents, at)
                homes[state.address] = ends[above][1] if above < len(ends) else main
        return homes

    def running(self, group: Sequence[ThreadState], active: Callable[[ThreadState], bool]) -> ThreadState:
        """Which state of one OS thread runs now: callers first in `group`.

        `active` tells whether a state has any frames.
        """
        for state in reversed(group):
            if self.attached(state):
                return state
        # None may run Python code just now: the innermost one that has any is what waits.
        return next((state for state in reversed(group) if active(state)), group[0])

    def attached(self, state: ThreadState) -> bool:
        """Whether this state may run Python code now: with a GIL, whether it holds it."""
        o = self._layout
        try:
            if o.thread_state is not None:
                word = self._memory.read(state.address + o.thread_state, 4)
                return bool(_I32.unpack(word)[0] == _ATTACHED)
            return holder_of(self._memory, o, state.interpreter.gil) == state.address
        except MemoryFault:
            return False


def holder_of(memory: Memory, layout: Layout, gil: int) -> int:
    """Address of the thread state that holds this GIL; 0 when nobody does. Raises MemoryFault."""
    if layout.gil_attached is not None:
        return int(_U64.unpack(memory.read(gil + layout.gil_attached, 8))[0])
    (holder,) = _U64.unpack(memory.read(gil + layout.gil_last_holder, 8))
    if layout.gil_locked is None:
        return int(holder)
    (locked,) = _I32.unpack(memory.read(gil + layout.gil_locked, 4))
    return int(holder) if locked == 1 else 0


def _by_tid(states: Collection[ThreadState], homes: dict[int, int]) -> dict[int, list[ThreadState]]:
    groups: dict[int, list[ThreadState]] = {}
    for state in states:
        groups.setdefault(homes.get(state.address, state.tid), []).append(state)
    return groups
