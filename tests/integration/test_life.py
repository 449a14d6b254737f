"""What may happen to a target, to the engine and to the way between them: told, survived, nothing lost."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livetop.profile.states import WALL
from livetop.session.link import local_engine
from livetop.wire import messages as m
from livetop.wire.framing import FROM_ENGINE, JUNK_CAP, PREAMBLE, Reader, encode
from tests import interpreters
from tests.targets import PROGRAMS, end_with_us

PATIENCE = 30.0
BUSY = {"rate": 200.0, "max_cpu": 1.0}
"""A rate that no governor lowers."""


class Talk:
    """The interface's end, spoken by hand: keeps what came, in order, and the threads by name."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._reader = Reader(incoming, FROM_ENGINE)
        self._out = outgoing
        self.messages: list[m.FromEngine] = []
        self.threads: dict[int, m.Thread] = {}

    def say(self, *messages: m.ToEngine) -> None:
        os.write(self._out, b"".join(map(encode, messages)))

    def hear(self) -> m.FromEngine | None:
        """The next message, or None at the end."""
        message: Any = self._reader.read()
        if message is not None:
            self.messages.append(message)
        if isinstance(message, m.Defs):
            self.threads |= {thread.id: thread for thread in message.threads}
        return message

    def until(self, condition: Callable[[Any], bool], *, credit: bool = True) -> Any:
        """Listen, with credit for a delta after each delta, until a message is such."""
        if credit:
            self.say(m.Credit(1))
        while (message := self.hear()) is not None:
            if condition(message):
                return message
            if credit and isinstance(message, m.Delta):
                self.say(m.Credit(1))
        raise AssertionError(f"the engine ended, last with {self.messages[-3:]}")

    def until_uses(self, name: str, condition: Callable[[m.ThreadUse], bool] = lambda use: True) -> m.Delta:
        """Listen until a delta says something of the thread of this name."""

        def tells(message: m.FromEngine) -> bool:
            return isinstance(message, m.Delta) and any(
                self.threads[use.thread].name == name and condition(use) for use in message.threads
            )

        return self.until(tells)

    def rest(self) -> list[m.FromEngine]:
        """All that still comes, and the end."""
        first = len(self.messages)
        while self.hear() is not None:
            pass
        return self.messages[first:]

    def event(self, kind: str, word: str = "") -> m.Event:
        """Listen until something happens."""
        return self.until(lambda told: isinstance(told, m.Event) and told.kind == kind and word in told.text)

    @property
    def deltas(self) -> list[m.Delta]:
        return [message for message in self.messages if isinstance(message, m.Delta)]


class Child(Talk):
    """The real engine, a process of its own."""

    def __init__(
        self, greeting: bytes = PREAMBLE, command: list[str] | None = None, **configure: Any
    ) -> None:
        self.process = subprocess.Popen(
            command or local_engine(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=end_with_us,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        super().__init__(self.process.stdout.fileno(), self.process.stdin.fileno())
        os.write(self._out, greeting)
        if configure:
            self.say(m.Configure(**configure))

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it wrote to stderr."""
        assert self.process.stderr is not None
        return self.process.wait(PATIENCE), self.process.stderr.read().decode()

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def engine() -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def begin(*args: Any, **configure: Any) -> Child:
        children.append(Child(*args, **configure))
        return children[-1]

    yield begin
    for child in children:
        child.close()


@pytest.fixture
def program(start):
    return start("lives.py")


def assert_whole(talk: Talk) -> None:
    """No delta is missing, and no moment between them."""
    deltas = talk.deltas
    assert [delta.sequence for delta in deltas] == list(range(1, len(deltas) + 1))
    for before, after in itertools.pairwise(deltas):
        assert after.t0 == before.t1


def assert_untraced(program) -> None:
    """It runs on; the kernel may need a moment to let go of it."""
    deadline = time.monotonic() + PATIENCE
    while not program.untraced:
        assert time.monotonic() < deadline, "still traced"
        time.sleep(0.02)
    assert program.ask("begin", "proof")


# ---------------------------------------------------------------- the target's life


def test_threads_come_and_go_under_their_names(engine, program):
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker")
    tid = program.ask("begin", "later")
    talk.event("born", str(tid))
    talk.until_uses("later", lambda use: use.samples > 0 and use.own > 0)
    [thread] = {thread.id: thread for thread in talk.threads.values() if thread.tid == tid}.values()
    assert program.ask("finish", "later") == tid
    assert talk.event("gone", f"later ({tid})").thread == thread.id
    talk.until_uses("later", lambda use: use.state == "gone")
    # It is not heard of again, while the others go on.
    told = talk.until_uses("worker")
    assert thread.id not in {use.thread for use in told.threads}
    assert_whole(talk)


@pytest.mark.parametrize("how", ["leave", "kill"])
def test_the_targets_end_is_an_end_like_any_other(how, engine, program):
    """It stays a zombie until all is said: nobody collects it."""
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker", lambda use: use.own > 0)
    if how == "leave":
        program.say("leave", 7)
    else:
        os.kill(program.pid, signal.SIGKILL)
    bye = talk.until(lambda told: isinstance(told, m.Bye))
    assert (bye.code, bye.text) == (0, f"process {program.pid} exited")
    assert [(event.kind, event.text) for event in talk.messages if isinstance(event, m.Event)][-1] == (
        "exit", bye.text,
    )  # fmt: skip
    last = talk.messages[-2]
    assert isinstance(last, m.Delta)
    assert {talk.threads[use.thread].name: use.state for use in last.threads} == {
        "MainThread": "gone", "worker": "gone",
    }  # fmt: skip
    assert_whole(talk)
    assert talk.ended() == (0, "")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(7)", "exited with code 7"),
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("print()", "exited with code 0"),
    ],
)
def test_how_a_program_that_the_engine_started_ended(code, said, engine):
    words = f"import os, sys, time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass\n{code}"
    talk = engine(run=[sys.executable, "-c", words], **BUSY)
    bye = talk.until(lambda told: isinstance(told, m.Bye))
    assert bye.code == 0
    assert bye.text.endswith(said)
    assert talk.deltas[-1].threads[0].state == "gone"
    assert_whole(talk)


def others() -> list[str]:
    """The interpreters that a program may turn into."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}."
    return [
        sys.executable,
        *(one.path for one in interpreters.few() if not one.name and not str(one).startswith(here)),
    ]


@pytest.mark.parametrize(
    "python", others(), ids=lambda path: "same" if path == sys.executable else path[-22:]
)
def test_a_program_that_becomes_another_is_followed(python, engine, program):
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker", lambda use: use.own > 0)
    before = dict(talk.threads)
    program.say("become", python, PROGRAMS / "lives.py")
    assert program.read()["pid"] == program.pid
    event = talk.event("exec")
    assert event.text.startswith(f"process {program.pid} became {python} ")
    # All threads of before are gone, and none of their ids stands for a new one.
    talk.until(lambda told: isinstance(told, m.Delta))
    states = {use.thread: use.state for delta in talk.deltas for use in delta.threads}
    assert {states[thread] for thread in before} == {"gone"}
    talk.until_uses("worker", lambda use: use.own > 0 and use.thread not in before)
    [process] = [defs.processes for defs in talk.messages if isinstance(defs, m.Defs) and defs.processes][-1]
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert (process.pid, process.python) == (program.pid, version)
    assert_whole(talk)
    assert_untraced(program)


def test_a_program_that_becomes_no_python_is_the_end(engine, program):
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker", lambda use: use.own > 0)
    program.say("become", "/bin/sleep", 60)
    bye = talk.until(lambda told: isinstance(told, m.Bye))
    assert bye.code == 0
    assert bye.text.startswith(f"process {program.pid} became another program: ")
    assert "\n" not in bye.text
    states = {use.thread: use.state for delta in talk.deltas for use in delta.threads}
    assert set(states.values()) == {"gone"}
    assert talk.ended() == (0, "")
    assert program.untraced


def test_a_child_that_is_forked_is_none_of_ours(engine, program):
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker", lambda use: use.own > 0)
    children = [program.ask("fork") for _ in range(3)]
    for _ in range(10):
        talk.until_uses("worker", lambda use: use.own > 0)
    assert {thread.tid for thread in talk.threads.values()} == {program.pid, program.ready["worker"]}
    assert {event.kind for event in talk.messages if isinstance(event, m.Event)} <= {"born"}
    for child in children:
        assert "TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text()
        os.kill(child, signal.SIGKILL)
    assert_whole(talk)


# ---------------------------------------------------------------- the engine's life


def test_a_killed_engine_leaves_the_target_alone(engine, program):
    talk = engine(pid=program.pid, rate=1000.0, max_cpu=1.0, max_pause=0.5)
    talk.until(lambda told: isinstance(told, m.Delta) and told.sampling.stops > 0)
    talk.process.kill()
    talk.process.wait(PATIENCE)
    assert_untraced(program)


@pytest.mark.parametrize("end", ["stdin", "stdout"])
def test_without_an_interface_the_engine_ends(end, engine, program):
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker")
    # More than one: writing tells, too.
    talk.say(m.Credit(8))
    getattr(talk.process, end).close()
    assert talk.ended() == (0, "")
    assert_untraced(program)


def test_stop_ends_it_with_what_is_left(engine, program):
    talk = engine(pid=program.pid, **BUSY)
    talk.until_uses("worker")
    # No credit: what was gathered since comes all the same.
    talk.say(m.Stop())
    *_, delta, bye = talk.rest()
    assert isinstance(delta, m.Delta)
    assert bye == m.Bye(0, "stopped")
    assert_whole(talk)
    assert talk.ended() == (0, "")
    assert_untraced(program)


def test_it_can_be_told_otherwise_on_the_fly(engine, program):
    talk = engine(pid=program.pid, rate=50.0, max_cpu=1.0)
    talk.until(lambda told: isinstance(told, m.Delta) and told.sampling.rate == 50.0)
    talk.say(m.Configure(rate=400.0, max_cpu=1.0))
    # The deltas are short: what counts is that twice the old rate is reached at all.
    talk.until(
        lambda told: (
            isinstance(told, m.Delta)
            and told.sampling.rate == 400.0
            and told.sampling.ticks > 100 * (told.t1 - told.t0)
        )
    )
    talk.until(lambda told: isinstance(told, m.Delta) and told.sampling.stops > 0)
    talk.say(m.Configure(rate=400.0, max_cpu=1.0, nonblocking=True))

    def calmed(told: Any) -> bool:
        return isinstance(told, m.Delta) and told.sampling.samples > 0 and told.sampling.stops == 0

    talk.until(calmed)
    # One delta may have had no stop by chance, so many have not.
    since = len(talk.deltas)
    while sum(delta.sampling.samples for delta in talk.deltas[since:]) < 300:
        talk.until(lambda told: isinstance(told, m.Delta))
    quiet = talk.deltas[-10:]
    assert sum(delta.sampling.stops for delta in quiet) == 0
    assert sum(delta.sampling.exact for delta in quiet) == 0


def test_junk_before_the_magic_is_skipped(engine, program):
    talk = engine(
        b"Last login: yesterday\r\n\x1b[1mhello\x1b[0m\r\n\x00live" + PREAMBLE, pid=program.pid, **BUSY
    )
    talk.until_uses("worker")


def test_nothing_but_junk_is_one_line(engine):
    talk = engine(b"x" * (JUNK_CAP + 100))
    code, said = talk.ended()
    assert code == 1
    assert said.startswith("livetop engine: the interface did not speak livetop's protocol")
    assert said.count("\n") == 1


# ---------------------------------------------------------------- the way between them


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def unaccounted(talk: Talk) -> dict[str, tuple[float, float]]:
    """By thread: seconds of the whole session that are missing from its uses, and from its cells."""
    wall = talk.deltas[-1].t1 - talk.deltas[0].t0
    missing = {}
    for thread in talk.threads.values():
        uses = [use for delta in talk.deltas for use in delta.threads if use.thread == thread.id]
        cells = [cell for delta in talk.deltas for cell in delta.cells if cell.thread == thread.id]
        missing[thread.name] = (
            wall - sum(use.own + use.queued + use.gil + use.wait for use in uses),
            wall - sum(cell.weight for cell in cells if cell.state in WALL),
        )
    return missing


def test_a_stalled_link_costs_no_memory_and_no_second(engine, program):
    talk = engine(pid=program.pid, rate=1000.0, max_cpu=1.0)
    # What passed before the first look at a thread is missing for good, and nothing is owed any more.
    for _ in range(20):
        talk.until_uses("MainThread", lambda use: use.samples > 0)
    missing = unaccounted(talk)
    # The stall itself: nobody listens, nobody gives credit.
    heard = len(talk.deltas)
    time.sleep(1)
    # Tables of symbols are read when they are needed first, which may be now; what nobody takes grows on.
    stretches = []
    while not stretches or (stretches[-1] >= 1 << 20 and len(stretches) < 3):
        before = resident(talk.process.pid)
        time.sleep(2)
        stretches.append(resident(talk.process.pid) - before)
    grown = stretches[-1]
    delta = talk.until(lambda told: isinstance(told, m.Delta) and told.t1 - told.t0 > 2)
    assert len(talk.deltas) == heard + 1
    assert grown < 1 << 20
    assert delta.sampling.ticks > 500
    assert len(delta.cells) < 200
    # It holds every second. A thread that waits for a core is only counted as queued once it has got it.
    for name, (uses, cells) in unaccounted(talk).items():
        assert uses == pytest.approx(missing[name][0], abs=0.1), name
        assert cells == pytest.approx(missing[name][1], abs=0.1), name
    assert_whole(talk)


HURRIED = (
    "import sys, livetop.sampling.engine as engine\n"
    "engine._QUIET, engine._DEAD = map(float, sys.argv[1:])\n"
    "from livetop.sampling.__main__ import main\n"
    "sys.exit(main())"
)


def hurried(quiet: float, dead: float) -> list[str]:
    """The real engine with less patience."""
    return [sys.executable, "-c", HURRIED, str(quiet), str(dead)]


def test_no_sign_from_the_interface_no_stops(engine, program):
    talk = engine(command=hurried(0.3, 60), pid=program.pid, rate=1000.0, max_cpu=1.0, max_pause=1.0)
    talk.until(lambda told: isinstance(told, m.Delta) and told.sampling.stops > 0)
    time.sleep(1)
    # At this rate it would be met standing still many times.
    for _ in range(300):
        assert program.untraced
        time.sleep(0.002)
    # Sampling went on, and the first sign allows stops again.
    told = talk.until(lambda told: isinstance(told, m.Delta))
    assert told.sampling.stops < told.sampling.ticks
    talk.until(lambda told: isinstance(told, m.Delta) and told.sampling.stops > 0)


def test_no_sign_from_the_interface_for_long_is_the_end(engine, program):
    talk = engine(command=hurried(0.2, 1.0), pid=program.pid, **BUSY)
    talk.until_uses("worker")
    # For whoever still listens: what there was.
    *_, delta, bye = talk.rest()
    assert isinstance(delta, m.Delta)
    assert bye == m.Bye(0, "stopped")
    assert_whole(talk)
    assert talk.ended() == (0, "")
    assert_untraced(program)
