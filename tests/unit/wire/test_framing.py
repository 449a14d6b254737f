"""The framing: whole conversations, any cut of the stream, banners, and hostile bytes."""

import os
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetop.wire.framing import (
    FROM_ENGINE,
    JUNK_CAP,
    MAGIC,
    PREAMBLE,
    TO_ENGINE,
    Decoder,
    ProtocolError,
    Reader,
    encode,
    quote,
)
from livetop.wire.messages import (
    PROTOCOL,
    Bye,
    Cell,
    Configure,
    Credit,
    Defs,
    Delta,
    Event,
    File,
    Function,
    Hello,
    NeedSource,
    Node,
    Process,
    Sampling,
    Source,
    Stop,
    Thread,
    ThreadUse,
)

PROCESS = Process(1, 4242, ["python", "café.py"], "3.12.1", "release", "host", 1.5e9)
CONVERSATION = [
    Hello("0.1.0", PROTOCOL, ["exact"], 100.0, 1.7e9, [PROCESS]),
    Defs(
        reset=True,
        files=[File(1, "/app/parse.py", "app/parse.py")],
        functions=[Function(1, "tokenize", 1, 112)],
        nodes=[Node(1, 0, 0, 1), Node(2, 1, 1, 118)],
        threads=[Thread(1, 1, 4243, "worker [bold]")],
        libraries=[(1, "libz.so.1")],
    ),
    Delta(
        1,
        100.0,
        101.0,
        [Cell(2, 1, 0, 0, 31, 0.31, 0.0031)],
        [ThreadUse(1, "running", 0.31, 0.0, 0.1, 0.59, 0.5, 100)],
        Sampling(ticks=100, samples=100, rate=100.0),
    ),
    Event(100.5, "born", "worker-2", 2),
    Source(1, "x = 1\n"),
    Source(2, None, "no such file"),
    Bye(0, "the target exited"),
]
STREAM = PREAMBLE + b"".join(encode(message) for message in CONVERSATION)


def test_a_conversation_arrives_whole():
    decoder = Decoder(FROM_ENGINE)
    assert decoder.feed(STREAM) == CONVERSATION
    decoder.finish()


@given(st.lists(st.integers(1, 60), max_size=60), st.binary(max_size=300).filter(lambda b: MAGIC not in b))
def test_any_cut_and_any_banner_gives_the_same_messages(cuts, banner):
    decoder, got, rest = Decoder(FROM_ENGINE), [], banner + STREAM
    for cut in cuts:
        got += decoder.feed(rest[:cut])
        rest = rest[cut:]
    got += decoder.feed(rest)
    assert got == CONVERSATION
    decoder.finish()


def test_messages_to_the_engine_are_another_direction():
    commands = [Configure(pid=7, rate=250.0), Credit(4), NeedSource(3), Stop()]
    stream = PREAMBLE + b"".join(map(encode, commands))
    assert Decoder(TO_ENGINE).feed(stream) == commands
    with pytest.raises(ProtocolError, match="the engine sent a message that cannot be read"):
        Decoder(FROM_ENGINE).feed(stream)


def test_a_peer_of_another_version_is_told_what_to_do():
    decoder = Decoder(FROM_ENGINE)
    with pytest.raises(ProtocolError, match=r"version 9 .* install the same livetop on both ends"):
        decoder.feed(b"Welcome!\r\n" + MAGIC + struct.pack(">H", 9) + b"anything")
    with pytest.raises(ProtocolError, match="version 9"):
        decoder.feed(STREAM)


def test_endless_junk_is_given_up_and_quoted():
    decoder = Decoder(FROM_ENGINE)
    with pytest.raises(ProtocolError) as caught:
        while True:
            decoder.feed(b"\x1b[31mlogin as: \r\n")
    assert r"began with: \x1b[31mlogin as: \x1b[31mlogin" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert len(decoder._junk) < JUNK_CAP + 1000


def test_an_end_without_a_preamble_quotes_what_came():
    decoder = Decoder(FROM_ENGINE)
    decoder.feed(b"bash: livetop: command not found\n")
    with pytest.raises(ProtocolError, match=r"bash: livetop: command not found$"):
        decoder.finish()


def test_an_end_within_a_frame_is_told():
    decoder = Decoder(FROM_ENGINE)
    assert decoder.feed(STREAM[:-1]) == CONVERSATION[:-1]
    with pytest.raises(ProtocolError, match="broke off within a message"):
        decoder.finish()


@pytest.mark.parametrize("direction", [FROM_ENGINE, TO_ENGINE])
def test_an_oversized_frame_is_refused_before_it_is_read(direction):
    decoder = Decoder(direction)
    with pytest.raises(ProtocolError, match="more than the"):
        decoder.feed(PREAMBLE + struct.pack(">I", direction.cap + 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x82\xa4type\xa4defs\xa5files\xdd\xff\xff\xff\xff",
        b"\x82\xa4type\xa5event\xa4text\xa2\xff\xff",
        b"\x82\xa4type\xa5event\xa4xext" + b"\x91" * 100_000,
        b"\x81\xa4type\xa6nobody",
        b"\x80",
    ],
)
def test_hostile_bodies_are_one_line(body):
    with pytest.raises(ProtocolError) as caught:
        Decoder(FROM_ENGINE).feed(PREAMBLE + struct.pack(">I", len(body)) + body)
    assert "\n" not in str(caught.value)


def _survives(data):
    decoder = Decoder(FROM_ENGINE)
    try:
        decoder.feed(data)
        decoder.finish()
    except ProtocolError as error:
        assert "\n" not in str(error)
        assert str(error).isprintable()


@settings(max_examples=300)
@given(st.binary(max_size=2000), st.booleans())
def test_random_bytes_only_ever_fail_politely(data, greeted):
    _survives(PREAMBLE + data if greeted else data)


@given(st.integers(0, len(STREAM)))
def test_every_truncation_fails_politely(cut):
    _survives(STREAM[:cut])


@settings(max_examples=500)
@given(st.lists(st.integers(0, len(STREAM) * 8 - 1), min_size=1, max_size=5))
def test_flipped_bits_fail_politely(bits):
    data = bytearray(STREAM)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    _survives(bytes(data))


def test_the_reader_blocks_until_a_message_is_there_and_tells_the_end():
    out, into = os.pipe()

    def write():
        with os.fdopen(into, "wb") as pipe:
            for byte in range(0, len(STREAM), 7):
                pipe.write(STREAM[byte : byte + 7])
                pipe.flush()

    writer = threading.Thread(target=write)
    writer.start()
    reader, got = Reader(out, FROM_ENGINE), []
    while (message := reader.read()) is not None:
        got.append(message)
    writer.join()
    os.close(out)
    assert got == CONVERSATION


def test_quoting_leaves_nothing_a_terminal_acts_on():
    assert quote(b"\x1b]0;x\x07 a\nb \xe2\x80\xae \xff") == r"\x1b]0;x\x07 a b \u202e \xff"
    assert quote("schlägt fehl".encode()) == "schlägt fehl"
    assert len(quote(b"x" * 1000)) == 200
