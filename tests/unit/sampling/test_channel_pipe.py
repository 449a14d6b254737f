"""The engine's end of a pipe that may be slow, stuck or gone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from livetop.sampling.channel import FULL, Channel
from livetop.wire.framing import FROM_ENGINE, PREAMBLE, Decoder, ProtocolError, encode
from livetop.wire.messages import Configure, Credit, Event, Stop


class _Pipes:
    """A channel, and both pipes' other ends."""

    def __init__(self) -> None:
        incoming, self.write_to = os.pipe()
        self.read_from, outgoing = os.pipe()
        self.open = {incoming, outgoing, self.write_to, self.read_from}
        self.channel = Channel(incoming, outgoing)
        os.set_blocking(self.read_from, False)

    def take(self) -> bytes:
        data = b""
        while True:
            try:
                piece = os.read(self.read_from, 1 << 16)
            except BlockingIOError:
                return data
            if not piece:
                return data
            data += piece

    def close(self, fd: int) -> None:
        os.close(fd)
        self.open.discard(fd)


@pytest.fixture
def pipes() -> Iterator[_Pipes]:
    made = _Pipes()
    yield made
    for fd in made.open:
        os.close(fd)


def _event(number: int, size: int = 10) -> Event:
    return Event(float(number), "note", "x" * size)


def test_the_preamble_comes_first(pipes: _Pipes) -> None:
    pipes.channel.flush()
    assert pipes.take() == PREAMBLE


def test_messages_keep_their_order_through_a_reader_that_stalls(pipes: _Pipes) -> None:
    channel, decoder = pipes.channel, Decoder(FROM_ENGINE)
    # A pipe holds 64 KiB: most of this waits, and sending returns all the same.
    for number in range(200):
        channel.send(_event(number, 4000))
    assert not channel.full
    assert not channel.closed
    received = []
    for _ in range(1000):
        received += decoder.feed(pipes.take())
        channel.wait(0.0)
        if len(received) == 200:
            break
    assert [message.time for message in received if isinstance(message, Event)] == [
        float(n) for n in range(200)
    ]


def test_a_reader_that_never_reads_fills_it(pipes: _Pipes) -> None:
    channel = pipes.channel
    for number in range(30):
        channel.send(_event(number, 50_000))
    assert channel.full
    assert len(channel._queue) > FULL
    while channel._queue:
        pipes.take()
        channel.flush()
    assert not channel.full


def test_what_comes_in_is_decoded_in_pieces(pipes: _Pipes) -> None:
    sent = [Configure(pid=5), Credit(3), Stop()]
    data = PREAMBLE + b"".join(encode(message) for message in sent)
    received = []
    for at in range(0, len(data), 7):
        os.write(pipes.write_to, data[at : at + 7])
        received += pipes.channel.wait(0.0)
    assert received == sent
    assert pipes.channel.wait(0.0) == []


def test_what_is_kept_comes_first(pipes: _Pipes) -> None:
    os.write(pipes.write_to, PREAMBLE + encode(Credit(2)))
    pipes.channel.keep([Credit(1)])
    assert pipes.channel.wait(0.0) == [Credit(1)]
    assert pipes.channel.wait(0.0) == [Credit(2)]


def test_the_end_of_the_stream_closes_it(pipes: _Pipes) -> None:
    os.write(pipes.write_to, PREAMBLE + encode(Credit(2)))
    pipes.close(pipes.write_to)
    assert pipes.channel.wait(0.0) == [Credit(2)]
    assert not pipes.channel.closed
    assert pipes.channel.wait(0.0) == []
    assert pipes.channel.closed


def test_a_reader_that_is_gone_closes_it(pipes: _Pipes) -> None:
    pipes.close(pipes.read_from)
    pipes.channel.send(_event(1))
    assert pipes.channel.closed
    # Sending on and draining do no harm.
    pipes.channel.send(_event(2))
    pipes.channel.drain(0.0)


def test_draining_ends_when_nobody_reads(pipes: _Pipes) -> None:
    pipes.channel.send(_event(1, 500_000))
    pipes.channel.drain(0.01)
    assert pipes.channel._queue
    assert not pipes.channel.closed


def test_garbage_is_a_protocol_error(pipes: _Pipes) -> None:
    os.write(pipes.write_to, PREAMBLE + b"\x00\x00\x00\x05hello")
    with pytest.raises(ProtocolError):
        pipes.channel.wait(0.0)


def test_messages_of_the_other_direction_are_refused(pipes: _Pipes) -> None:
    os.write(pipes.write_to, PREAMBLE + encode(_event(1)))
    with pytest.raises(ProtocolError):
        pipes.channel.wait(0.0)
