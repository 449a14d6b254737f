"""Tasks of asyncio whose names, chains and waits are known. Runs on 3.8 and everything since.

Says, once all of them wait: what `asyncio.all_tasks` and the coroutines themselves say. Two loops, in two
threads. With the argument `python` all but the main tasks are of the class in Python.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import types

FACTS: dict = {"tasks": {}, "threads": {}}
NEW = {}


async def park(future):
    await future


async def nested(future):
    await park(future)  # nested waits here


async def generate(future):
    yield 1
    await nested(future)
    yield 2


async def iterate(future):
    async for _ in generate(future):
        pass


@types.coroutine
def old_style(future):
    yield from park(future).__await__()


async def through_generator(future):
    await old_style(future)


class Awaitable:
    def __init__(self, future):
        self.future = future

    def __await__(self):
        return park(self.future).__await__()


async def through_object(future):
    await Awaitable(future)


async def sleeper():
    await asyncio.sleep(3600.5)


async def waits_for(task):
    await task


async def gathers(*tasks):
    await asyncio.gather(*tasks)


async def waits_many(*tasks):
    await asyncio.wait(tasks)


async def with_timeout(future):
    await asyncio.wait_for(park(future), 3600)


async def locked(lock):
    async with lock:
        pass


async def gets(queue):
    await queue.get()


async def groups(future):
    async with asyncio.TaskGroup() as group:
        named(group.create_task(park(future)), "in group 1")
        named(group.create_task(sleeper()), "in group 2")


def named(task, name):
    task.set_name(name)
    NEW[name] = task
    return task


def chain_of(coro):
    """[function, line] of what a coroutine awaits, outermost first, as far as Python itself tells it."""
    found = []
    while coro is not None:
        for kind in ("cr", "gi", "ag"):
            if hasattr(coro, kind + "_frame"):
                frame = getattr(coro, kind + "_frame")
                if frame is None:
                    return found
                found.append([frame.f_code.co_name, frame.f_lineno])
                coro = getattr(coro, kind + ("_yieldfrom" if kind == "gi" else "_await"))
                break
        else:
            # What stands for another object without telling which.
            return found
    return found


def without_c(loop):
    """Has a loop make its tasks and futures of the classes in Python."""
    loop.set_task_factory(lambda loop, coro, **named: asyncio.tasks._PyTask(coro, loop=loop, **named))
    loop.create_future = lambda: asyncio.futures._PyFuture(loop=loop)


async def main(label, ready):
    loop = asyncio.get_running_loop()
    if "python" in sys.argv:
        without_c(loop)
    asyncio.current_task().set_name(label + "main")
    future = loop.create_future()
    lock, queue = asyncio.Lock(), asyncio.Queue()
    await lock.acquire()

    def start(name, coro):
        return named(loop.create_task(coro), label + name)

    parked = start("nested", nested(future))
    asleep = start("sleeper", sleeper())
    start("waits for", waits_for(parked))
    start("gathers", gathers(parked, asleep))
    start("waits many", waits_many(parked, asleep))
    start("timeout", with_timeout(future))
    start("iterate", iterate(future))
    start("generator", through_generator(future))
    start("object", through_object(future))
    start("lock", locked(lock))
    start("queue", gets(queue))
    start("ünï " + "x" * 50, sleeper())
    unnamed = loop.create_task(sleeper())
    if sys.version_info >= (3, 11):
        start("group", groups(future))
    if sys.version_info >= (3, 12) and "python" not in sys.argv:
        named(asyncio.Task(nested(future), loop=loop, eager_start=True), label + "eager")
    for _ in range(5):
        await asyncio.sleep(0.01)
    # A name that is an int is one until somebody asks for it.
    others = asyncio.all_tasks() - {unnamed, asyncio.current_task()}
    FACTS["tasks"].update({task.get_name(): chain_of(task.get_coro()) for task in others})
    FACTS["threads"][label] = {
        "ident": threading.get_ident(),
        "tid": threading.get_native_id(),
        "tasks": len(asyncio.all_tasks()),
    }
    # Once this one waits, too.
    loop.call_soon(ready)
    await future


def other_loop(done):
    asyncio.run(main("other ", done.set))


if __name__ == "__main__":
    done = threading.Event()
    threading.Thread(target=other_loop, args=(done,), daemon=True, name="other loop").start()
    done.wait()
    asyncio.run(main("", lambda: print(json.dumps(FACTS), flush=True)))
