"""The engine: samples its targets and tells about them, as the interface's credit allows."""

from __future__ import annotations

import gc
from time import monotonic, process_time, sleep, time

from livetop import __version__
from livetop.cpython.embedded import embeds_python
from livetop.target.discover import find_one
from livetop.target.errors import SourceUnavailable, TargetError
from livetop.target.files import read_source
from livetop.target.tasks import raise_file_limit
from livetop.wire import messages as m

from .attach import find_root
from .budget import CpuBudget, PauseBudget
from .bystanders import Bystanders
from .channel import Channel
from .counters import Counters
from .definitions import Definitions
from .errands import Errands
from .family import Family
from .launch import Launched
from .member import Shared
from .schedule import Schedule
from .stream import Stream
from .task_rows import tasks_message

CAPABILITIES = ["sample", "dump", "run", "source", "subprocesses", "tasks"]

# Seconds without a sign from the interface: then no stops, then the end.
_QUIET = 5.0
_DEAD = 30.0
# The first delta comes as soon as there is something to tell; later ones are not closer than this.
_FIRST_DELTA = 0.06
_MIN_DELTA = 0.02
# Seconds between two lists of tasks.
_LIST = 1.0
# Accounts are settled at least so often, whether anybody listens or not.
_SETTLE = 1.0
# At high rates the pipe is looked at this often only.
_LISTEN = 0.02
# What processes leave behind that have ended is swept up after so many of them, or so many seconds.
_LITTER = 16
_SWEEP = 2.0
_SWEEP_SOME = 30.0


class Engine:
    """One session: a channel, a target and its children, until either ends."""

    def __init__(self, channel: Channel, configure: m.Configure, launched: Launched | None) -> None:
        raise_file_limit()
        self._channel = channel
        self._configure = configure
        pid = launched.pid if launched else configure.pid or find_one(configure.name, embeds_python)
        found = find_root(pid, configure, launched is not None)
        now = monotonic()
        self._pauses = PauseBudget(self._pause_share(configure), now)
        self._cpu = CpuBudget(configure.max_cpu, configure.rate, now)
        self._schedule = Schedule(configure.rate, now)
        self._definitions = Definitions()
        self._stream = Stream(now)
        self._counters = Counters()
        self._errands = Errands(configure.max_cpu)
        self._telling, self._listing, self._sweeping = (
            self._errands.errand(kind) for kind in ("telling", "listing", "sweeping")
        )
        shared = Shared(
            self._definitions,
            self._stream,
            self._pauses,
            self._counters,
            self._errands,
            configure.native,
            configure.by_task,
        )
        self._family = Family(pid, found, launched, shared, configure, self._event, now)
        self._bystanders: Bystanders | None = None
        if not configure.subprocesses:
            self._bystanders = Bystanders(pid, now, self._errands.errand("finding"))
        self._credit = 0
        self._heard = self._settled = self._sent = self._listened = self._swept = now
        self._listed = 0.0
        self._cpu_before, self._figured = process_time(), now
        self._stopping = False
        self._sent_any = False
        self._calm_told = True
        self._refusal_told = False
        self._hello()

    @staticmethod
    def _pause_share(configure: m.Configure) -> float:
        return 0.0 if configure.nonblocking else configure.max_pause

    def _hello(self) -> None:
        processes = self._family.describe()
        self._channel.send(m.Hello(__version__, m.PROTOCOL, CAPABILITIES, monotonic(), time(), processes))

    # ------------------------------------------------------------------ the loop

    def run(self) -> m.Bye:
        """Sample until the targets, the interface or a Stop end it, with the garbage collector off."""
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while True:
                bye = self._turn()
                if bye is not None:
                    return bye
        finally:
            self._family.close()

    def _turn(self) -> m.Bye | None:
        """One period: sleep or listen until the tick is due, then tick."""
        schedule = self._schedule
        now = monotonic()
        wait = schedule.due - now
        # The pipe is looked at once in a while; a plain sleep costs a tenth of a look.
        if wait > _LISTEN or now - self._listened >= _LISTEN:
            bye = self._listen(now)
            if bye is not None:
                return bye
            now = monotonic()
        elif wait > 0:
            sleep(wait)
            now = monotonic()
        missed = schedule.missed
        late = schedule.advance(now)
        counters = self._counters
        counters.ticks += 1
        counters.late += schedule.missed - missed
        counters.unseen += late
        self._family.tick(now, schedule.moment, late)
        return self._farewell(monotonic()) if self._family.over else None

    def _listen(self, now: float) -> m.Bye | None:
        """Obey what comes in until the next tick is due, tell what is to be told, look after the rest."""
        due = self._schedule.due
        while True:
            self._listened = now
            for message in self._channel.wait(due - now):
                self._obey(message, monotonic())
            now = monotonic()
            if self._channel.closed or self._channel.told_to_end or self._stopping:
                return self._farewell(now)
            self._tell(now)
            if now - self._heard > _DEAD:
                return self._farewell(now)
            self._family.look(now)
            if self._bystanders is not None:
                self._bystanders.look(now)
            if self._family.over:
                return self._farewell(monotonic())
            due = self._schedule.due
            if now >= due:
                return None

    def _obey(self, message: m.ToEngine, now: float) -> None:
        self._heard = now
        if isinstance(message, m.Credit):
            self._credit = min(self._credit + message.deltas, 8)
        elif isinstance(message, m.Stop):
            self._stopping = True
        elif isinstance(message, m.NeedSource):
            self._channel.send(self._source(message.file))
        elif isinstance(message, m.Configure):
            self._configure = message
            self._pauses.share = self._pause_share(message)
            self._cpu.share = self._errands.share = message.max_cpu
            self._cpu.wanted = self._cpu.rate = message.rate
            self._schedule.set_rate(message.rate, now)

    def _tell(self, now: float) -> None:
        """Send a delta if one is due; keep the budgets."""
        self._pauses.allowed = now - self._heard < _QUIET
        if self._telling.allows(now):
            wait = _MIN_DELTA if self._sent_any else _FIRST_DELTA
            ready = self._credit > 0 and now - self._sent >= wait and not self._channel.full
            if ready or now - self._settled >= _SETTLE:
                with self._telling:
                    self._settle(now)
                    # Once it is over, what is left goes with the farewell.
                    if ready and not self._family.over:
                        self._send_delta(now)
        if self._family.over:
            return
        self._pauses.adjust(now)
        if self._cpu.adjust(now, process_time(), self._errands.spent):
            self._schedule.set_rate(self._cpu.rate, now)
        litter = self._family.litter
        due = litter and now - self._swept >= (_SWEEP if litter >= _LITTER else _SWEEP_SOME)
        # No signal is heard meanwhile, which may take 20 ms.
        if due and not self._family.expecting and self._sweeping.allows(now):
            self._swept = now
            self._family.litter = 0
            with self._sweeping:
                gc.collect()

    def _settle(self, now: float) -> None:
        """Turn samples into seconds."""
        self._settled = now
        self._family.settle(now)

    def _send_delta(self, now: float) -> None:
        """Send everything gathered, and what it refers to."""
        self._credit -= 1
        self._sent = now
        self._sent_any = True
        sampling = self._figures()
        delta = self._stream.take(sampling)
        self._tell_of_quality(sampling, now)
        defs = self._definitions.take()
        if defs is not None:
            self._channel.send(defs)
        self._channel.send(delta)
        if self._configure.list_tasks and now - self._listed >= _LIST and self._listing.allows(now):
            self._listed = now
            with self._listing:
                self._list_tasks(now)
        if self._definitions.full or self._family.full:
            # Nothing unsent refers to the old names now.
            self._family.forget_places(now)
            self._definitions.reset()
            # Swept up when no stop is to come: see `_tell`.
            self._family.litter = _LITTER

    def _list_tasks(self, now: float) -> None:
        tasks = tasks_message(self._family.members, now)
        if tasks is None:
            return
        defs = self._definitions.take()
        if defs is not None:
            self._channel.send(defs)
        self._channel.send(tasks)

    def _figures(self) -> m.Sampling:
        cpu = process_time()
        used, self._cpu_before = cpu - self._cpu_before, cpu
        now = monotonic()
        self._counters.lowered += self._cpu.lowered * (now - self._figured)
        self._figured = now
        family = self._family
        use = family.use(now)
        return self._counters.take(
            cpu=used,
            target_cpu=use.cpu,
            rate=self._cpu.rate,
            wanted=self._cpu.wanted,
            max_cpu=self._cpu.share,
            rss=use.rss,
            threads=use.threads,
            calm=family.calm,
            processes=len(family.members),
            unwatched=family.unwatched,
            children=self._bystanders.count if self._bystanders is not None else 0,
            children_cpu=self._bystanders.cpu if self._bystanders is not None else 0.0,
        )

    def _tell_of_quality(self, sampling: m.Sampling, now: float) -> None:
        """Say so when the figures are less than they seem."""
        refused = self._family.refusal
        if bool(refused) != self._refusal_told:
            self._refusal_told = bool(refused)
            self._event(now, "degraded", f"no stops: {refused}" if refused else "stops are possible again")
        if (refused or self._pauses.share <= 0) and sampling.calm != self._calm_told:
            self._calm_told = sampling.calm
            if not sampling.calm:
                self._event(
                    now,
                    "degraded",
                    "without stops, lines that make many short calls are seen too seldom and too shallow:"
                    " many samples are rejected",
                )

    def _event(self, now: float, kind: str, text: str, thread: int = 0) -> None:
        if not self._channel.full:
            defs = self._definitions.take()
            if defs is not None:
                self._channel.send(defs)
            self._channel.send(m.Event(now, kind, text, thread))

    def _source(self, file: int) -> m.Source:
        known = self._definitions.file_path(file)
        if known is None:
            return m.Source(file, None, "not known any more")
        path, number = known
        error = "no process that ran it is left to read it from"
        for pid in self._family.readers(number):
            try:
                return m.Source(file, read_source(pid, path))
            except (SourceUnavailable, TargetError) as reason:
                error = str(reason)
        return m.Source(file, None, error)

    # ------------------------------------------------------------------ ends

    def _farewell(self, now: float) -> m.Bye:
        """Send what is left: the interface wants no more, or nothing more will come."""
        self._settle(now)
        over = self._family.over
        self._send_delta(now)
        return m.Bye(0, self._family.epitaph if over else "stopped")
