"""A session with a running engine: its messages, applied to a model of our own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict, replace

from livetop.profile.model import Profile
from livetop.session.link import EngineLink
from livetop.session.protocol import End, Happening, LinkError
from livetop.session.source_lines import SourceLines
from livetop.session.translation import Translation
from livetop.wire.framing import ProtocolError
from livetop.wire.messages import (
    Bye,
    Configure,
    Credit,
    Defs,
    Delta,
    Event,
    FromEngine,
    Hello,
    NeedSource,
    Source,
    Tasks,
)

CREDIT = 2
"""Deltas that may be on their way at once; the engine coalesces what it may not send yet."""

EVENTS_KEPT = 1000

SOURCES_AT_ONCE = 2
"""Sources asked for ahead of need that may be on their way, so that figures are not kept waiting."""


class Live:
    """What one engine says, in one profile. Implements `livetop.session.protocol.Session`.

    `read` belongs to one thread, everything else to another.
    """

    def __init__(self, link: EngineLink, configure: Configure) -> None:
        self._link = link
        self._configure = configure
        self._profile = Profile()
        self._events: deque[Happening] = deque(maxlen=EVENTS_KEPT)
        self._hello: Hello | None = None
        self._end: End | None = None
        self._failure = ""
        self._farewell = False
        self._asked = False
        self._outstanding = 0
        self._ids = Translation(self._profile)
        self._lines = SourceLines(self._profile)
        self._wanted: set[int] = set()
        self._backlog: deque[int] = deque()
        self._source_errors: dict[int, str] = {}
        link.send(configure)
        self.credit()

    @classmethod
    def start(cls, configure: Configure, via: str | None = None) -> Live:
        """Starts an engine and names it the target. Raises LinkError."""
        return cls(EngineLink.start(via), configure)

    # ------------------------------------------------------------ what the session is

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def live(self) -> bool:
        return self._end is None

    @property
    def greeted(self) -> bool:
        return self._hello is not None

    @property
    def end(self) -> End | None:
        """How it ended, with the exit code; None while it lasts."""
        return self._end

    @property
    def news(self) -> str:
        """The line that tells the user why it ended, or "": a stop that was asked for is no news."""
        return "" if self._end is None or (self._asked and not self._end.code) else self._end.text

    @property
    def ended(self) -> str | None:
        return self._end.text if self._end else None

    @property
    def events(self) -> deque[Happening]:
        return self._events

    @property
    def origin(self) -> str:
        return self._link.via or ""

    @property
    def output(self) -> str:
        return self._configure.run_output

    @property
    def capabilities(self) -> list[str]:
        """What the engine said it can do."""
        return self._hello.capabilities if self._hello else []

    @property
    def engine_version(self) -> str:
        """livetop's version at the engine's end, or "" before it greeted."""
        return self._hello.version if self._hello else ""

    def wall_time(self, monotonic: float) -> float:
        """Unix time of an instant of the engine's clock (0.0 before it greeted)."""
        return self._hello.wall + monotonic - self._hello.monotonic if self._hello else 0.0

    # ------------------------------------------------------------ what comes

    def read(self) -> FromEngine | None:
        """Blocks for the next message; None at the end, for whatever reason. For a thread of its own."""
        try:
            message = self._link.receive()
            if message is None and not self._farewell:
                self._failure = self._link.post_mortem()
        except ProtocolError as error:
            message = None
            self._failure = str(error)
        self._farewell |= isinstance(message, Bye)
        return message

    def await_hello(self) -> None:
        """Blocks until the engine has attached. Raises LinkError, with the code, if it cannot."""
        while self._hello is None:
            self.apply(self.read())
            if self._end is not None:
                raise LinkError(self._end.text, self._end.code or 1)

    def apply(self, message: object | None) -> None:
        """Takes a message into the profile; None or a message that makes no sense ends the session."""
        if message is None:
            self._note_end()
            return
        try:
            take = _APPLY.get(type(message))
            if take is None:
                raise ProtocolError(f"the engine sent a {type(message).__name__} where none belongs")
            take(self, message)
        except ProtocolError as error:
            self._failure = str(error)
            self._note_end()
            self._link.stop()

    def _note_end(self) -> None:
        if self._end is not None:
            return
        why = self._failure or "the engine ended"
        if self.greeted:
            why += "; what was gathered until then is kept"
        self._end = End(1, why)

    def _apply_hello(self, hello: Hello) -> None:
        self._ids.define_processes(hello.processes)
        self._hello = hello

    def _apply_defs(self, defs: Defs) -> None:
        self._backlog.extend(self._ids.define(defs))
        self._fetch_sources()

    def _apply_delta(self, delta: Delta) -> None:
        if not (math.isfinite(delta.t0) and delta.t0 <= delta.t1 < math.inf):
            raise ProtocolError(f"the engine sent a stretch of time from {delta.t0} to {delta.t1}")
        cells, uses = self._ids.cells(delta), self._ids.uses(delta)
        self._profile.add(delta.t0, delta.t1, cells, uses, asdict(delta.sampling))
        self._outstanding -= 1

    def _apply_event(self, event: Event) -> None:
        thread = self._ids.thread(event.thread)
        self._events.append(Happening(event.time, event.kind, event.text, thread))

    def _apply_source(self, source: Source) -> None:
        file = self._ids.file(source.file)
        if file is None:
            return
        self._wanted.discard(file)
        if source.text is None:
            self._source_errors[file] = source.error or "the source cannot be had"
        else:
            self._source_errors.pop(file, None)
            self._profile.set_source(file, source.text)
            self._lines.forget(file)
        self._fetch_sources()

    def _apply_tasks(self, tasks: Tasks) -> None:
        if self._configure.list_tasks:
            self._profile.tasks = self._ids.tasks(tasks)

    def _apply_bye(self, bye: Bye) -> None:
        if self._end is None:
            self._end = End(bye.code, bye.text)

    # ------------------------------------------------------------ what goes out

    def credit(self, deltas: int = 1) -> None:
        """Tops up what may be on its way; called at each refresh, it sets the pace of the deltas."""
        if self._end is not None:
            return
        granted = max(0, min(deltas, CREDIT - self._outstanding))
        self._outstanding += granted
        self._link.send(Credit(granted))

    def source(self, file: int) -> list[str] | None:
        return self._lines.get(file)

    def source_error(self, file: int) -> str:
        if file in self._profile.sources:
            return ""
        if self._end is not None and file in self._wanted:
            return "the session ended before the source came"
        return self._source_errors.get(file, "")

    def request_source(self, file: int) -> None:
        """Asks the engine, unless the source is here, on its way, or was refused."""
        if file in self._wanted or file in self._source_errors or file in self._profile.sources:
            return
        wire = self._ids.wire_file(file)
        if wire is None or self._end is not None:
            self._source_errors[file] = "the source was not fetched while the target was sampled"
        else:
            self._wanted.add(file)
            self._link.send(NeedSource(wire))

    @property
    def fetching(self) -> bool:
        """Whether sources are on their way or will be asked for."""
        return self._end is None and bool(self._wanted or self._backlog)

    def _fetch_sources(self) -> None:
        """Asks for every file's source, a few at a time: snapshots keep it, and the target may end."""
        while self._backlog and len(self._wanted) < SOURCES_AT_ONCE:
            self.request_source(self._backlog.popleft())

    def configure(
        self,
        *,
        rate: float | None = None,
        max_pause: float | None = None,
        max_cpu: float | None = None,
        nonblocking: bool | None = None,
        list_tasks: bool | None = None,
    ) -> None:
        changes = {
            name: value
            for name, value in {
                "rate": rate,
                "max_pause": max_pause,
                "max_cpu": max_cpu,
                "nonblocking": nonblocking,
                "list_tasks": list_tasks,
            }.items()
            if value is not None
        }
        changed = replace(self._configure, **changes)
        if changed == self._configure:
            return
        self._configure = changed
        if not changed.list_tasks:
            self._profile.tasks = None
        self._link.send(changed)

    def stop(self) -> None:
        self._asked = self._asked or self._end is None
        self._link.stop()

    def close(self) -> None:
        self._link.close()


_APPLY: dict[type, Callable[[Live, Any], None]] = {
    Hello: Live._apply_hello,
    Defs: Live._apply_defs,
    Delta: Live._apply_delta,
    Event: Live._apply_event,
    Source: Live._apply_source,
    Tasks: Live._apply_tasks,
    Bye: Live._apply_bye,
}
"""A message that is not here is none that a session takes."""
