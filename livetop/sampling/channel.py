"""The engine's end of the pipe: it never blocks, and what cannot be sent waits without growing."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from types import FrameType

from livetop.wire.framing import PREAMBLE, READ_SIZE, TO_ENGINE, Decoder, encode
from livetop.wire.messages import FromEngine, ToEngine

# Above this, nothing new is queued until the pipe takes more (sources are the largest messages).
FULL = 1 << 20


class Channel:
    """Messages over two file descriptors. `closed` once the other end is gone."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._in = incoming
        self._out = outgoing
        os.set_blocking(incoming, False)
        os.set_blocking(outgoing, False)
        self._decoder = Decoder(TO_ENGINE)
        self._queue = bytearray(PREAMBLE)
        self._kept: list[ToEngine] = []
        self.closed = False
        self.told_to_end = False
        """Whether a signal asks the engine to end."""
        self._wakeup, self._alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def listen_to_signals(self, numbers: Sequence[signal.Signals]) -> None:
        """Take these signals as the word to end; they also end a `wait`."""
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.told_to_end = True

    @property
    def full(self) -> bool:
        """Whether so much waits to be sent that nothing should be added."""
        return len(self._queue) > FULL

    def send(self, message: FromEngine) -> None:
        """Queue a message and send what the pipe takes."""
        self._queue += encode(message)
        self.flush()

    def flush(self) -> None:
        """Send what the pipe takes now."""
        try:
            while self._queue:
                del self._queue[: os.write(self._out, self._queue)]
        except BlockingIOError:
            return
        except OSError:
            self.closed = True

    def wait(self, seconds: float) -> list[ToEngine]:
        """Sleep, but no longer than until something comes in; return what came. Raises ProtocolError."""
        if self._kept:
            kept, self._kept = self._kept, []
            return kept
        writers = [self._out] if self._queue else []
        readable, writable, _ = select.select([self._in, self._wakeup], writers, [], max(0.0, seconds))
        if writable:
            self.flush()
        if self._wakeup in readable:
            os.read(self._wakeup, 64)
        if self._in not in readable:
            return []
        return self._receive()

    def keep(self, messages: list[ToEngine]) -> None:
        """Have the next `wait` return these: somebody else is to see them."""
        self._kept += messages

    def _receive(self) -> list[ToEngine]:
        try:
            data = os.read(self._in, READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return []
        return [message for message in self._decoder.feed(data) if isinstance(message, ToEngine)]

    def drain(self, seconds: float) -> None:
        """Send what is left, waiting for the pipe up to `seconds`."""
        while self._queue and not self.closed:
            _, writable, _ = select.select([], [self._out], [], seconds)
            if not writable:
                return
            self.flush()
