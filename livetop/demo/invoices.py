"""Invoices and the archive: short Python around native code (json, re, hashlib, zlib) and files."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import Path

ARTICLE = re.compile(r'"(A\d{4})", (\d+), (\d+\.\d+)')


def render(invoices: list[dict[str, object]]) -> str:
    """A batch of invoices as the archive stores it."""
    return json.dumps(invoices, sort_keys=True)


def popular_articles(batch: str) -> dict[str, int]:
    """How many of each article a batch sold."""
    sold: dict[str, int] = {}
    for article, quantity, _ in ARTICLE.findall(batch):
        sold[article] = sold.get(article, 0) + int(quantity)
    return sold


def verify(batch: str) -> int:
    """Parses a batch again, as the auditors want it."""
    return len(json.loads(batch))


def archive(batch: str, path: Path) -> str:
    """Compresses a batch into a file and seals it; zlib and hashlib drop the GIL meanwhile."""
    packed = zlib.compress(batch.encode() * 8, 9)
    path.write_bytes(packed)
    return hashlib.pbkdf2_hmac("sha256", packed, b"archive", 30_000).hex()


def checksum_archive(folder: Path) -> str:
    """Reads every archived batch: mostly the kernel copying from its page cache."""
    digest = zlib.crc32(b"")
    for path in sorted(folder.iterdir()):
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(1 << 20):
                digest = zlib.crc32(block[:4096], digest)
    return f"{digest:08x}"
