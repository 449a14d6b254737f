"""One process under watch: what it is, its sampler, and the names that its rows go by."""

from __future__ import annotations

from typing import NamedTuple

from livetop.target.tasks import usage
from livetop.wire import messages as m

from .attach import Found
from .budget import PauseBudget
from .counters import Counters
from .definitions import Definitions
from .errands import Errands
from .sampler import Sampler
from .stream import Stream
from .watched import Watched


class Shared(NamedTuple):
    """What the processes of one session have in common."""

    definitions: Definitions
    stream: Stream
    budget: PauseBudget
    counters: Counters
    errands: Errands
    native: str
    by_task: bool = False


class Changes(NamedTuple):
    """Which threads began and ended since the last settlement; `whole`: with the process itself.

    `own`: seconds of CPU charged; `waited`: those of children that it has waited for so far.
    """

    born: list[Watched]
    ended: list[Watched]
    whole: bool
    own: float
    waited: float


class Use(NamedTuple):
    """What a process used since the last look (seconds), and what it has now (bytes, OS threads)."""

    cpu: float
    rss: int
    threads: int


class Member:
    """One process. `number` is its id in messages; times are monotonic seconds.

    Raises TargetError when it cannot be read (any more).
    """

    def __init__(self, found: Found, number: int, parent: int, shared: Shared, now: float) -> None:
        self.number = number
        self.parent = parent
        self.faults = 0
        """Ticks in a row that met memory that is not there."""
        self.checked = now
        """When it was last looked at whether it still runs the same program."""
        self.checking = shared.errands.errand("checking")
        self._shared = shared
        self._cpu: float | None = None
        self._young = True
        self._run(found, now)
        self.names = shared.definitions.process(number, found.process.cwd, found.process.argv)

    def _run(self, found: Found, now: float) -> None:
        self.process, self.runtime = found.process, found.runtime
        self.pid = found.process.pid
        shared = self._shared
        self.sampler = Sampler(
            found.process,
            found.runtime,
            found.memory,
            shared.budget,
            now,
            shared.native,
            shared.counters,
            shared.errands,
        )
        if shared.by_task:
            self.sampler.watch_tasks().stacks = True

    def take_over(self, found: Found, now: float) -> None:
        """Go on with the program that exec has put into the process."""
        self.faults = 0
        self._run(found, now)
        self.names.follow(self.describe(), found.process.cwd)

    def describe(self, state: str = "watched", reason: str = "") -> m.Process:
        """What the interface is told of it."""
        process, identity = self.process, self.runtime.identity
        if state == "watched":
            reason = identity.warning
        return m.Process(
            self.number,
            process.pid,
            process.argv,
            identity.version,
            identity.build,
            process.host,
            process.started,
            process.exe,
            self.parent,
            state,
            reason,
        )

    def settle(self, now: float, *, gone: bool = False) -> Changes:
        """Turn samples into seconds; `gone`: the memory they came from is no more."""
        sampler, names = self.sampler, self.names
        roster = sampler.roster
        if gone:
            roster.leave()
        ended = list(roster.gone)
        settled = sampler.settle(now, gone=gone)
        for thread in roster.renamed:
            names.renamed(thread)
        roster.renamed.clear()
        born = list(roster.born)
        roster.born.clear()
        self._shared.stream.add(names, settled, now, ended)
        whole, self._young = gone or self._young, False
        own = sum(seconds.own for _, _, seconds in settled)
        return Changes(born, ended, whole, own, sampler.waited)

    def use(self) -> Use:
        """Look at what the kernel says that it uses."""
        found = usage(self.pid)
        if found is None:
            return Use(0.0, 0, 0)
        before, self._cpu = self._cpu, found.cpu
        cpu = 0.0 if before is None else max(0.0, found.cpu - before)
        return Use(cpu, found.rss, found.threads)

    @property
    def calm(self) -> bool:
        """Whether optimistic samples of its busy threads are sound."""
        threads = self.sampler.roster.threads.values()
        return all(thread.calm for thread in threads if thread.warm and thread.trials > 30)

    @property
    def full(self) -> bool:
        """Whether `forget_places` is due."""
        return self.sampler.subject.full

    def forget_places(self, now: float) -> None:
        """Begin its stack tree anew."""
        self.sampler.forget_places(now)

    def close(self) -> None:
        """Let go of the process."""
        self.sampler.close()

    def leave(self) -> None:
        """Nothing more will be told of it."""
        self.names.close()
