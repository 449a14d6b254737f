"""A tiny ELF shared object made by hand, so that a test can damage exactly what it means to."""

from __future__ import annotations

import struct


def sysv_hash(name: bytes) -> int:
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
    return value


def gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = value * 33 + byte & 0xFFFFFFFF
    return value


def build(symbols: dict[bytes, int], *, hash_style: str = "gnu", chain_loops: bool = False) -> bytes:
    """Return an object with one PT_LOAD (file offset = address), PT_DYNAMIC, and no section headers.

    `chain_loops`: the hash chain never ends.
    """
    names = list(symbols)
    strings = b"\0" + b"".join(name + b"\0" for name in names)
    table = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    at = 1
    for name in names:
        table += struct.pack("<IBBHQQ", at, 0x11, 0, 1, symbols[name], 8)
        at += len(name) + 1
    if hash_style == "gnu":
        # One bucket, a bloom filter that lets everything through.
        hashes = [gnu_hash(name) & ~1 for name in names]
        if hashes and not chain_loops:
            hashes[-1] |= 1
        body = struct.pack("<4IQI", 1, 1, 1, 0, 2**64 - 1, 1 if names else 0)
        body += struct.pack(f"<{len(hashes)}I", *hashes)
        tag = 0x6FFFFEF5
    else:
        count = len(names) + 1
        chain = [0, *range(2, count), 1 if chain_loops else 0] if names else [0]
        body = struct.pack("<III", 1, count, 1 if names else 0) + struct.pack(f"<{len(chain)}I", *chain)
        tag = 4
    header_size = 64 + 2 * 56
    parts, places, offset = [], [], header_size
    for part in (body, table, strings):
        part += b"\0" * (-len(part) % 8)
        places.append(offset)
        parts.append(part)
        offset += len(part)
    entries = [(tag, places[0]), (6, places[1]), (5, places[2]), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    size = offset + len(dynamic)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096)
    dynamic_header = struct.pack("<IIQQQQQQ", 2, 6, offset, offset, offset, len(dynamic), len(dynamic), 8)
    return header + load + dynamic_header + b"".join(parts) + dynamic
