"""The processes of one session: the one that was asked for, and its descendants if they are wanted.

Whatever befalls one of them is told in events, and in what the interface is told of each process.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from livetop.target.descendants import has_children
from livetop.target.errors import MemoryFault, NotReadable, ProcessGone, TargetError
from livetop.wire import messages as m

from .attach import Found, again, attach
from .child import CROWD, OTHER, STARTING, UNREADABLE, Child
from .children import Children
from .launch import Launched
from .member import Changes, Member, Shared, Use
from .watched import Watched

# Processes that are watched at once; more of them are named, but not read.
MOST_MEMBERS = 128
# Seconds between two looks at whether a process still runs the same program.
_CHECK = 1.0
# Ticks in a row that met memory that is not there, after which the program is taken to be another one.
_FAULTS = 100
# When more threads (or processes) than these begin or end at once, they are counted instead of named.
_NAMED = 5
# A file that the process that ran it is too dead to show is asked of so many others.
_READERS = 3

# Seconds that a program which livetop has started may take to become a Python.
_BECOMING = 10.0

Tell = Callable[[float, str, str, int], None]
"""Time, kind, text and thread of an event."""


class Family:
    """Times are monotonic seconds. Without a `root` that can be read only its children are watched."""

    def __init__(
        self,
        pid: int,
        root: Found | None,
        launched: Launched | None,
        shared: Shared,
        configure: m.Configure,
        tell: Tell,
        now: float,
    ) -> None:
        self.members: list[Member] = []
        self.litter = 0
        """How many processes were dropped that nobody has cleared away."""
        self._epitaph = ""
        self._launched = launched
        self._shared = shared
        self._configure = configure
        self._tell = tell
        self._numbers = 0
        self._exits: list[str] = []
        self._root = pid
        self._children: Children | None = None
        if configure.subprocesses:
            self._children = Children(
                pid, nonblocking=configure.nonblocking, share=configure.max_cpu, most=MOST_MEMBERS
            )
        if root is not None:
            self._take_up(root, self._next(), 0, now)
        else:
            assert self._children is not None
            self._children.adopt(pid, 0, self._next(), now)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _take_up(self, found: Found, number: int, parent: int, now: float) -> Member:
        member = Member(found, number, parent, self._shared, now)
        self.members.append(member)
        return member

    def describe(self) -> list[m.Process]:
        """What there is to tell of all processes."""
        children = self._children.children.values() if self._children is not None else ()
        return [
            *(member.describe() for member in self.members),
            *(child.describe() for child in children if child.number),
        ]

    @property
    def over(self) -> bool:
        """Whether nothing is left to watch, nor to come."""
        if self.members:
            return False
        children = self._children
        return children is None or not (children.starting or self._root in children.children)

    @property
    def epitaph(self) -> str:
        """How the process that was asked for ended."""
        return self._epitaph or f"process {self._root} exited"

    @property
    def unwatched(self) -> int:
        """How many descendants live that are not watched."""
        return len(self._children.children) if self._children is not None else 0

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
        """Look after what ticks do not see: programs that were replaced, and children."""
        for member in self.members:
            if now - member.checked < _CHECK:
                continue
            member.checked = now
            try:
                if member.process.has_execed():
                    self._replaced(member, now)
            except ProcessGone:
                self._end(member)
        if self._children is not None:
            self._look_for_children(self._children, now)

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
        if changes.whole and member.pid != self._root:
            # All threads that a child begins and ends with: it is told of itself.
            return
        for kind, verb, threads in (("gone", "ended", changes.ended), ("born", "began", changes.born)):
            self._tell_of_some(now, member, kind, verb, threads)

    def _tell_of_some(self, now: float, member: Member, kind: str, verb: str, threads: list[Watched]) -> None:
        """One event a thread, or one for all where they come and go by the dozen."""
        if len(threads) > _NAMED:
            self._tell(now, kind, f"{len(threads)} threads {verb}", 0)
            return
        for thread in threads:
            text = f"thread {thread.name} ({thread.tid}) {verb}"
            self._tell(now, kind, text, member.names.thread(thread))

    # ------------------------------------------------------------------ children

    def _look_for_children(self, children: Children, now: float) -> None:
        if children.due(now):
            children.find(now, self.members)
        news = children.try_some(now, self.members)
        texts = []
        for child, found in news:
            if found is not None:
                texts += self._join(child, found)
            elif child.state in (UNREADABLE, OTHER, CROWD):
                texts += self._tell_of(child)
        for child in children.take_ended():
            if child.pid == self._root:
                self._epitaph = self._how_it_ended() or self._epitaph
            if child.number:
                self._shared.definitions.tell(child.describe("gone"))
            elif child.state == STARTING:
                self._shared.counters.missed += 1
        exits, self._exits = self._exits, []
        for kind, some, what in (("exit", exits, "have ended"), ("child", texts, "have begun")):
            if len(some) > _NAMED:
                some = [f"{len(some)} processes {what}"]
            for text in some:
                self._tell(now, kind, text, 0)

    def _join(self, child: Child, found: Found) -> list[str]:
        """A child is watched from now on."""
        now = monotonic()
        known = child.number
        member = self._take_up(found, known or self._next(), child.parent, now)
        if known:
            self._shared.definitions.name_anew()
        self._shared.definitions.tell(member.describe())
        words = " ".join(found.process.argv[:4])
        if known:
            self._tell(now, "exec", f"process {child.pid} became {words}", 0)
            return []
        return [f"process {child.pid} is watched: {words}"]

    def _tell_of(self, child: Child) -> list[str]:
        """A child is not watched, and this is why."""
        known = child.number
        child.number = known or self._next()
        self._shared.definitions.tell(child.describe())
        if known and child.pid == self._root:
            self._epitaph = f"process {child.pid} became another program: {child.reason}"
        # Other programs are no news.
        return [] if child.state == OTHER else [child.reason]

    # ------------------------------------------------------------------ ends

    def _end(self, member: Member) -> None:
        """A process has exited: what it did is told, and stays."""
        now = monotonic()
        text = f"process {member.pid} exited"
        if member.pid == self._root:
            text = self._epitaph = self._how_it_ended(member.sampler.exact.exit_status) or text
        self._last_words(member, now)
        self._shared.definitions.tell(member.describe("gone"))
        if member.pid == self._root:
            self._tell(now, "exit", text, 0)
        else:
            self._exits.append(text)
        self._drop(member)

    def _how_it_ended(self, status: int | None = None) -> str:
        return self._launched.how_it_ended(status) if self._launched is not None else ""

    def _last_words(self, member: Member, now: float) -> None:
        self._shared.stream.pass_until(now)
        self._tell_of_threads(now, member, member.settle(now, gone=True))

    def _drop(self, member: Member) -> None:
        member.close()
        member.leave()
        self.litter += 1
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
        if self._children is not None:
            # Whether it is a Python again shows while the others are watched.
            self._last_words(member, now)
            self._drop(member)
            self._children.adopt(member.pid, member.parent, member.number, now)
            return
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
            self._tell(now, "exec", text, 0)
            self._epitaph = f"{text}: {found}"
            self._drop(member)
            return
        member.take_over(found, now)
        self._tell(now, "exec", f"process {pid} became {' '.join(found.process.argv[:4])}", 0)


def find_root(pid: int, configure: m.Configure, launched: bool) -> Found | None:
    """Attach to the process that was asked for.

    None when it is no Python, but may have children that are, and those are wanted. Raises TargetError.
    """
    following = configure.subprocesses
    starting = _BECOMING if launched and not following else 0.0
    try:
        return attach(pid, nonblocking=configure.nonblocking, starting=starting)
    except NotReadable:
        if following and (launched or has_children(pid)):
            return None
        raise
