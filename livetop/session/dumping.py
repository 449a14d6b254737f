"""One stack of every thread, from an engine that is reached through something."""

from __future__ import annotations

from typing import Any

import msgspec

from livetop.session.link import EngineLink
from livetop.session.protocol import LinkError
from livetop.wire.framing import ProtocolError, quote
from livetop.wire.messages import Bye, Configure, Dump


def dump_through(configure: Configure, via: str | None) -> dict[str, Any]:
    """The object of `dump --json`. Raises LinkError, with the engine's exit code."""
    link = EngineLink.start(via)
    try:
        link.send(configure)
        while (message := link.receive()) is not None:
            if isinstance(message, Dump):
                return _decoded(message.data)
            if isinstance(message, Bye):
                raise LinkError(message.text, message.code or 1)
        raise LinkError(link.post_mortem())
    finally:
        link.close()


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        reason = quote(str(error).encode())
        raise ProtocolError(f"the engine sent a dump that cannot be read ({reason})") from None
    return found
