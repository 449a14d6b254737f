"""The engine: samples one target and tells about it, as the interface's credit allows."""

from __future__ import annotations

import gc
from time import monotonic, process_time, sleep, time

from livetop import __version__
from livetop.cpython.runtime import Runtime
from livetop.target.discover import find_one
from livetop.target.errors import MemoryFault, ProcessGone, SourceUnavailable, TargetError
from livetop.target.files import read_source
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process
from livetop.target.tasks import raise_file_limit, usage
from livetop.wire import messages as m

from .attach import again, attach
from .budget import CpuBudget, PauseBudget
from .channel import Channel
from .definitions import Definitions
from .launch import Launched
from .sampler import Sampler
from .schedule import Schedule
from .stream import Stream
from .watched import Watched

CAPABILITIES = ["sample", "dump", "run", "source"]

# Seconds without a sign from the interface: then no stops, then the end.
_QUIET = 5.0
_DEAD = 30.0
# The first delta comes as soon as there is something to tell; later ones are not closer than this.
_FIRST_DELTA = 0.06
_MIN_DELTA = 0.02
# Accounts are settled at least so often, whether anybody listens or not.
_SETTLE = 1.0
# At high rates the pipe is looked at this often only.
_LISTEN = 0.02
# Seconds between two looks at whether the process still runs the same program.
_CHECK = 1.0
# Ticks in a row that met memory that is not there, after which the program is taken to be another one.
_FAULTS = 100
# When more threads than these begin or end at once, they are counted instead of named.
_NAMED_THREADS = 5


class Engine:
    """One session: a channel, a target, until either ends."""

    def __init__(self, channel: Channel, configure: m.Configure, launched: Launched | None) -> None:
        raise_file_limit()
        self._channel = channel
        self._configure = configure
        self._launched = launched
        pid = launched.pid if launched else configure.pid or find_one(configure.name)
        process, memory, runtime = attach(
            pid, nonblocking=configure.nonblocking, starting=10.0 if launched else 0.0
        )
        now = monotonic()
        self._process = process
        self._pauses = PauseBudget(self._pause_share(configure), now)
        self._cpu = CpuBudget(configure.max_cpu, configure.rate, now)
        self._schedule = Schedule(configure.rate, now)
        self._definitions = Definitions(1, process.cwd, process.argv)
        self._stream = Stream(self._definitions, now)
        self._sampler = Sampler(process, runtime, memory, self._pauses, now, configure.native)
        self._credit = 0
        self._heard = self._settled = self._sent = self._listened = self._checked = now
        self._faults = 0
        self._cpu_before = process_time()
        self._target_cpu: float | None = None
        self._stopping = False
        self._sent_any = False
        self._calm_told = True
        self._refusal_told = False
        self._hello(process, runtime)

    @staticmethod
    def _pause_share(configure: m.Configure) -> float:
        return 0.0 if configure.nonblocking else configure.max_pause

    def _hello(self, process: Process, runtime: Runtime) -> None:
        self._channel.send(
            m.Hello(__version__, m.PROTOCOL, CAPABILITIES, monotonic(), time(), [_describe(process, runtime)])
        )

    # ------------------------------------------------------------------ the loop

    def run(self) -> m.Bye:
        """Sample until the target, the interface or a Stop ends it, with the garbage collector off."""
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while True:
                try:
                    bye = self._turn()
                except ProcessGone:
                    bye = self._exited(monotonic())
                except MemoryFault:
                    bye = self._unreadable(monotonic())
                if bye is not None:
                    return bye
        finally:
            self._sampler.close()

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
        self._sampler.counters.late += schedule.missed - missed
        self._sampler.tick(now, schedule.moment, late)
        self._faults = 0
        return None

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
            if now - self._checked >= _CHECK:
                self._checked = now
                if self._process.has_execed():
                    return self._replaced(now)
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
            self._cpu.share = message.max_cpu
            self._cpu.wanted = self._cpu.rate = message.rate
            self._schedule.set_rate(message.rate, now)

    def _tell(self, now: float) -> None:
        """Send a delta if one is due; keep the budgets."""
        self._pauses.allowed = now - self._heard < _QUIET
        wait = _MIN_DELTA if self._sent_any else _FIRST_DELTA
        ready = self._credit > 0 and now - self._sent >= wait and not self._channel.full
        if ready or now - self._settled >= _SETTLE:
            self._settle(now)
        if ready:
            self._send_delta(now)
        self._pauses.adjust(now)
        if self._cpu.adjust(now, process_time()):
            self._schedule.set_rate(self._cpu.rate, now)

    def _settle(self, now: float, *, gone: bool = False) -> None:
        """Turn samples into seconds; `gone`: the memory they came from is no more."""
        sampler = self._sampler
        self._settled = now
        roster = sampler.roster
        ended = list(roster.gone)
        settled = sampler.settle(now, gone=gone)
        definitions = self._definitions
        for thread in roster.renamed:
            definitions.renamed(thread)
        roster.renamed.clear()
        self._tell_of_threads(now, "gone", "ended", ended)
        self._tell_of_threads(now, "born", "began", roster.born)
        roster.born.clear()
        self._stream.add(settled, now, ended)

    def _tell_of_threads(self, now: float, kind: str, verb: str, threads: list[Watched]) -> None:
        """One event a thread, or one for all where they come and go by the dozen."""
        if len(threads) > _NAMED_THREADS:
            self._event(now, kind, f"{len(threads)} threads {verb}")
            return
        for thread in threads:
            text = f"thread {thread.name} ({thread.tid}) {verb}"
            self._event(now, kind, text, self._definitions.thread(thread))

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
        if self._definitions.full or self._sampler.subject.full:
            # Nothing unsent refers to the old names now.
            self._sampler.forget_places(now)
            self._definitions.reset()
            gc.collect()

    def _figures(self) -> m.Sampling:
        cpu = process_time()
        used, self._cpu_before = cpu - self._cpu_before, cpu
        target = usage(self._process.pid)
        target_cpu = 0.0
        if target is not None:
            if self._target_cpu is not None:
                target_cpu = max(0.0, target.cpu - self._target_cpu)
            self._target_cpu = target.cpu
        sampler = self._sampler
        busy = [thread for thread in sampler.roster.threads.values() if thread.warm and thread.trials > 30]
        return sampler.counters.take(
            cpu=used,
            target_cpu=target_cpu,
            rate=self._cpu.rate,
            rss=target.rss if target else 0,
            threads=target.threads if target else 0,
            calm=all(thread.calm for thread in busy),
        )

    def _tell_of_quality(self, sampling: m.Sampling, now: float) -> None:
        """Say so when the figures are less than they seem."""
        refused = self._sampler.exact.refusal
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
        name = self._definitions.file_path(file)
        if name is None:
            return m.Source(file, None, "not known any more")
        try:
            return m.Source(file, read_source(self._process.pid, name))
        except SourceUnavailable as error:
            return m.Source(file, None, str(error))
        except TargetError as error:
            return m.Source(file, None, str(error))

    # ------------------------------------------------------------------ ends

    def _farewell(self, now: float) -> m.Bye:
        """The interface wants no more: send what is left."""
        self._settle(now)
        self._send_delta(now)
        return m.Bye(0, "stopped")

    def _exited(self, now: float) -> m.Bye:
        text = f"process {self._process.pid} exited"
        if self._launched is not None:
            text = self._launched.how_it_ended(self._sampler.exact.exit_status) or text
        self._sampler.roster.leave()
        self._settle(now, gone=True)
        self._event(now, "exit", text)
        self._send_delta(now)
        return m.Bye(0, text)

    def _unreadable(self, now: float) -> m.Bye | None:
        """Memory that was there is not any more: exec, exit, or only a structure that has just been freed."""
        self._faults += 1
        if self._faults < _FAULTS and not self._process.has_execed():
            return None
        return self._replaced(now)

    def _replaced(self, now: float) -> m.Bye | None:
        """The process called exec: go on with the program it runs now, if that can be read."""
        pid = self._process.pid
        self._sampler.roster.leave()
        self._settle(now, gone=True)
        self._send_delta(now)
        found = again(pid, nonblocking=self._configure.nonblocking)
        if isinstance(found, TargetError):
            if not self._process.exists():
                return self._exited(monotonic())
            self._event(now, "exec", f"process {pid} became another program")
            return m.Bye(0, f"process {pid} became another program: {found}")
        process, memory, runtime = found
        self._take_over(process, memory, runtime)
        return None

    def _take_over(self, process: Process, memory: RemoteMemory, runtime: Runtime) -> None:
        """Go on with the program that exec has put into the process."""
        now = monotonic()
        self._sampler.close()
        self._process = process
        self._definitions.follow(_describe(process, runtime), process.cwd)
        self._faults = 0
        self._event(now, "exec", f"process {process.pid} became {' '.join(process.argv[:4])}")
        self._sampler = Sampler(process, runtime, memory, self._pauses, now, self._configure.native)
        self._schedule.set_rate(self._cpu.rate, now)


def _describe(process: Process, runtime: Runtime) -> m.Process:
    identity = runtime.identity
    return m.Process(
        1,
        process.pid,
        process.argv,
        identity.version,
        identity.build,
        process.host,
        process.started,
        process.exe,
    )
