"""The way to an engine: a child process that is the engine, or that reaches one (sudo, ssh, docker)."""

from __future__ import annotations

import importlib.util
import os
import select
import shlex
import signal
import site
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from livetop.session.protocol import LinkError
from livetop.wire.framing import (
    FROM_ENGINE,
    PREAMBLE,
    ProtocolError,
    Reader,
    VersionMismatch,
    encode,
    quote,
)
from livetop.wire.messages import FromEngine, Stop, ToEngine

REMOTE_ENGINE = ["livetop", "engine"]

_SUDO = frozenset({"sudo", "doas"})
_SUDO_OPTIONS_WITH_VALUE = frozenset({"-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R"})

_BOOT = (
    "import os, runpy, sys; sys.path += sys.argv.pop(1).split(os.pathsep); "
    "runpy.run_module('livetop.sampling', run_name='__main__', alter_sys=True)"
)

_ENGINE_NEEDS = ("livetop", "msgspec", "ptrace")

_SEND_PATIENCE = 1.0
"""Seconds that a command may wait for room in the pipe."""

_STDERR_LINES = 20

_NOT_FOUND = (126, 127)
"""A shell's exit codes for a command that it cannot run, or not find."""


def local_engine() -> list[str]:
    """The command of an engine on this machine, with absolute paths, as sudo needs them.

    `-I` keeps the engine free of the caller's environment and directory, but also of packages that are
    found through them or installed for one user only; the folders of livetop and of what its engine needs
    are then named.
    """
    theirs = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    passing = {os.path.realpath(folder) for folder in (site.getusersitepackages(), os.curdir, *theirs)}
    hidden = [folder for folder in dict.fromkeys(map(_folder, _ENGINE_NEEDS)) if folder in passing]
    if hidden:
        return [sys.executable, "-I", "-c", _BOOT, os.pathsep.join(hidden)]
    return [sys.executable, "-I", "-m", "livetop.sampling"]


def _folder(package: str) -> str:
    """The folder that a package is found in; "" when there is no such package."""
    spec = importlib.util.find_spec(package)
    return str(Path(spec.origin).resolve().parents[1]) if spec and spec.origin else ""


def engine_command(via: str | None) -> list[str]:
    """The argument vector that reaches an engine. Raises LinkError (code 2) for an unusable `via`."""
    if via is None:
        return local_engine()
    try:
        words = shlex.split(via)
    except ValueError as error:
        raise LinkError(f"--via {via!r} cannot be split into words: {error}", 2) from None
    if not words:
        raise LinkError("--via needs a command, like --via 'ssh host' or --via sudo", 2)
    if words[-1] == "engine":
        return words
    if words[-1] == "-c":
        return [*words, shlex.join(REMOTE_ENGINE)]
    if os.path.basename(words[0]) in _SUDO and not _command_after_sudo(words[1:]):
        return [*words, *local_engine()]
    return [*words, *REMOTE_ENGINE]


def _command_after_sudo(words: Sequence[str]) -> bool:
    """Whether there is more than options (`sudo docker exec -i c`), so that the engine is elsewhere."""
    rest = iter(words)
    for word in rest:
        if word in _SUDO_OPTIONS_WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return True
    return False


class EngineLink:
    """A running engine and the pipes to it.

    `receive` may run in a thread of its own; everything else belongs to one thread.
    """

    def __init__(self, process: subprocess.Popen[bytes], via: str | None) -> None:
        self.via = via
        self._process = process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._in = process.stdin.fileno()
        self._reader = Reader(process.stdout.fileno(), FROM_ENGINE)
        self._outbox = bytearray(PREAMBLE)
        self._stopping = False
        self._closed = False
        self._said: deque[bytes] = deque(maxlen=_STDERR_LINES)
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self._listener.start()
        os.set_blocking(self._in, False)

    @classmethod
    def start(cls, via: str | None = None, command: Sequence[str] | None = None) -> EngineLink:
        """Starts an engine, or `via` (or `command` as it is). Raises LinkError."""
        argv = list(command) if command is not None else engine_command(via)
        # The terminal's Ctrl-C is for the interface. A local engine gets a session of its own; what asks
        # for passwords (ssh, sudo) must stay in the terminal's foreground, so it only ignores the signal.
        interrupt = signal.SIG_DFL
        apart = via is None
        main = threading.current_thread() is threading.main_thread()
        if not apart and main:
            interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # type: ignore[assignment]
        try:
            process = subprocess.Popen(
                argv,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=apart,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            text = f"cannot start {quote(argv[0].encode())}: {reason}"
            raise LinkError(f"{text}; check the command after --via" if via else text) from None
        finally:
            if not apart and main:
                signal.signal(signal.SIGINT, interrupt)
        return cls(process, via)

    @property
    def pid(self) -> int:
        """Of the child: the engine, or what reaches it."""
        return self._process.pid

    @property
    def greeted(self) -> bool:
        """Whether an engine's preamble has come."""
        return self._reader.decoder.greeted

    def send(self, message: ToEngine) -> bool:
        """False when nobody takes commands any more; `receive` then tells the reason."""
        if self._closed:
            return False
        self._outbox += encode(message)
        try:
            while self._outbox:
                try:
                    del self._outbox[: os.write(self._in, self._outbox)]
                except BlockingIOError:
                    poll = select.poll()
                    poll.register(self._in, select.POLLOUT)
                    if not poll.poll(_SEND_PATIENCE * 1000):
                        return False
        except OSError:
            return False
        return True

    def receive(self) -> FromEngine | None:
        """The next message; blocks. None at the end of the stream. Raises ProtocolError."""
        try:
            message: FromEngine | None = self._reader.read()  # type: ignore[assignment]
        except VersionMismatch:
            raise
        except ProtocolError as error:
            if self.via is None or self.greeted:
                raise
            # Nobody who speaks the protocol was reached: what reaches it may have said why.
            raise ProtocolError(f"{error} ({self.post_mortem()})") from None
        return message

    def post_mortem(self) -> str:
        """Why there is no engine (any more), as one line that says what to do."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self._listener.join(0.2)
        said = quote(b" / ".join(line for line in list(self._said)[-3:]), 300)
        status = self._process.returncode
        if status is None:
            how = "closed the connection"
        elif status < 0:
            how = f"was killed ({_signal_name(-status)})"
        else:
            how = f"ended with code {status}"
        if self.via is None:
            return f"the engine {how}" + (f": {said}" if said else "")
        banner = self._reader.decoder.junk if not self.greeted else ""
        heard = said or banner
        what = f"--via {quote(self.via.encode(), 80)!r} {how}" + (f": {heard}" if heard else "")
        if not self.greeted and (status in _NOT_FOUND or not heard):
            what += (
                "; livetop must be on the PATH there, or the command must end with /path/to/livetop engine"
            )
        return what

    def stop(self) -> None:
        """Asks the engine to end; what it has left still comes. Only the first call does anything."""
        if not self._stopping:
            self._stopping = True
            self.send(Stop())

    def close(self, patience: float = 1.0) -> None:
        """Ends the child: asks, then terminates, then kills, waiting `patience` seconds each time.

        An engine run by sudo cannot be signalled, but ends by itself once its input has.
        """
        self.stop()
        self._closed = True
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        for insist in (self._process.terminate, self._process.kill, None):
            try:
                self._process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                if insist is not None:
                    with suppress(PermissionError):
                        insist()

    def _listen(self, stream: IO[bytes]) -> None:
        for line in stream:
            if line.strip():
                self._said.append(line.strip()[:1000])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
