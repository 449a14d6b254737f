"""Messages as bytes: a preamble, then frames of a length and a msgpack body.

    preamble   MAGIC, then the protocol's number as two bytes, big-endian; once, from each end
    frame      the body's length as four bytes, big-endian; the body, a tagged msgpack map

Whatever comes before the magic (a login banner, a shell's greeting) is skipped, within a bound.
Nothing that arrives may raise anything but `ProtocolError`.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

import msgspec

from livetop.wire.messages import PROTOCOL, FromEngine, ToEngine

MAGIC = b"\x00livetop\xf1\x0d\x0a"
"""Holds a zero byte, one that is not UTF-8 and a line end: no banner does, and no terminal keeps it."""

_VERSION = struct.Struct(">H")
_LENGTH = struct.Struct(">I")

PREAMBLE = MAGIC + _VERSION.pack(PROTOCOL)
"""What each end writes first."""

JUNK_CAP = 64 * 1024
"""Bytes before the magic after which there is nobody who speaks the protocol."""

READ_SIZE = 256 * 1024


class ProtocolError(Exception):
    """The other end does not speak the protocol, or no longer. `str()` is one line for the user."""

    code = 1


class VersionMismatch(ProtocolError):
    """The other end speaks another version of the protocol."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One way of the conversation: which messages come, from whom, and how long a body may be."""

    speaker: str
    messages: object
    cap: int


FROM_ENGINE = Direction("the engine", FromEngine, 64 * 1024 * 1024)
TO_ENGINE = Direction("the interface", ToEngine, 1024 * 1024)

_encoder = msgspec.msgpack.Encoder()


def encode(message: FromEngine | ToEngine) -> bytes:
    """One frame. Raises ProtocolError for a message that no reader would take."""
    frame = bytearray(_LENGTH.size)
    _encoder.encode_into(message, frame, _LENGTH.size)
    body = len(frame) - _LENGTH.size
    if body > FROM_ENGINE.cap:
        raise ProtocolError(f"a message of {body} bytes is over the protocol's limit of {FROM_ENGINE.cap}")
    _LENGTH.pack_into(frame, 0, body)
    return bytes(frame)


class Decoder:
    """Bytes of one direction in, messages out; keeps what is not a whole frame yet.

    After a ProtocolError the stream is lost: every later call raises it again.
    """

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.greeted = False
        """Whether the preamble came."""
        self._decoder: msgspec.msgpack.Decoder[FromEngine | ToEngine] = msgspec.msgpack.Decoder(
            direction.messages
        )
        self._buffer = bytearray()
        self._junk = bytearray()
        self._failed: ProtocolError | None = None

    @property
    def junk(self) -> str:
        """The beginning of what came before the preamble (banners, error texts), escaped, on one line."""
        return quote(bytes(self._junk) if self.greeted else bytes(self._junk + self._buffer))

    def feed(self, data: bytes | bytearray | memoryview) -> list[FromEngine | ToEngine]:
        """The messages that `data` completes. Raises ProtocolError."""
        if self._failed is not None:
            raise self._failed
        self._buffer += data
        try:
            if not self.greeted and not self._greet():
                return []
            return self._frames()
        except ProtocolError as error:
            self._failed = error
            raise

    def finish(self) -> None:
        """The stream has ended: raises ProtocolError if that was in the middle of something."""
        if self._failed is not None:
            raise self._failed
        if not self.greeted and (self._buffer or self._junk):
            raise ProtocolError(f"{self.direction.speaker} did not speak livetop's protocol but: {self.junk}")
        if self._buffer:
            raise ProtocolError(f"the connection to {self.direction.speaker} broke off within a message")

    def _greet(self) -> bool:
        """Skips to the end of the preamble; False while it has not come whole."""
        buffer = self._buffer
        at = buffer.find(MAGIC)
        if at < 0:
            # The magic's beginning may be the buffer's end.
            gone = len(buffer) - len(MAGIC) + 1
            if gone > 0:
                self._junk += buffer[:gone]
                del buffer[:gone]
            if len(self._junk) > JUNK_CAP:
                raise ProtocolError(
                    f"{self.direction.speaker} did not speak livetop's protocol within {JUNK_CAP // 1024} KB,"
                    f" but began with: {self.junk}"
                )
            return False
        if len(buffer) < at + len(PREAMBLE):
            return False
        (protocol,) = _VERSION.unpack_from(buffer, at + len(MAGIC))
        if protocol != PROTOCOL:
            raise VersionMismatch(
                f"{self.direction.speaker} speaks version {protocol} of the protocol, this end {PROTOCOL}: "
                "install the same livetop on both ends"
            )
        self._junk += buffer[:at]
        del buffer[: at + len(PREAMBLE)]
        self.greeted = True
        return True

    def _frames(self) -> list[FromEngine | ToEngine]:
        messages = []
        buffer, at = self._buffer, 0
        head = _LENGTH.size
        with memoryview(buffer) as view:
            while len(view) - at >= head:
                (length,) = _LENGTH.unpack_from(view, at)
                if length > self.direction.cap:
                    raise ProtocolError(
                        f"{self.direction.speaker} announced a message of {length} bytes, more than the "
                        f"{self.direction.cap} that are allowed: the connection is garbled"
                    )
                if len(view) - at - head < length:
                    break
                with view[at + head : at + head + length] as body:
                    messages.append(self._decode(body))
                at += head + length
        if at:
            del buffer[:at]
        return messages

    def _decode(self, body: memoryview) -> FromEngine | ToEngine:
        try:
            return self._decoder.decode(body)
        # A hostile body can also nest too deep, or announce more items than memory holds.
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, MemoryError) as error:
            reason = quote(str(error).encode("utf-8", "backslashreplace"))
            raise ProtocolError(
                f"{self.direction.speaker} sent a message that cannot be read ({reason or 'too large'}): "
                "install the same livetop on both ends"
            ) from None


class Reader:
    """Messages from a file descriptor, one at a time, blocking."""

    def __init__(self, fd: int, direction: Direction) -> None:
        self.decoder = Decoder(direction)
        self._fd = fd
        self._ready: list[FromEngine | ToEngine] = []

    def read(self) -> FromEngine | ToEngine | None:
        """The next message, or None at the end of the stream. Raises ProtocolError."""
        while not self._ready:
            try:
                data = os.read(self._fd, READ_SIZE)
            except OSError as error:
                speaker = self.decoder.direction.speaker
                raise ProtocolError(f"the connection to {speaker} broke: {error.strerror}") from None
            if not data:
                self.decoder.finish()
                return None
            self._ready = self.decoder.feed(data)
            self._ready.reverse()
        return self._ready.pop()


def quote(data: bytes, limit: int = 200) -> str:
    """The beginning of foreign bytes as one harmless line: what is not printable is escaped."""
    text = " ".join(data[: limit * 4].decode("utf-8", "backslashreplace").split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
