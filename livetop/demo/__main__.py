"""Starts the service: `python -m livetop.demo`. It works until it is ended, or its parent is."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import itertools
import os
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from livetop.demo import gateway, invoices, pricing

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
BATCH = 40
ARCHIVED = 24
"""Batches that stay in the archive."""

numbers = itertools.count(1)
batches: queue.Queue[str] = queue.Queue(4)
closing = threading.Event()


def price_orders() -> None:
    """Prices orders in batches; two of these threads fight for the GIL."""
    while not closing.is_set():
        priced = [pricing.price(pricing.random_order(next(numbers))) for _ in range(BATCH)]
        batch = invoices.render(priced)
        invoices.verify(batch)
        invoices.popular_articles(batch)
        try:
            batches.put_nowait(batch)
        except queue.Full:
            continue


def archive_invoices(folder: Path) -> None:
    """Compresses what was priced, mostly in native code without the GIL."""
    for number in itertools.takewhile(lambda _: not closing.is_set(), itertools.count()):
        invoices.archive(batches.get(), folder / f"batch-{number % ARCHIVED:02d}.z")


def audit_archive(folder: Path) -> None:
    """Reads the archive over and over, with a rest in between: system time."""
    ledger = folder / "ledger.dat"
    ledger.write_bytes(os.urandom(1 << 20) * 16)
    while not closing.is_set():
        invoices.checksum_archive(folder)
        time.sleep(0.02)


def housekeeping() -> None:
    """Sleeps nearly always."""
    while not closing.is_set():
        time.sleep(30)


def prctl(option: int, value: int | bytes) -> None:
    """Sets something of this process or thread (man 2 prctl)."""
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def named(name: str, work: Callable[[], None]) -> None:
    """Runs a thread's work under a name that the system sees too; Python tells it only from 3.14 on."""
    prctl(PR_SET_NAME, name.encode())
    work()


def die_with_parent() -> None:
    """Has the kernel end this process when the one that started it ends, however that happens."""
    parent = os.getppid()
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit


async def serve_until_closing() -> None:
    """The gateway, in the main thread."""
    serving = asyncio.ensure_future(gateway.serve())
    while not closing.is_set():
        await asyncio.sleep(0.1)
    serving.cancel()


def main() -> None:
    """Runs every part in a thread of its own, the gateway in the main one."""
    # However often it is told to: its end has more than one herald.
    signal.signal(signal.SIGTERM, lambda number, frame: closing.set())
    die_with_parent()
    with tempfile.TemporaryDirectory(prefix="livetop-demo-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        work: dict[str, Callable[[], None]] = {
            "pricing-1": price_orders,
            "pricing-2": price_orders,
            "archiver": functools.partial(archive_invoices, folder),
            "auditor": functools.partial(audit_archive, folder),
            "housekeeping": housekeeping,
        }
        threads = [
            threading.Thread(target=named, args=item, name=item[0], daemon=True) for item in work.items()
        ]
        try:
            for thread in threads:
                thread.start()
            asyncio.run(serve_until_closing())
        finally:
            closing.set()
            for thread in threads[:-1]:
                thread.join(0.5)


if __name__ == "__main__":
    main()
