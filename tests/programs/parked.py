"""Threads parked in every kind of Python frame, and the program's own account of where they are.

Says {"threads": {native id: [[file, function, line], ...]}, innermost first} once all of them stand still.
"""

# Every shape of code stays as it is written: what lies on one line, and what does not, is the point.
# fmt: off

import asyncio
import contextlib
import functools
import json
import os
import re
import select
import sys
import threading
import time
import traceback
import _thread

import oldest

GATE = threading.Lock()
GATE.acquire()
ARRIVED = []
# ident -> native id
THREADS = {}


def park(*_):
    # On one line, so that where it stands is the same before and after.
    ARRIVED.append(1); GATE.acquire()


def generator_chain(depth):
    if depth:
        yield 0
        yield from generator_chain(depth - 1)
    else:
        yield park()


def generators():
    for value in generator_chain(9):
        value


def generator_expressions():
    sum(
        inner
        for inner in (
            park() or number
            for number in range(3)
        )
    )


def comprehensions():
    return [
        {key: [park() for _ in range(2)] for key in "ab"}
        for _ in range(2)
    ]


def lambdas():
    (lambda first, second=1: (
        lambda: park(first, second)
    )())(1)


async def nested(depth):
    if depth:
        await nested(depth - 1)
    else:
        async with Manager():
            async for _ in asynchronous_generator():
                pass


class Manager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass


async def asynchronous_generator():
    yield 1
    yield park()


def coroutines():
    oldest.run(nested(7))


async def gathered():
    await asyncio.gather(*(nested(number) for number in range(1, 3)))


def tasks():
    oldest.run(gathered())


def idle_loop():
    async def forever():
        await asyncio.get_event_loop().create_future()

    oldest.run(forever())


def class_bodies():
    class Outer:
        a = 1

        class Inner:
            b = (
                park()
            )


def decorated():
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)
        park()
        return wrapper

    @decorator
    @functools.lru_cache()
    def inner(
        value=1,
    ):
        return value


def called_through_decorators():
    @functools.lru_cache()
    @contextlib.contextmanager
    def inner(value):
        yield park(value)

    with inner(1):
        pass


class Context:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        park()
        return True


def exceptions():
    try:
        raise KeyError("first")
    except KeyError:
        try:
            [][1]
        except IndexError as error:
            with Context():
                raise ValueError("in with") from error


def finallies():
    try:
        for _ in range(3):
            try:
                return 1
            finally:
                park()
    finally:
        pass


class Held:
    def __del__(self):
        park()


def destructors():
    held = Held()
    del held


class Descriptor:
    def __get__(self, instance, owner):
        return park()

    def __getattr__(self, name):
        return park()


class Owner:
    attribute = Descriptor()

    @property
    def prop(self):
        return self.attribute


def descriptors():
    return Owner().prop


def executed():
    exec(compile("\n\n\ndef made(depth):\n    if depth:\n        made(depth - 1)\n\n    park()\nmade(3)\n", "<made up>", "exec"), globals())


def evaluated():
    eval("[park() for _ in 'ab']")


def multi_line_calls():
    return max(
        1,
        len(
            str(
                park(
                    1,
                    2,
                )
            )
        ),
    )


def with_keyword(*, callback, **rest):
    callback(
        **rest,
    )


def c_callbacks():
    return sorted([3, 1, 2], key=lambda value: functools.reduce(lambda a, b: [*map(park, [a, b])], [value, 1]))


def regular_expressions():
    return re.sub("b", lambda match: park() or "x", "abc")


def comparisons():
    class Number(int):
        def __lt__(self, other):
            return park()

        __hash__ = int.__hash__

        def __eq__(self, other):
            return self < other

    return {Number(1): 1}[Number(1)]


def recursion(depth):
    if depth == 0:
        return park()
    return recursion(
        depth - 1
    )


def deep():
    recursion(1500)


def deep_through_c(depth=120):
    if depth == 0:
        park()
    return [*map(deep_through_c, [depth - 1])]


def large_frames(depth):
    # Each frame takes kilobytes of the data stack.
    exec("def wide(depth):\n" + "".join(f"    v{n} = {n}\n" for n in range(700)) + "    wide(depth - 1) if depth else park()\nwide(%d)" % depth, globals())


def many_chunks():
    large_frames(12)


def generator_in_deep_recursion(depth=150):
    if depth:
        return sum(generator_in_deep_recursion(depth - 1) for _ in range(1))
    return park() or 0


MATCH = """
def match_statement():
    match {"kind": [1, {"deep": 2}]}:
        case {"kind": [_, {"deep": value}]} if park() is None:
            return value
"""


def while_loops():
    while True:
        if (
            park()
            and True
        ):
            break


def nonlocal_closures():
    count = 0

    def middle():
        def inner():
            nonlocal count
            count += 1
            assert count, park()
            park()
        inner()
    middle()


def selected():
    ARRIVED.append(1); select.epoll().poll()


def slept():
    ARRIVED.append(1); time.sleep(3600)


class Callable:
    def __call__(self):
        with_keyword(callback=park, one=1) if False else with_keyword(callback=lambda **_: park(), two=2)


KINDS = [
    generators, generator_expressions, comprehensions, lambdas, coroutines, tasks, class_bodies, decorated,
    called_through_decorators, exceptions, finallies, destructors, descriptors, executed, evaluated,
    multi_line_calls, c_callbacks, regular_expressions, comparisons, deep, deep_through_c, many_chunks,
    generator_in_deep_recursion, while_loops, nonlocal_closures, selected, slept, Callable(),
]
if sys.version_info >= (3, 10):
    exec(compile(MATCH, "<match>", "exec"))
    KINDS.append(match_statement)


def run(kind):
    THREADS[threading.get_ident()] = oldest.native_id()
    try:
        kind()
    except BaseException:
        traceback.print_exc(limit=-4)
        os._exit(1)


def tell():
    """What this very line and its callers are, too: the thread that tells parks on the line that tells."""
    threads = {}
    for ident, frame in sys._current_frames().items():
        if ident == threading.get_ident():
            frame = sys._getframe().f_back
        frames = []
        while frame is not None:
            code = frame.f_code
            frames.append([code.co_filename, oldest.qualified(code), frame.f_lineno or code.co_firstlineno])
            frame = frame.f_back
        threads[THREADS[ident]] = frames
    print(json.dumps({"threads": threads}), flush=True)


def reporter(count):
    THREADS[threading.get_ident()] = oldest.native_id()
    while len(ARRIVED) < count:
        time.sleep(0.001)
    # The event loop that waits for nothing can tell only the kernel that it has arrived there.
    while not in_epoll(IDLE):
        time.sleep(0.001)
    tell(); GATE.acquire()


def in_epoll(thread):
    with open("/proc/self/task/%d/syscall" % THREADS[thread.ident]) as file:
        return file.read().split()[0] in ("232", "281", "22")


sys.setrecursionlimit(20_000)
threading.stack_size(64 << 20)
THREADS[threading.get_ident()] = oldest.native_id()
for kind in KINDS:
    threading.Thread(target=run, args=(kind,), daemon=True).start()
# A thread that the threading module knows nothing of.
_thread.start_new_thread(run, (park,))
IDLE = threading.Thread(target=run, args=(idle_loop,), daemon=True)
IDLE.start()
many = int(sys.argv[1])
for number in range(many):
    threading.Thread(target=run, args=(functools.partial(recursion, number),), daemon=True).start()
threading.Thread(target=reporter, args=(len(KINDS) + 1 + many + 1,), daemon=True).start()
park()
