"""What happened to threads and processes, as events: each by its name, or counted where there are many."""

from __future__ import annotations

from collections.abc import Callable

from .member import Changes, Member
from .watched import Watched

# When more threads (or processes) than these begin or end at once, they are counted instead of named.
_NAMED = 5

Tell = Callable[[float, str, str, int], None]
"""Time, kind, text and thread of an event."""


class Chronicle:
    """Times are monotonic seconds."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._processes: dict[str, list[str]] = {"exit": [], "child": []}

    def tell(self, now: float, kind: str, text: str) -> None:
        """Tell at once."""
        self._tell(now, kind, text, 0)

    def note(self, kind: str, text: str) -> None:
        """A child has ended (exit) or is known now (child): to be told with others of its kind."""
        self._processes[kind].append(text)

    def tell_of_processes(self, now: float) -> None:
        """Tell what was noted."""
        for kind, verb in (("exit", "ended"), ("child", "began")):
            texts = self._processes[kind]
            if len(texts) > _NAMED:
                texts[:] = [f"{len(texts)} processes {verb}"]
            for text in texts:
                self._tell(now, kind, text, 0)
            texts.clear()

    def tell_of_threads(self, now: float, member: Member, changes: Changes) -> None:
        """Tell which threads of a process began and ended."""
        if changes.whole and member.parent:
            # All threads that a child begins and ends with: it is told of itself.
            return
        for kind, verb, threads in (("gone", "ended", changes.ended), ("born", "began", changes.born)):
            self._threads(now, member, kind, verb, threads)

    def _threads(self, now: float, member: Member, kind: str, verb: str, threads: list[Watched]) -> None:
        if len(threads) > _NAMED:
            self._tell(now, kind, f"{len(threads)} threads {verb}", 0)
            return
        for thread in threads:
            text = f"thread {thread.name} ({thread.tid}) {verb}"
            self._tell(now, kind, text, member.names.thread(thread))
