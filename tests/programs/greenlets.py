"""Greenlets that are parked in known places, and one that runs at times. Needs the package greenlet.

Says what each of them is in, innermost first; then it waits, in the main greenlet or, when told `inside`, in
one; when told `busy` one computes.
"""

from __future__ import annotations

import json
import sys

import greenlet


def park():
    return main.switch()


def nested(depth):
    if depth:
        return nested(depth - 1)
    return park()


def through_c(depth):
    # Another evaluation loop, whose entry frame is on the C stack.
    return max([depth], key=nested)


def generates():
    yield park()


def through_generator():
    return list(generates())


def waits_inside():
    print(json.dumps({}), flush=True)
    sys.stdin.readline()
    return park()


def computes():
    print(json.dumps({}), flush=True)
    while True:
        sum(number * number for number in range(1000))


def stack_of(one):
    frames, frame = [], one.gr_frame
    while frame is not None:
        frames.append([frame.f_code.co_name, frame.f_lineno])
        frame = frame.f_back
    return frames


main = greenlet.getcurrent()

if __name__ == "__main__":
    parked = []
    for function, arguments in (
        (nested, (0,)),
        (nested, (40,)),
        (through_c, (5,)),
        (through_generator, ()),
        (lambda: park(), ()),
    ):
        for _ in range(3):
            one = greenlet.greenlet(function)
            one.switch(*arguments)
            parked.append(one)
    ended = greenlet.greenlet(lambda: None)
    ended.switch()
    unborn = greenlet.greenlet(park)
    inside = greenlet.greenlet(waits_inside)
    # Not what it is, but what Python says it is: gr_frame itself may change how frames are linked.
    asked = len(sys.argv) > 1
    facts = {"greenlets": [stack_of(one) for one in parked] if asked else len(parked)}
    print(json.dumps(facts), flush=True)
    command = sys.stdin.readline().strip()
    if command:
        (inside if command == "inside" else greenlet.greenlet(computes)).switch()
    sys.stdin.read()
