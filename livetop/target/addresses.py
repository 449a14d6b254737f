"""Network addresses as the kernel writes them, as people do: 10.0.0.5:5432, [::1]:80, /run/x.sock."""

from __future__ import annotations

import socket
import struct

from .text import escape

_MAPPED = bytes(10) + b"\xff\xff"

# struct sockaddr_un
_UNIX_LIMIT = 108


def host(packed: bytes) -> str:
    """An address of 4 or 16 bytes in network order; IPv6 in brackets, v4-mapped ones as v4.

    Raises ValueError.
    """
    if len(packed) == 16 and packed.startswith(_MAPPED):
        packed = packed[12:]
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    if len(packed) == 16:
        return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]"
    raise ValueError("an address of 4 or 16 bytes is expected")


def from_proc(text: bytes) -> tuple[bytes, int]:
    """(address in network order, port) from the `0100007F:1F90` of /proc/net/tcp and its like.

    Each 32-bit word of the address is written as a number of this machine (net/ipv4/tcp_ipv4.c). Raises
    ValueError.
    """
    address, _, port = text.partition(b":")
    if len(address) not in (8, 32) or len(port) != 4:
        raise ValueError("no address of /proc/net")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    return struct.pack(f"={len(words)}I", *words), int(port, 16)


def from_sockaddr(data: bytes) -> str | None:
    """What a struct sockaddr says; None for a family that is not known, and for none that is whole."""
    if len(data) < 3:
        return None
    (family,) = struct.unpack_from("=H", data)
    if family == socket.AF_INET and len(data) >= 8:
        return f"{host(data[4:8])}:{int.from_bytes(data[2:4], 'big')}"
    if family == socket.AF_INET6 and len(data) >= 24:
        return f"{host(data[8:24])}:{int.from_bytes(data[2:4], 'big')}"
    if family == socket.AF_UNIX:
        return unix_name(data[2 : 2 + _UNIX_LIMIT])
    return None


def unix_name(path: bytes) -> str:
    """What a unix socket is called, escaped; abstract names begin with @."""
    if path[:1] == b"\0":
        path = b"@" + path[1:].rstrip(b"\0")
    name = path.split(b"\0", 1)[0]
    return f"unix socket {escape(name)}" if name else "unix socket"
