"""ELF files with sections, made by hand: symbol tables as a test wants them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SYMTAB, STRTAB = 2, 3
FUNC, OBJECT = 2, 1
LOCAL, GLOBAL, WEAK = 0, 1, 2


@dataclass
class Symbol:
    name: bytes
    address: int
    size: int = 16
    binding: int = GLOBAL
    kind: int = FUNC
    section: int = 1


@dataclass
class File:
    """`content` gives the bytes: a note with the build id, .symtab when there are symbols, more sections."""

    symbols: list[Symbol] = field(default_factory=list)
    identity: bytes = b""
    more: dict[str, bytes] = field(default_factory=dict)

    def content(self) -> bytes:
        strings, table = b"\0", bytes(24)
        for symbol in self.symbols:
            info = symbol.binding << 4 | symbol.kind
            table += struct.pack(
                "<IBBHQQ", len(strings), info, 0, symbol.section, symbol.address, symbol.size
            )
            strings += symbol.name + b"\0"
        parts: list[tuple[str, int, int, bytes]] = [("", 0, 0, b"")]
        if self.symbols:
            parts += [(".symtab", SYMTAB, 2, table), (".strtab", STRTAB, 0, strings)]
        parts += [(name, 1, 0, content) for name, content in self.more.items()]
        names = b"".join(name.encode() + b"\0" for name, *_ in parts) + b".shstrtab\0"
        parts.append((".shstrtab", STRTAB, 0, names))
        note = struct.pack("<III", 4, len(self.identity), 3) + b"GNU\0" + self.identity
        headers = 64 + 56
        body, rows = note + b"\0" * (-len(note) % 8), b""
        for name, kind, link, content in parts:
            at = headers + len(body)
            body += content + b"\0" * (-len(content) % 8)
            name_at = names.index(name.encode() + b"\0")
            rows += struct.pack("<IIQQQQIIQQ", name_at, kind, 0, 0, at, len(content), link, 0, 8, 24)
        header = struct.pack(
            "<16sHHIQQQIHHHHHH",
            *(b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, headers + len(body), 0),
            *(64, 56, 1, 64, len(parts), len(parts) - 1),
        )
        segment = struct.pack("<IIQQQQQQ", 4, 4, headers, headers, headers, len(note), len(note), 4)
        return header + segment + body + rows
