"""An engine that reads real frames and answers by a script: argv[1] names what it does."""

import os
import signal
import sys
import time

from livetop.wire.framing import MAGIC, PREAMBLE, TO_ENGINE, Reader, encode
from livetop.wire.messages import (
    PROTOCOL,
    Bye,
    Cell,
    Configure,
    Credit,
    Defs,
    Delta,
    Dump,
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

ME = Process(1, 4242, ["python", "worker.py"], "3.12.1", "release", "here", 1.7e9)
DEFS = Defs(
    reset=True,
    processes=[ME],
    files=[File(7, "/app/parse.py", "app/parse.py")],
    functions=[Function(9, "tokenize", 7, 112)],
    nodes=[Node(11, 0, 0, 1), Node(12, 11, 9, 118)],
    threads=[Thread(5, 1, 4243, "worker-1")],
    libraries=[(1, "libz.so.1")],
)


def say(*messages):
    sys.stdout.buffer.write(b"".join(map(encode, messages)))
    sys.stdout.buffer.flush()


def delta(sequence, node=12):
    t0 = 100.0 + sequence
    return Delta(
        sequence,
        t0,
        t0 + 1.0,
        [Cell(node, 5, 0, 0, 60, 0.6, 0.01), Cell(node, 5, 3, 0, 40, 0.4, 0.01)],
        [ThreadUse(5, "running", 0.6, 0.0, 0.0, 0.4, 0.0, 100)],
        Sampling(ticks=100, samples=100, exact=10, rate=100.0, cpu=0.01, rss=1 << 20),
    )


def sample(reader, first=True):
    """Deltas while there is credit; sources; until told to stop."""
    say(Hello("0.1.0", PROTOCOL, ["exact"], 100.0, 1.7e9, [ME]), DEFS, Event(100.0, "born", "worker-1", 5))
    sequence = 0
    while (message := reader.read()) is not None:
        if isinstance(message, Credit):
            for _ in range(message.deltas):
                sequence += 1
                time.sleep(0.02)
                say(delta(sequence))
        elif isinstance(message, NeedSource):
            say(Source(7, "a = 1\n\x1b[31mb\n") if message.file == 7 else Source(message.file, None, "gone"))
        elif isinstance(message, Stop):
            sequence += 1
            say(delta(sequence), Bye(0, "stopped"))
            return


def main(what):
    out = sys.stdout.buffer
    if what == "banner":
        out.write(b"Last login: yesterday\r\n\x1b[1mhello\x1b[0m\r\n")
    if what == "not-livetop":
        sys.stderr.write("sh: livetop: not found\n")
        sys.exit(127)
    if what == "old":
        out.write(MAGIC + (PROTOCOL + 1).to_bytes(2, "big"))
        out.flush()
        time.sleep(60)
    out.write(PREAMBLE)
    out.flush()
    reader = Reader(0, TO_ENGINE)
    configure = reader.read()
    assert isinstance(configure, Configure), configure
    if what == "native":
        frames = Defs(
            files=[File(8, "/usr/lib/libz.so.1", "libz")],
            functions=[Function(10, "deflate", 8, 0, "native")],
            nodes=[Node(13, 12, 10, 0)],
        )
        say(Hello("0.1.0", PROTOCOL, [], 100.0, 1.7e9, [ME]), DEFS, frames, delta(1, node=13))
        asked = {message.file for _ in range(3) if isinstance(message := reader.read(), NeedSource)}
        say(Bye(0, f"asked for {asked}"))
    elif what == "refuse":
        say(Bye(3, f"there is no process {configure.pid}"))
    elif what == "dump":
        say(Dump(b'{"pid": 4242, "python": "3.12.1", "threads": []}'))
        reader.read()
    elif what == "killed":
        say(Hello("0.1.0", PROTOCOL, [], 100.0, 1.7e9, [ME]), DEFS, delta(1))
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "undefined":
        say(Hello("0.1.0", PROTOCOL, [], 100.0, 1.7e9, [ME]), DEFS, delta(1), delta(2, node=99))
        time.sleep(60)
    elif what == "reset":
        again = Defs(
            reset=True,
            files=[File(70, "/app/parse.py", "app/parse.py")],
            functions=[Function(90, "tokenize", 70, 112)],
            nodes=[Node(110, 0, 0, 1), Node(120, 110, 90, 118)],
        )
        say(Hello("0.1.0", PROTOCOL, [], 100.0, 1.7e9, [ME]), DEFS, delta(1), again, delta(2, node=120))
        say(Bye(0, "done"))
    elif what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(Hello("0.1.0", PROTOCOL, [], 100.0, 1.7e9, [ME]))
        while True:
            time.sleep(60)
    else:
        sample(reader)


main(sys.argv[1])
