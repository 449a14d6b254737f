"""The processes of one session: the one that was asked for, and its descendants if they are wanted.

Whatever befalls one of them is told in events, and in what the interface is told of each process.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from livetop.target.errors import MemoryFault, ProcessGone, TargetError
from livetop.wire import messages as m

from .attach import Found, again
from .launch import Launched
from .member import Changes, Member, Shared, Use
from .watched import Watched

# Seconds between two looks at whether a process still runs the same program.
_CHECK = 1.0
# Ticks in a row that met memory that is not there, after which the program is taken to be another one.
_FAULTS = 100
# When more threads than these begin or end at once, they are counted instead of named.
_NAMED_THREADS = 5
# A file that the process that ran it is too dead to show is asked of so many others.
_READERS = 3

Tell = Callable[[float, str, str, int], None]
"""Time, kind, text and thread of an event."""


class Family:
    """Times are monotonic seconds."""

    def __init__(
        self,
        root: Found,
        launched: Launched | None,
        shared: Shared,
        configure: m.Configure,
        tell: Tell,
        now: float,
    ) -> None:
        self.members: list[Member] = []
        self.epitaph = ""
        """How the process that was asked for ended, once it has."""
        self._launched = launched
        self._shared = shared
        self._configure = configure
        self._tell = tell
        self._last = 0
        self._root = root.process.pid
        self._take_up(root, 0, now)

    def _take_up(self, found: Found, parent: int, now: float) -> Member:
        self._last += 1
        member = Member(found, self._last, parent, self._shared, now)
        self.members.append(member)
        return member

    @property
    def over(self) -> bool:
        """Whether nothing is left to watch."""
        return not self.members

    # ------------------------------------------------------------------ sampling

    def tick(self, now: float, moment: float, late: float) -> None:
        """Sample every process; see `Sampler.tick`."""
        for member in self.members:
            try:
                member.sampler.tick(now, moment, late)
                member.faults = 0
            except ProcessGone:
                self._end(member)
            except MemoryFault:
                self._unreadable(member, monotonic())

    def look(self, now: float) -> None:
        """Look after what ticks do not see."""
        for member in self.members:
            if now - member.checked < _CHECK:
                continue
            member.checked = now
            try:
                if member.process.has_execed():
                    self._replaced(member, now)
            except ProcessGone:
                self._end(member)

    def settle(self, now: float) -> None:
        """Turn samples into seconds."""
        self._shared.stream.pass_until(now)
        for member in self.members:
            try:
                self._tell_of_threads(now, member, member.settle(now))
            except ProcessGone:
                self._end(member)
            except MemoryFault:
                self._unreadable(member, now)

    def use(self) -> Use:
        """What all of them use together; see `Member.use`."""
        uses = [member.use() for member in self.members]
        return Use(sum(use.cpu for use in uses), sum(use.rss for use in uses), sum(u.threads for u in uses))

    def readers(self, number: int) -> list[int]:
        """PIDs of processes that a file may be read through that process `number` was the first to run."""
        first = [member.pid for member in self.members if member.number == number]
        others = [member.pid for member in self.members if member.number != number]
        return [*first, *others[:_READERS]]

    @property
    def calm(self) -> bool:
        """Whether optimistic samples are sound, of all processes."""
        return all(member.calm for member in self.members)

    @property
    def refusal(self) -> str:
        """Why some process may not be stopped, or ""."""
        return next((reason for member in self.members if (reason := member.sampler.exact.refusal)), "")

    @property
    def full(self) -> bool:
        """Whether `forget_places` is due."""
        return any(member.full for member in self.members)

    def forget_places(self, now: float) -> None:
        """Begin all stack trees anew."""
        for member in self.members:
            member.forget_places(now)

    def close(self) -> None:
        """Let go of everything."""
        for member in self.members:
            member.close()

    def _tell_of_threads(self, now: float, member: Member, changes: Changes) -> None:
        for kind, verb, threads in (("gone", "ended", changes.ended), ("born", "began", changes.born)):
            self._tell_of_some(now, member, kind, verb, threads)

    def _tell_of_some(self, now: float, member: Member, kind: str, verb: str, threads: list[Watched]) -> None:
        """One event a thread, or one for all where they come and go by the dozen."""
        if len(threads) > _NAMED_THREADS:
            self._tell(now, kind, f"{len(threads)} threads {verb}", 0)
            return
        for thread in threads:
            text = f"thread {thread.name} ({thread.tid}) {verb}"
            self._tell(now, kind, text, member.names.thread(thread))

    # ------------------------------------------------------------------ ends

    def _end(self, member: Member) -> None:
        """A process has exited: what it did is told, and stays."""
        now = monotonic()
        text = f"process {member.pid} exited"
        if member.pid == self._root:
            if self._launched is not None:
                text = self._launched.how_it_ended(member.sampler.exact.exit_status) or text
            self.epitaph = text
        self._last_words(member, now)
        self._shared.definitions.tell(member.describe("gone"))
        self._tell(now, "exit", text, 0)
        self._drop(member)

    def _last_words(self, member: Member, now: float) -> None:
        self._shared.stream.pass_until(now)
        self._tell_of_threads(now, member, member.settle(now, gone=True))

    def _drop(self, member: Member) -> None:
        member.close()
        member.leave()
        # A new list: somebody may just be going through the old one.
        self.members = [other for other in self.members if other is not member]

    def _unreadable(self, member: Member, now: float) -> None:
        """Memory that was there is not any more: exec, exit, or only a structure that has just been freed."""
        member.faults += 1
        try:
            if member.faults >= _FAULTS or member.process.has_execed():
                self._replaced(member, now)
        except ProcessGone:
            self._end(member)

    def _replaced(self, member: Member, now: float) -> None:
        """The process called exec: go on with the program it runs now, if that can be read."""
        pid = member.pid
        self._last_words(member, now)
        member.close()
        found = again(pid, nonblocking=self._configure.nonblocking)
        now = monotonic()
        if isinstance(found, TargetError):
            if not member.process.exists():
                self._end(member)
                return
            text = f"process {pid} became another program"
            self._shared.definitions.tell(member.describe("other", str(found)))
            self._tell(now, "exec", text, 0)
            if pid == self._root:
                self.epitaph = f"{text}: {found}"
            self._drop(member)
            return
        member.take_over(found, now)
        self._tell(now, "exec", f"process {pid} became {' '.join(found.process.argv[:4])}", 0)
