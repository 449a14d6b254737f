"""The gateway: an asyncio loop whose tasks mostly wait for each other."""

from __future__ import annotations

import asyncio
import hmac
import random


async def authenticate(customer: int) -> str:
    """Asks an imaginary account service, then signs."""
    await asyncio.sleep(random.uniform(0.005, 0.02))
    return hmac.new(b"gateway", str(customer).encode() * 200, "sha256").hexdigest()


async def accept(requests: asyncio.Queue[int]) -> None:
    """Lets customers come in."""
    while True:
        await requests.put(random.randrange(100_000))
        await asyncio.sleep(0.004)


async def answer(requests: asyncio.Queue[int], tokens: dict[int, str]) -> None:
    """Serves one customer after the other."""
    while True:
        customer = await requests.get()
        tokens[customer % 500] = await authenticate(customer)


async def serve() -> None:
    """Runs until the process ends."""
    requests: asyncio.Queue[int] = asyncio.Queue(64)
    tokens: dict[int, str] = {}
    await asyncio.gather(accept(requests), *(answer(requests, tokens) for _ in range(8)))
