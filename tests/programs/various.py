"""A little of everything that is read of a program, standing still: for images that are damaged afterwards."""

import asyncio
import json
import threading

import oldest

STILL = threading.Event()
ARRIVED = []


def recursion(depth):
    if depth:
        return recursion(depth - 1)
    ARRIVED.append(1)
    STILL.wait()


def generator(depth):
    if depth:
        yield from generator(depth - 1)
    else:
        yield recursion(3)


class Called:
    def __call__(self):
        return sorted([3, 1], key=lambda value: list(generator(value)))


async def sleeper(depth):
    if depth:
        await sleeper(depth - 1)
    else:
        await asyncio.sleep(3600)


async def waiter(task):
    await task


async def several():
    tasks = [asyncio.ensure_future(sleeper(depth)) for depth in range(4)]
    tasks += [asyncio.ensure_future(waiter(task)) for task in tasks]
    asyncio.get_event_loop().call_soon(lambda: asyncio.get_event_loop().call_soon(ARRIVED.append, 1))
    await asyncio.gather(*tasks)


def loop():
    oldest.run(several())


for number, target in enumerate([Called(), loop, lambda: recursion(40)]):
    threading.Thread(
        target=target, name="thread \N{GREEK SMALL LETTER ALPHA} %d" % number, daemon=True
    ).start()
while len(ARRIVED) < 3:
    STILL.wait(0.01)
print(json.dumps("ready"), flush=True)
recursion(5)
