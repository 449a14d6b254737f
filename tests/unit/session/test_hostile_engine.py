"""Whatever an engine sends, a session takes it or ends with one line; it never raises."""

import math
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetop.profile.rows import Query
from livetop.session.link import EngineLink
from livetop.session.live import Live
from livetop.wire.framing import FROM_ENGINE, PREAMBLE, Decoder, ProtocolError, encode
from livetop.wire.messages import (
    PROTOCOL,
    Bye,
    Cell,
    Configure,
    Defs,
    Delta,
    Dump,
    Event,
    File,
    Function,
    Hello,
    Node,
    Process,
    Sampling,
    Source,
    Thread,
    ThreadUse,
)

HELLO = Hello(
    "0.1.0", PROTOCOL, [], 100.0, 1.7e9, [Process(1, 42, ["python"], "3.12.1", "release", "h", 1.7e9)]
)
DEFS = Defs(
    files=[File(1, "/app/a.py", "a.py")],
    functions=[Function(1, "f", 1, 1)],
    nodes=[Node(1, 0, 0, 1), Node(2, 1, 1, 3)],
    threads=[Thread(1, 1, 42, "MainThread")],
    libraries=[(1, "libz.so")],
)
GOOD = Delta(
    1,
    100.0,
    101.0,
    [Cell(2, 1, 0, 1, 5, 0.5, 0.1)],
    [ThreadUse(1, "running", 0.5, 0.1, 0.1, 0.3, 0.1, 9)],
    Sampling(),
)
STREAM = b"".join(
    map(encode, [HELLO, DEFS, GOOD, Event(100.0, "note", "x"), Source(1, "x\n"), GOOD, Bye(0, "")])
)


@pytest.fixture(scope="module")
def link():
    """A real child that never says anything."""
    link = EngineLink.start(command=[sys.executable, "-c", "import sys; sys.stdin.read()"])
    yield link
    link.close()


def take(link, messages):
    session = Live(link, Configure(pid=1))
    for message in messages:
        session.apply(message)
        if not session.live:
            break
    for by in ("line", "function", "library", "thread"):
        for mode in ("cpu", "wall", "gil"):
            session.profile.rows(Query(by=by, mode=mode, window=None, idle=True))
    if session.ended:
        assert "\n" not in session.ended
    return session


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bits=st.lists(st.integers(0, len(STREAM) * 8 - 1), min_size=1, max_size=4))
def test_flipped_bits_never_raise(link, bits):
    data = bytearray(STREAM)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    decoder, messages = Decoder(FROM_ENGINE), []
    decoder.feed(PREAMBLE)
    try:
        for byte in data:
            messages += decoder.feed(bytes([byte]))
    except ProtocolError:
        messages.append(None)
    take(link, messages)


BIG = 2**62


@pytest.mark.parametrize(
    "message",
    [
        Delta(1, math.nan, 101.0, [], [], Sampling()),
        Delta(1, 100.0, math.inf, [], [], Sampling()),
        Delta(1, 101.0, 100.0, [], [], Sampling()),
        Delta(1, 100.0, 101.0, [Cell(9, 1, 0, 0, 1, 0.1, 0.1)], [], Sampling()),
        Delta(1, 100.0, 101.0, [Cell(2, 9, 0, 0, 1, 0.1, 0.1)], [], Sampling()),
        Delta(1, 100.0, 101.0, [Cell(2, 1, 77, 0, 1, 0.1, 0.1)], [], Sampling()),
        Delta(1, 100.0, 101.0, [Cell(2, 1, 0, 0, 1, math.nan, 0.1)], [], Sampling()),
        Delta(1, 100.0, 101.0, [Cell(2, 1, 0, 0, 1, math.inf, 0.1)], [], Sampling()),
        Delta(1, 100.0, 101.0, [Cell(2, 1, 0, 0, -BIG, -5.0, 0.1)], [], Sampling()),
        Delta(1, 100.0, 101.0, [], [ThreadUse(9, "running", 0, 0, 0, 0, 0, 0)], Sampling()),
        Delta(1, 100.0, 101.0, [], [ThreadUse(1, "running", math.nan, 0, 0, 0, 0, 0)], Sampling()),
        Delta(1, 100.0, 101.0, [], [], Sampling(cpu=math.nan)),
        Delta(1, 100.0, 1e300, [Cell(2, 1, 0, 0, BIG, 1e300, 1e308)], [], Sampling(ticks=BIG)),
        Defs(nodes=[Node(3, 99, 1, 1)]),
        Defs(nodes=[Node(3, 1, 99, 1)]),
        Defs(nodes=[Node(3, 0, 0, 99)]),
        Defs(nodes=[Node(1, 2, 1, -BIG)]),
        Defs(functions=[Function(2, "f", 99, 1)]),
        Defs(threads=[Thread(2, 99, 1, "")]),
        Defs(files=[File(5, "\x1b[31m" * 1000, "\n")]),
        Dump(b""),
    ],
)
def test_nonsense_ends_the_session_or_is_harmless(link, message):
    session = take(link, [HELLO, DEFS, GOOD, message, GOOD])
    table = session.profile.rows(Query(window=None))
    assert all(math.isfinite(row.own_share) and row.own_share >= 0 for row in table.rows)
