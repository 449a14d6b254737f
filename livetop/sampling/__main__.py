"""`python -I -m livetop.sampling`: the engine on standard input and output."""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic

import msgspec

from livetop.target.errors import TargetError
from livetop.wire.framing import ProtocolError
from livetop.wire.messages import Bye, Configure, Dump

from .channel import Channel

# An interface that starts an engine says what it wants at once.
_PATIENCE = 30.0


def main() -> int:
    """Serve one session; the exit code is that of the last message."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    incoming, outgoing = os.dup(0), os.dup(1)
    # Nothing else may write into the protocol.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    channel = Channel(incoming, outgoing)
    channel.flush()
    channel.listen_to_signals([signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    bye = Bye(0, "stopped")
    try:
        configure = _first(channel)
        if configure is not None:
            bye = _serve(channel, _checked(configure))
    except TargetError as error:
        bye = Bye(error.code, str(error))
    except ProtocolError as error:
        print(f"livetop engine: {error}", file=sys.stderr)
        return error.code
    except OSError as error:
        bye = Bye(
            1, f"the engine cannot go on: {error.strerror or error} (more open files or memory may help)"
        )
    except Exception as error:  # noqa: BLE001
        # Whatever it is, the interface is told in one line, and keeps what it has.
        bye = Bye(1, f"the engine failed: {type(error).__name__}: {error}; please report it")
    if not channel.closed:
        channel.send(bye)
        channel.drain(2.0)
    return bye.code


def _checked(configure: Configure) -> Configure:
    """Refuse what no interface of ours asks for."""
    if not (0.01 <= configure.rate <= 1e7 and 0 <= configure.max_pause <= 1 and configure.max_cpu > 0):
        raise TargetError("the interface asks for an impossible rate or budget")
    return configure


def _first(channel: Channel) -> Configure | None:
    """The message that names the target; None when the other end goes away."""
    deadline = monotonic() + _PATIENCE
    while monotonic() < deadline and not (channel.closed or channel.told_to_end):
        messages = channel.wait(deadline - monotonic())
        for index, message in enumerate(messages):
            if isinstance(message, Configure):
                channel.keep(messages[index + 1 :])
                return message
    return None


def _serve(channel: Channel, configure: Configure) -> Bye:
    if configure.action == "dump":
        from livetop.cpython.embedded import embeds_python
        from livetop.target.discover import find_one

        from .dump import dump_process
        from .dump_family import dump_family

        pid = configure.pid or find_one(configure.name, embeds_python)
        native = configure.native == "frames"
        look = dump_family if configure.subprocesses else dump_process
        found = look(pid, exact=not configure.nonblocking, native=native, tasks=configure.by_task)
        channel.send(Dump(msgspec.json.encode(found)))
        return Bye(0, "")
    from .engine import Engine
    from .launch import Launched

    launched = Launched(configure.run, configure.run_output) if configure.run else None
    try:
        return Engine(channel, configure, launched).run()
    except TargetError as error:
        # Too short a life to be attached to: how the program ended says more.
        ended = launched.how_it_ended() if launched is not None else ""
        return Bye(error.code, f"{ended} before livetop could attach to it" if ended else str(error))
    finally:
        if launched is not None:
            launched.end()


if __name__ == "__main__":
    sys.exit(main())
