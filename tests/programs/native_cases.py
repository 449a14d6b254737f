"""Is busy in known ways, by turns: native_cases.py FOLDER CASE ...

FOLDER holds the libraries of native_libraries.py. A comment `# case: truth [library]` on a line says what its
own time is while the case runs. Says {"file", "tid", "cases": {case: {"line", "truth", "library", "function"}}}
of the cases asked for; a thread then runs them by turns of some milliseconds. Orders: `load CASE` adds a case
whose library is loaded only then, `turns` answers how often each case had its turn, `times` how much CPU time
(user, system) each had.
"""

import ctypes
import inspect
import json
import os
import re
import resource
import sys
import threading
import time
import zlib

import oldest

FOLDER = sys.argv[1]
TURN = 0.004
# Kernel time is held against what the kernel counts, in steps of 10 ms: a share that is too small drowns.
LONGER = {"zeros": 10}
PADDING = b"0123456789abcdef" * 65536
NUMBERS = [number * 7919 % 100003 for number in range(20000)]
CALLBACK = ctypes.CFUNCTYPE(None)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class Late(dict):
    """Libraries, each loaded when it is first asked for."""

    def __missing__(self, name):
        found = self[name] = ctypes.CDLL(f"{FOLDER}/lib{name}.so")
        if name != "names":
            found.burn_deep.argtypes = [ctypes.c_ulong, ctypes.c_ulong]
            found.call_deep.argtypes = [CALLBACK, ctypes.c_ulong]
        return found


LIB = Late()


class Adder:
    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        return Adder((self.value + other) & 1023)


# ---------------------------------------------------------------- native: n is nanoseconds


def plain(n):
    LIB["plain"].burn(n)  # plain: native libplain


def framed(n):
    LIB["framed"].burn(n)  # framed: native libframed


def bare(n):
    LIB["bare"].burn(n)  # bare: native libbare


def bare_framed(n):
    LIB["bareframed"].burn(n)  # bare_framed: native libbareframed


def big_frame(n):
    LIB["plain"].burn_big_frame(n)  # big_frame: native libplain


def big_frame_bare(n):
    LIB["bare"].burn_big_frame(n)  # big_frame_bare: native libbare


def allocated(n):
    LIB["plain"].burn_alloca(n)  # allocated: native libplain


def allocated_bare(n):
    LIB["bareframed"].burn_alloca(n)  # allocated_bare: native libbareframed


def deep(n):
    LIB["plain"].burn_deep(n, 2000)  # deep: native libplain


def deep_bare(n):
    LIB["bare"].burn_deep(n, 500)  # deep_bare: native libbare


def linkage(n):
    LIB["plain"].burn_plt(n)  # linkage: native libplain


def linkage_bare(n):
    LIB["bare"].burn_plt(n)  # linkage_bare: native libbare


def clock(n):
    LIB["plain"].burn_clock(n)  # clock: native


def handler(n):
    LIB["plain"].burn_in_handler(n)  # handler: native libplain


def handler_bare(n):
    LIB["bare"].burn_in_handler(n)  # handler_bare: native libbare


def altstack(n):
    LIB["plain"].burn_on_altstack(n)  # altstack: native libplain


def context(n):
    LIB["plain"].burn_on_context(n)  # context: native libplain


def written(n):
    LIB["plain"].burn_written(n)  # written: native


def kernel(n):
    LIB["plain"].burn_kernel(n)  # kernel: native libplain


def circle(n):
    LIB["plain"].burn_circle(n)  # circle: native libplain


def at_end(n):
    LIB["plain"].burn_at_end(n)  # at_end: native libplain


def at_nothing(n):
    LIB["plain"].burn_at_nothing(n)  # at_nothing: native libplain


def cxx(n):
    LIB["names"].burn_cxx(n)  # cxx: native libnames


def old_rust(n):
    LIB["names"].burn_old_rust(n)  # old_rust: native libnames


def new_rust(n):
    LIB["names"].burn_new_rust(n)  # new_rust: native libnames


def deleted(n):
    LIB["deleted"].burn_plt(n)  # deleted: native libdeleted


def replaced(n):
    LIB["replaced"].burn_plt(n)  # replaced: native libreplaced


def truncated(n):
    LIB["truncated"].burn_plt(n)  # truncated: native libtruncated


def unreadable(n):
    LIB["unreadable"].burn_plt(n)  # unreadable: native libunreadable


def pipe(n):
    LIB["pipe"].burn_plt(n)  # pipe: native libpipe


def late(n):
    LIB["late"].burn_plt(n)  # late: native liblate


def corrupt0(n):
    LIB["corrupt0"].burn_deep(n, 20)  # corrupt0: native libcorrupt0


def corrupt1(n):
    LIB["corrupt1"].burn_deep(n, 20)  # corrupt1: native libcorrupt1


def corrupt2(n):
    LIB["corrupt2"].burn_deep(n, 20)  # corrupt2: native libcorrupt2


def corrupt3(n):
    LIB["corrupt3"].burn_deep(n, 20)  # corrupt3: native libcorrupt3


def corrupt4(n):
    LIB["corrupt4"].burn_deep(n, 20)  # corrupt4: native libcorrupt4


def corrupt5(n):
    LIB["corrupt5"].burn_deep(n, 20)  # corrupt5: native libcorrupt5


def corrupt6(n):
    LIB["corrupt6"].burn_deep(n, 20)  # corrupt6: native libcorrupt6


def corrupt7(n):
    LIB["corrupt7"].burn_deep(n, 20)  # corrupt7: native libcorrupt7


# fmt: off
def checksum(n):
    for _ in range(n // 400000): zlib.crc32(PADDING)  # noqa: E701 # checksum: native


def ordered(n):
    # It makes nothing that the interpreter would have to take apart again.
    for _ in range(n // 100000): max(NUMBERS)  # noqa: E701 # ordered: native


# ---------------------------------------------------------------- system


def zeros(n, _file=open("/dev/zero", "rb", 0), _space=bytearray(1 << 20)):  # noqa: B008, SIM115
    for _ in range(n // 60000): _file.readinto(_space)  # noqa: E701 # zeros: system


# ---------------------------------------------------------------- python


def loop(n):
    i = n // 40
    while i: i -= 1  # noqa: E701 # loop: python


def attributes(n):
    one = Adder(0)
    for i in range(n // 60): one.value = one.value ^ i  # noqa: E701 # attributes: python


def operators(n):
    one = Adder(0)
    for i in range(n // 400): one = one + i  # noqa: E701 # operators: python


@CALLBACK
def on_context():
    i = TURN_ROUNDS[0] // 40
    while i: i -= 1  # noqa: E701 # from_context: python


@CALLBACK
def in_the_deep():
    i = TURN_ROUNDS[0] // 40
    while i: i -= 1  # noqa: E701 # from_deep: python


@COMPARE
def compared(left, right):
    i = 400
    while i: i -= 1  # noqa: E701 # from_sort: python
    return 0


# fmt: on
TURN_ROUNDS = [0]


def from_context(n):
    TURN_ROUNDS[0] = n
    LIB["plain"].call_on_context(on_context)


def from_deep(n):
    TURN_ROUNDS[0] = n
    LIB["bare"].call_deep(in_the_deep, 300)


def from_sort(n, _items=(ctypes.c_int * 200)()):  # noqa: B008
    ctypes.CDLL(None).qsort(_items, max(2, min(200, n // 130000)), 4, compared)


# ---------------------------------------------------------------- turns

_TRUTH = re.compile(r"# (\w+): (python|native|system)(?: (\w+))?$")


def truths():
    """{case: its line and what its time is}."""
    found, function = {}, ""
    with open(__file__) as source:
        for number, text in enumerate(source, 1):
            if text.startswith("def "):
                function = text[4 : text.index("(")]
            match = _TRUTH.search(text.rstrip())
            if match and function:
                case, truth, library_name = match.groups()
                found[case] = {
                    "line": number,
                    "truth": truth,
                    "library": library_name or "",
                    "function": function,
                }
    return found


def used():
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime, usage.ru_stime


class Turns(threading.Thread):
    def __init__(self, names):
        super().__init__(daemon=True)
        self.names = names
        self.turns = {}
        self.times = {}
        self.begun = threading.Event()

    def turn(self, name):
        function = globals()[name]
        rounds = self.rounds.get(name, 1e5)
        begun, user, system = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID), *used()
        function(int(rounds))
        took = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID) - begun
        # The next turn takes about as long as it should.
        wanted = TURN * LONGER.get(name, 1)
        self.rounds[name] = max(2e4, min(1e8, rounds * min(4, max(0.25, wanted / max(took, 1e-6)))))
        user, system = used()[0] - user, used()[1] - system
        self.turns[name] = self.turns.get(name, 0) + 1
        sums = self.times.setdefault(name, [0.0, 0.0])
        sums[0] += user
        sums[1] += system

    def run(self):
        self.tid = oldest.native_id()
        self.rounds = {}
        for name in list(self.names):
            for _ in range(4):
                self.turn(name)
        self.begun.set()
        while True:
            for name in list(self.names):
                self.turn(name)


def say(something):
    print(json.dumps(something), flush=True)


def main(names):
    known = truths()
    turns = Turns([name for name in names if name != "late"])
    turns.start()
    turns.begun.wait()
    cases = {name: known[name] for name in names}
    say({"file": inspect.getfile(inspect.currentframe()), "tid": turns.tid, "cases": cases})
    for line in sys.stdin:
        order, _, name = line.strip().partition(" ")
        if order == "load":
            turns.names.append(name)
            say({"loaded": name})
        else:
            say(getattr(turns, order))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[2:] or [name for name in truths() if name in globals()])
