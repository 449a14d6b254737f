"""A stack whose lines hold several calls each, and the program's own account of it.

Says {"frames": [[line, end line, column, end column], ...]} of the callers of what it waits in, innermost
first; nothing of them where the interpreter does not know (to 3.10).
"""

import itertools
import json
import sys
import threading

GATE = threading.Lock()
GATE.acquire()


def wait(*_):
    frame, frames = sys._getframe(1), []
    while frame is not None and sys.version_info >= (3, 11):
        positions = frame.f_code.co_positions()
        frames.append(next(itertools.islice(positions, frame.f_lasti // 2, None)))
        frame = frame.f_back
    print(json.dumps({"frames": frames}), flush=True)
    GATE.acquire()


# fmt: off
def same(a): return a


def first(): return same(1) + same("é" and 2) + (wait() or 3)


def second(): return [same(number) and first() for number in (1, 2)]


def third(): return max(same(3), same(
    4), second(
    ), same(5))


same(third()) and third()
