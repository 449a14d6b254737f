"""The processes of one session: the one that was asked for, and its descendants if they are wanted.

Whatever befalls one of them is told in events, and in what the interface is told of each process.
"""

from __future__ import annotations

from time import monotonic

from livetop.target.errors import MemoryFault, ProcessGone, TargetError
from livetop.wire import messages as m

from .attach import Found, again
from .attention import Attention
from .child import OTHER, STARTING, Child
from .children import Children
from .chronicle import Chronicle, Tell
from .ended_children import EndedChildren
from .launch import Launched
from .member import Member, Shared, Use
from .task_turns import look_at_tasks
from .uses import Uses

# Processes that are watched at once; more of them are named, but not read.
MOST_MEMBERS = 128
# Seconds between two looks at whether a process still runs the same program.
_CHECK = 1.0
# Ticks in a row that met memory that is not there, after which the program is taken to be another one.
_FAULTS = 100
# A file that the process that ran it is too dead to show is asked of so many others.
_READERS = 3


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
        self._attention = Attention()
        self._uses = Uses(shared.errands, now)
        self._launched = launched
        self._shared = shared
        self._configure = configure
        self._chronicle = Chronicle(tell)
        self._numbers = 0
        self._root = pid
        self._children: Children | None = None
        self._ended = EndedChildren(pid)
        if configure.subprocesses:
            self._children = Children(
                pid, nonblocking=configure.nonblocking, errands=shared.errands, most=MOST_MEMBERS
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
        self._share([*self.members, member])
        return member

    def _share(self, members: list[Member]) -> None:
        """These are the processes from now on. A new list: somebody may just be going through the old one."""
        self.members = members
        self._attention.share(members)
        self._shared.errands.processes = max(1, len(members))

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
        for member in self._attention.next_tick(self.members):
            try:
                member.sampler.tick(now, moment, late)
                member.faults = 0
            except TargetError as error:
                self._trouble(member, error)

    def look(self, now: float) -> None:
        """Look after what ticks do not see: programs that were replaced, children, and tasks."""
        check = _CHECK * self._attention.factor
        for member in self.members:
            if now - member.checked < check or not member.checking.allows(now):
                continue
            member.checked = now
            try:
                with member.checking:
                    execed = member.process.has_execed()
                if execed:
                    self._replaced(member, now)
            except TargetError as error:
                self._trouble(member, error)
        if self._children is not None:
            self._look_for_children(self._children, now)
        # No signal is heard meanwhile.
        if not self.expecting:
            look_at_tasks(self.members, self._trouble)

    def settle(self, now: float) -> None:
        """Turn samples into seconds."""
        self._shared.stream.pass_until(now)
        for member in self.members:
            try:
                self._settle(member, now)
            except TargetError as error:
                self._trouble(member, error)
        if self._children is not None:
            watched = {member.pid: member for member in self.members}
            for pid, rows in self._ended.settle(self._living()):
                if pid in watched:
                    self._shared.stream.add(watched[pid].names, rows, now, [])

    def _settle(self, member: Member, now: float, *, gone: bool = False) -> None:
        changes = member.settle(now, gone=gone)
        self._chronicle.tell_of_threads(now, member, changes)
        if self._children is not None:
            self._ended.settled(member.pid, changes.own, changes.waited)

    def _living(self) -> set[int]:
        """PIDs of all that are not known to have ended."""
        children = self._children.children if self._children is not None else ()
        return {*children, *(member.pid for member in self.members)}

    def use(self, now: float) -> Use:
        """What all of them use together; see `Member.use`."""
        return self._uses.look(self.members, now, many=not self._attention.whole)

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
    def expecting(self) -> bool:
        """Whether a stop is still to come; see `ExactReader.expecting`."""
        return any(member.sampler.exact.expecting for member in self.members)

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

    # ------------------------------------------------------------------ children

    def _look_for_children(self, children: Children, now: float) -> None:
        if children.due(now):
            children.find(now, self.members)
            self._ended.begin(children.children)
        for child, found in children.try_some(now, self.members):
            if found is not None:
                self._join(children, child, found)
            elif child.state != STARTING:
                self._tell_of(child)
        ended = children.take_ended()
        # Once: thousands may end together.
        living = self._living() if ended else set()
        for child in ended:
            self._ended.ended(child.pid, child.parent, living)
            if child.pid == self._root:
                self._epitaph = self._how_it_ended() or self._epitaph
            if child.number:
                self._shared.definitions.tell(child.describe("gone"))
            elif child.state == STARTING:
                self._shared.counters.missed += 1
        self._chronicle.tell_of_processes(now)

    def _join(self, children: Children, child: Child, found: Found) -> None:
        """A child is watched from now on."""
        now = monotonic()
        known = child.number
        try:
            with children.join():
                member = self._take_up(found, known or self._next(), child.parent, now)
        except TargetError:
            # It has just ended, or become something else.
            children.adopt(child.pid, child.parent, known, now)
            return
        if known:
            self._shared.definitions.name_anew()
        self._shared.definitions.tell(member.describe())
        words = " ".join(found.process.argv[:4])
        if known:
            self._chronicle.tell(now, "exec", f"process {child.pid} became {words}")
        else:
            self._chronicle.note("child", f"process {child.pid} is watched: {words}")

    def _tell_of(self, child: Child) -> None:
        """A child is not watched, and this is why."""
        known = child.number
        child.number = known or self._next()
        self._shared.definitions.tell(child.describe())
        if known and child.pid == self._root:
            self._epitaph = f"process {child.pid} became another program: {child.reason}"
        if known or child.state != OTHER:
            # Children that were other programs all along are no news.
            self._chronicle.note("child", child.reason)

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
            self._chronicle.tell(now, "exit", text)
        else:
            self._chronicle.note("exit", text)
        self._drop(member)
        self._ended.ended(member.pid, member.parent, self._living())

    def _how_it_ended(self, status: int | None = None) -> str:
        return self._launched.how_it_ended(status) if self._launched is not None else ""

    def _last_words(self, member: Member, now: float) -> None:
        self._shared.stream.pass_until(now)
        self._settle(member, now, gone=True)

    def _drop(self, member: Member) -> None:
        member.close()
        member.leave()
        self.litter += 1
        self._share([other for other in self.members if other is not member])

    def _trouble(self, member: Member, error: TargetError) -> None:
        """A process could not be read. Raises the error where there is nobody else to go on with."""
        now = monotonic()
        try:
            if isinstance(error, MemoryFault):
                # Exec, exit, or only a structure that has just been freed.
                member.faults += 1
                if member.faults >= _FAULTS or member.process.has_execed():
                    self._replaced(member, now)
                return
        except ProcessGone:
            self._end(member)
            return
        if isinstance(error, ProcessGone):
            self._end(member)
        elif self._children is None:
            raise error
        else:
            self._last_words(member, now)
            self._drop(member)
            child = self._children.adopt(member.pid, member.parent, member.number, now)
            child.forbid(str(error), now)
            self._tell_of(child)

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
            self._chronicle.tell(now, "exec", text)
            self._epitaph = f"{text}: {found}"
            self._drop(member)
            return
        member.take_over(found, now)
        self._chronicle.tell(now, "exec", f"process {pid} became {' '.join(found.process.argv[:4])}")
