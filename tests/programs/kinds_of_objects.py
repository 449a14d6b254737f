"""Objects of all kinds that livetop reads, and where they are.

Says {"modules": address of sys.modules, "objects": {name: address}} and waits for its input to end.
"""

import json
import sys
import weakref


class Plain(object):
    def __init__(self):
        self.first = 1
        self.wanted = 42


class Slotted(Plain):
    __slots__ = ("other",)

    def __init__(self):
        self.other = 5
        Plain.__init__(self)


class Derived(Exception):
    def __init__(self):
        Exception.__init__(self, "text")
        self.wanted = 42


class Number(int):
    """Of a size that varies: its dict is behind its digits."""


class Words(str):
    pass


class Series(tuple):
    pass


class Many(object):
    """With more attributes than instances share keys for."""

    def __init__(self):
        for number in range(60):
            setattr(self, "other%d" % number, number)
        self.wanted = 42


def looked_at():
    found = Plain()
    vars(found)["later"] = 3
    return found


def emptied():
    found = Plain()
    del found.first
    found.more = 7
    return found


number = Number(10**30)
number.wanted = 42
minus = Number(-(10**30))
minus.wanted = 42
words = Words("w\u00f6rds")
words.wanted = 42
series = Series((1, 2, 3))
series.wanted = 42

KEPT = [Plain() for _ in range(20)]
REMOVED = [Plain() for _ in range(5)]
HELD = weakref.WeakSet(KEPT + REMOVED)
del REMOVED

OBJECTS = {
    "plain": Plain(),
    "slotted": Slotted(),
    "derived": Derived(),
    "number": number,
    "minus": minus,
    "words": words,
    "series": series,
    "many": Many(),
    "looked at": looked_at(),
    "emptied": emptied(),
    "list": [KEPT[0], KEPT[1]],
    "tuple": (KEPT[2], KEPT[3], KEPT[4]),
    "held": HELD,
    "zero": 0,
    "small": 42,
    "large": 3**300,
    "text": "plain",
    "wide": "\U0001f40d!",
    "dict": {"one": KEPT[5], "two": KEPT[6], "\u03c9": KEPT[7]},
    "numbers": {11: KEPT[8], 12: KEPT[9], 1 << 50: KEPT[10]},
    "large dict": {"key%d" % key: KEPT[key % 20] for key in range(1000)},
}
del OBJECTS["dict"]["one"]

kept = {"kept%d" % place: id(one) for place, one in enumerate(KEPT)}
places = dict((name, id(one)) for name, one in OBJECTS.items())
print(json.dumps({"modules": id(sys.modules), "objects": places, "kept": kept}))
sys.stdout.flush()
sys.stdin.read()
