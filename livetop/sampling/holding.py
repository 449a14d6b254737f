"""Which threads may run Python code just now, from the words with which each tick's read begins.

With a GIL these are the GILs' holders. Without one (free-threaded builds) each thread's own state word says
whether it is attached; several are at once, and nobody holds anything. Both find threads that were cold.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from livetop.cpython.layout import Layout

from .roster import Roster
from .watched import Watched

# State words that a tick reads: 256 take 30 microseconds. Threads beyond them are found by their CPU time.
_MOST = 256
_ATTACHED = 1
_INT = struct.Struct("<i")


class Gils:
    """The GIL of each interpreter, and whether it collects garbage.

    `poll` looks for threads that are not known yet.
    """

    held = True
    """Whether attached threads hold a GIL."""
    collecting: Sequence[Watched] = ()
    """Those of the attached threads whose interpreter collects garbage."""

    def __init__(self, roster: Roster, layout: Layout, poll: Callable[[float], None]) -> None:
        self._roster = roster
        self._poll = poll
        self._low, self._gil = _gil_struct(layout)
        self._gils: list[int] = []
        # Addresses of the flags of running collections, where they lie in the buffer, and none of them set.
        self._flags: list[int] = []
        self._flags_at = self._flags_end = 0
        self._idle = b""
        self.size = 0
        """Bytes of the regions."""

    def regions(self) -> list[int]:
        """What to read, as address, size, address, size ...; call it when the roster has changed."""
        # Interpreters may share one.
        interpreters = self._roster.interpreters
        self._gils = list(dict.fromkeys(one.gil for one in interpreters))
        self._flags = list(dict.fromkeys(one.collecting for one in interpreters if one.collecting))
        self._flags_at = self._gil.size * len(self._gils)
        self._idle = bytes(_INT.size * len(self._flags))
        self.size = self._flags_end = self._flags_at + len(self._idle)
        flat = [word for gil in self._gils for word in (gil + self._low, self._gil.size)]
        return flat + [word for flag in self._flags for word in (flag, _INT.size)]

    def attached(self, buffer: bytearray, now: float) -> list[Watched]:
        """The threads that hold a GIL; one that was cold is read from now on."""
        roster = self._roster
        holders = []
        at = 0
        for _ in self._gils:
            words = self._gil.unpack_from(buffer, at)
            at += self._gil.size
            holder = words[0]
            # Where there is no flag, a holder that is not null holds it.
            if not holder or not words[-1]:
                continue
            thread = roster.by_state.get(holder)
            if thread is None:
                # A thread that has just begun.
                self._poll(now)
                thread = roster.by_state.get(holder)
            if thread is not None:
                roster.heat(thread, now)
                holders.append(thread)
        if buffer[self._flags_at : self._flags_end] != self._idle:
            self.collecting = self._collectors(buffer, holders)
        elif self.collecting:
            self.collecting = ()
        return holders

    def _collectors(self, buffer: bytearray, attached: list[Watched]) -> list[Watched]:
        """Which of the attached threads may be collecting: those of interpreters whose flag is set."""
        words = memoryview(buffer)[self._flags_at : self._flags_end].cast("i")
        busy = {flag for flag, word in zip(self._flags, words, strict=True) if word}
        return [thread for thread in attached if thread.state.interpreter.collecting in busy]


class StateWords(Gils):
    """The state words of threads of a free-threaded build, where the GIL may be in use all the same.

    What they miss is what the GIL's words would miss, too: a thread that runs C code without being attached.
    """

    def __init__(self, roster: Roster, layout: Layout, poll: Callable[[float], None]) -> None:
        super().__init__(roster, layout, poll)
        assert layout.thread_state is not None and layout.gil_enabled is not None
        self._at = layout.thread_state
        self._enabled = layout.gil_enabled - self._low
        self._threads: list[Watched] = []
        self._none = b""
        self.held = False

    def regions(self) -> list[int]:
        """The GILs, then the threads: those that ticks do not read first, which only this finds."""
        flat = super().regions()
        states = list(self._roster.by_state.items())
        if len(states) > _MOST:
            states.sort(key=lambda one: one[1].warm)
            del states[_MOST:]
        self._threads = [thread for _, thread in states]
        for address, _ in states:
            flat += (address + self._at, _INT.size)
        self._none = bytes(_INT.size * len(states))
        self.size += len(self._none)
        return flat

    def attached(self, buffer: bytearray, now: float) -> list[Watched]:
        """The threads that are attached; one that was cold is read from now on."""
        gils = self._flags_at
        enabled = (_INT.unpack_from(buffer, at + self._enabled) for at in range(0, gils, self._gil.size))
        self.held = any(word for (word,) in enabled)
        words = buffer[self._flags_end : self.size]
        self.collecting = ()
        if words == self._none:
            return []
        found = [
            thread
            for thread, state in zip(self._threads, memoryview(words).cast("i"), strict=True)
            if state == _ATTACHED
        ]
        for thread in found:
            self._roster.heat(thread, now)
        if buffer[self._flags_at : self._flags_end] != self._idle:
            collectors = self._collectors(buffer, found)
            # Of several that are attached it is not known which one collects.
            self.collecting = collectors if len(collectors) == 1 else ()
        return found


def _gil_struct(layout: Layout) -> tuple[int, struct.Struct]:
    """Where to begin in the GIL, and a struct of (last holder, locked) from there on; (holder,) to 3.11."""
    if layout.gil_attached is not None:
        return layout.gil_attached, struct.Struct("<Q")
    holder, locked, enabled = layout.gil_last_holder, layout.gil_locked, layout.gil_enabled
    low = holder if enabled is None else min(holder, enabled)
    flag = "" if locked is None else f"{locked - holder - 8}xi"
    return low, struct.Struct(f"<{holder - low}xQ{flag}")


def words_of(roster: Roster, layout: Layout, poll: Callable[[float], None]) -> Gils:
    """What ticks of this target begin with."""
    return (StateWords if layout.gil_enabled is not None else Gils)(roster, layout, poll)
