"""Tasks that compute, each with a share of the CPU that is known: work is handed out by counting, not by time.

Says it is ready, then goes on until it is killed. `one` does three times the work of `two`; `child`, which `parent`
awaits, as much as `two`; and tasks without a name, of which a new one comes for each piece of work, as much, too.
"""

from __future__ import annotations

import asyncio


def spin(pieces):
    total = 0
    for number in range(pieces * 20_000):
        total += number * number
    return total


async def works(pieces):
    while True:
        spin(pieces)
        await asyncio.sleep(0)


async def awaits(pieces):
    child = asyncio.get_running_loop().create_task(works(pieces))
    child.set_name("child")
    await child


async def request(pieces):
    await asyncio.sleep(0)
    spin(pieces)


async def serves(pieces):
    while True:
        await asyncio.get_running_loop().create_task(request(pieces))


async def main():
    loop = asyncio.get_running_loop()
    for name, coroutine in (
        ("one", works(3)),
        ("two", works(1)),
        ("parent", awaits(1)),
        ("server", serves(1)),
    ):
        loop.create_task(coroutine).set_name(name)
    asyncio.current_task().set_name("the main task")
    print("{}", flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main())
