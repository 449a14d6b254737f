"""Where the C structs of asyncio keep fields whose values are known, as offsets into live objects; as JSON."""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys


def words_of(thing, size):
    address = id(thing)
    return [ctypes.c_uint64.from_address(address + at).value for at in range(0, size, 8)]


def places(thing, size, wanted):
    """{name: offset} of the words that are the addresses of these objects."""
    # The last one: a build that traces references has the addresses of other objects in each object's head.
    last = {word: 8 * number for number, word in enumerate(words_of(thing, size))}
    return {name: last[id(value)] for name, value in wanted.items() if id(value) in last}


def state_of(loop, change):
    """The offsets of bytes that a change of state has changed, but for those of the result."""
    future = loop.create_future()
    size = type(future).__basicsize__
    before = ctypes.string_at(id(future), size)
    change(future)
    after = ctypes.string_at(id(future), size)
    return {(at, after[at]) for at in range(size) if before[at] != after[at]}


async def main():
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    async def waits():
        await future

    coroutine = waits()
    task = loop.create_task(coroutine)
    name = "a name " + "of its own"
    task.set_name(name)
    await asyncio.sleep(0)
    size = type(task).__basicsize__
    found = places(task, size, {"loop": loop, "coro": coroutine, "name": task.get_name(), "waiter": future})
    cancelled, finished = state_of(loop, lambda f: f.cancel()), state_of(loop, lambda f: f.set_result(None))
    # Cancelled is 1, finished 2, at the same place.
    (found["future_state"],) = [at for at, value in cancelled if value == 1 and (at, 2) in finished]
    found["size"] = size
    future.set_result(None)
    await task
    print(json.dumps(found), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    asyncio.run(main())
