"""A real engine process, spoken to in its own protocol, and sums of what it says."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from livetop.profile.states import WALL, State
from livetop.session.link import local_engine
from livetop.wire import messages as m
from livetop.wire.framing import FROM_ENGINE, PREAMBLE, Decoder, encode

# Far more than any answer takes, so that a test hangs no longer than this.
PATIENCE = 60.0
REFRESH = 0.1

Place = tuple[str, str, int]
"""(file, function, line)"""


class Engine:
    """An engine that samples as configured: Engine(pid=..., rate=...). `messages` holds all it has said.

    Ids are kept in the tables `files`, `functions`, `nodes`, `threads`, `processes`; a reset of the engine's
    names empties the first three, so cells are turned into places as they come: see `cells`. `through`: words
    of a command that runs it.
    """

    def __init__(self, *, through: Sequence[str] = (), **configure: Any) -> None:
        self.process = subprocess.Popen(
            [*through, *local_engine()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.messages: list[m.FromEngine] = []
        self.decoder = Decoder(FROM_ENGINE)
        self.files: dict[int, m.File] = {}
        self.functions: dict[int, m.Function] = {}
        self.nodes: dict[int, m.Node] = {}
        self.threads: dict[int, m.Thread] = {}
        self.processes: dict[int, m.Process] = {}
        """As they were last told."""
        self.cells: list[tuple[m.Cell, tuple[Place, ...]]] = []
        """Each cell with the place it stands for and its callers, innermost first."""
        self.ended = False
        assert self.process.stdin is not None and self.process.stdout is not None
        self._in = self.process.stdin.fileno()
        self._out = self.process.stdout.fileno()
        os.write(self._in, PREAMBLE)
        self.send(m.Configure(**configure))

    # ------------------------------------------------------------------ talking

    def send(self, message: m.ToEngine) -> None:
        try:
            os.write(self._in, encode(message))
        except BrokenPipeError:
            self.ended = True

    def receive(self, seconds: float) -> None:
        """Take in what comes within `seconds`, or at once when something is there."""
        ready, _, _ = select.select([self._out], [], [], seconds)
        if ready:
            data = os.read(self._out, 1 << 20)
            if not data:
                self.ended = True
                return
            for message in self.decoder.feed(data):
                self.messages.append(message)
                self._note(message)

    def until(self, done: Callable[[], Any], *, credit: bool = True) -> Any:
        """Take deltas until `done()` is true; returns that. Fails when the engine ends or takes too long."""
        deadline = time.monotonic() + PATIENCE
        credited = 0.0
        while not (found := done()):
            now = time.monotonic()
            assert now < deadline, f"the engine did not say what it should: {self.messages[-5:]}"
            assert not self.ended, f"the engine has ended: {self.bye}"
            if credit and now - credited >= REFRESH:
                self.send(m.Credit(1))
                credited = now
            self.receive(REFRESH / 2)
        return found

    def sample(self, seconds: float) -> None:
        """Take deltas for so many seconds of the engine's time."""
        begun = len(self.deltas)
        self.until(lambda: self.seconds(begun) >= seconds)

    def stop(self) -> m.Bye:
        """Ask it to end and take what is left; the last message."""
        self.send(m.Stop())
        return self.wait()

    def wait(self) -> m.Bye:
        """Take deltas until it ends by itself; the last message."""
        self.until(lambda: self.bye or self.ended)
        assert self.bye is not None, "the engine ended without a word"
        self.process.wait(PATIENCE)
        return self.bye

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ what was said

    def _note(self, message: m.FromEngine) -> None:
        if isinstance(message, m.Hello):
            self.processes = {process.id: process for process in message.processes}
        if isinstance(message, m.Defs):
            self.processes |= {process.id: process for process in message.processes}
            if message.reset:
                self.files.clear()
                self.functions.clear()
                self.nodes.clear()
            for table, items in (
                (self.files, message.files),
                (self.functions, message.functions),
                (self.nodes, message.nodes),
                (self.threads, message.threads),
            ):
                table.update({item.id: item for item in items})
        elif isinstance(message, m.Delta):
            self.cells += [(cell, self._places(cell.node)) for cell in message.cells]

    def _places(self, node: int) -> tuple[Place, ...]:
        found = []
        while (at := self.nodes[node]).parent:
            function = self.functions[at.function]
            file = self.files[function.file].name if function.file else ""
            found.append((file, function.name, at.line))
            node = at.parent
        return tuple(found)

    def _of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def hello(self) -> m.Hello | None:
        return next(iter(self._of(m.Hello)), None)

    @property
    def bye(self) -> m.Bye | None:
        return next(iter(self._of(m.Bye)), None)

    @property
    def deltas(self) -> list[m.Delta]:
        return self._of(m.Delta)

    def events(self, kind: str = "") -> list[m.Event]:
        return [event for event in self._of(m.Event) if kind in ("", event.kind)]

    def seconds(self, since: int = 0) -> float:
        """Seconds that the deltas (from number `since` on) cover."""
        deltas = self.deltas[since:]
        return deltas[-1].t1 - deltas[0].t0 if deltas else 0.0

    def watched(self) -> set[int]:
        """PIDs of the processes that are watched now."""
        return {process.pid for process in self.processes.values() if process.state == "watched"}

    def process_of(self, pid: int) -> m.Process | None:
        """What was told last of the process with this PID."""
        found = [process for process in self.processes.values() if process.pid == pid]
        return found[-1] if found else None

    def tid(self, thread: int) -> int:
        return self.threads[thread].tid

    def total(self, field: str) -> float:
        """Sum of one figure of `Sampling` over all deltas."""
        return sum(getattr(delta.sampling, field) for delta in self.deltas)

    def uses(self, since: int = 0) -> dict[int, Counter[str]]:
        """{tid: seconds by own, queued, gil, wait, idle} from delta number `since` on."""
        sums: dict[int, Counter[str]] = defaultdict(Counter)
        for delta in self.deltas[since:]:
            for use in delta.threads:
                for field in ("own", "queued", "gil", "wait", "idle"):
                    sums[self.tid(use.thread)][field] += getattr(use, field)
        return sums

    def by_state(self, tid: int) -> Counter[State]:
        """Seconds of a thread's cells by state: the five that add up to its wall time."""
        sums: Counter[State] = Counter()
        for cell, _ in self.cells:
            if self.tid(cell.thread) == tid and cell.state in WALL:
                sums[State(cell.state)] += cell.weight
        return sums

    def rows(self, state: State = State.OWN, tid: int = 0) -> Counter[Place]:
        """Seconds in a state by innermost place."""
        sums: Counter[Place] = Counter()
        for cell, places in self.cells:
            if cell.state == state and (not tid or self.tid(cell.thread) == tid):
                sums[places[0] if places else ("", "", 0)] += cell.weight
        return sums
