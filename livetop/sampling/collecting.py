"""Threads that collect garbage: their time is [gc], below the line that set it off.

CPython says that an interpreter collects, not which of the code that it runs meanwhile is the collector's:
finalizers and callbacks run in between, on the same thread. They are called by C code, so where there is
one evaluation loop only, the collector itself is at work. Elsewhere names tell (`__del__`, callbacks of the
standard library), or whether the innermost frame moves during one and the same collection: it stands still
for the collector. One look may miss that (the thread has no core just now): those at a function add up.
"""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Callable
from functools import partial
from time import sleep
from typing import NamedTuple

from livetop.cpython.code import Code
from livetop.cpython.layout import Layout
from livetop.cpython.outcome import Outcome
from livetop.cpython.readers import Reader
from livetop.cpython.threads import COLLECTED, Interpreter
from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.target.memory import Memory

from .exact import Still
from .subject import Subject
from .watched import Watched

_U64 = struct.Struct("<Q")
_FINALIZER = "__del__"
# Lib/weakref.py, Lib/_weakrefset.py
_CALLBACKS = frozenset(
    [("weakref.py", name) for name in ("remove", "__call__", "_cb")] + [("_weakrefset.py", "_remove")]
)
# Code is looked at so often. Frames that move are missed at some looks: code moves if it did at more than
# one look in so many.
_LOOKS = 90
_ONE_IN = 30
# A glance reads an instruction so often: that takes some microseconds, the time of a hundred instructions.
_TIMES = 16
# Seconds between two of them: a thread whose core livetop took gets it back.
_APART = 0.00005
# Bytes of it that tell one from another.
_INSTRUCTION = 4
_FLAG = 4
_MOST = 2_000
_DEEPEST = 1_000


class _Collector(Code):
    """What the collector looks like among frames."""

    kind = "special"

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(0, 0, 0, "[gc]", "", 0, b"")


GC = _Collector()
"""The frame of a collection. It has no file and no lines."""


class Collections:
    """Samples of threads of one process that collect. Times are monotonic seconds."""

    def __init__(self, subject: Subject, memory: Memory, layout: Layout) -> None:
        self._subject = subject
        self._memory = memory
        self._layout = layout
        # Code -> how often its frame had moved, and not, between two looks during one collection.
        self._looks: dict[Code, list[int]] = {}
        # Places whose frames are all run by one evaluation loop.
        self._plain: set[Place] = set()

    def sample(
        self, thread: Watched, outcome: Place | Outcome, attached: bool, moment: float, late: float
    ) -> bool:
        """Charge the seconds since this thread's last sample to a collection, if it is at work on one.

        `outcome`: what the tick's read says. False when it runs Python code, of a finalizer perhaps.
        """
        subject = self._subject
        if type(outcome) is not Place or self._runs_python(thread, outcome):
            return False
        key = subject.key(thread, outcome)
        if type(key) is not Place:
            return False
        subject.counters.samples += 1
        place = collector_below(key)
        weight = thread.account.ran(place, moment, late, attached and subject.gil)
        if subject.stacks is not None:
            # It is the interpreter's own code: no stop could tell more.
            certain = subject.budget.share > 0 and subject.exact.allowed(subject.tree.now)
            state = State.PYTHON if certain else State.ESTIMATED_PYTHON
            thread.account.evidence.note(place, state, "", weight)
        return True

    def going_on(self, thread: Watched, still: Still) -> bool:
        """Whether a thread that stood still was collecting, and ran no Python code within."""
        words, place = still.collection, still.read
        if not any(words[:_FLAG]) or type(place) is not Place:
            return False
        return not self._runs_python(thread, place, words[_FLAG:])

    def _runs_python(self, thread: Watched, place: Place, collector: bytes = b"") -> bool:
        """Whether Python code runs inside the collection, as far as that can be told.

        `collector`: the pointer to the frame that set it off, if it has been read.
        """
        if place in self._plain:
            return False
        interpreter = thread.state.interpreter
        if interpreter.collector or in_finalizer(place):
            return not set_off_here(self._memory, interpreter, thread.reader, place, collector)
        if len(self._looks) > _MOST or len(self._plain) > _MOST:
            self.forget()
        assert place.code is not None
        looks = self._looks.setdefault(place.code, [0, 0])
        if interpreter.collected and sum(looks) < _LOOKS:
            self._look(thread, place, looks)
        return looks[0] * _ONE_IN > sum(looks)

    def _look(self, thread: Watched, place: Place, looks: list[int]) -> None:
        """Find out whether the innermost frame moves while one collection is under way."""
        reader, aux = thread.reader, self._subject.aux
        if thread.read(aux, double=True) is not place:
            return
        if len(reader.runs(aux.buffer, 0)) < 2:
            self._plain.add(place)
            return
        glance = partial(glance_at, self._memory, self._layout, thread.state.interpreter, reader.frames()[0])
        moved = moves(glance)
        if moved is not None:
            looks[0 if moved else 1] += 1

    def forget(self) -> None:
        """The stack trees begin anew, or there is too much to remember."""
        self._looks.clear()
        self._plain.clear()


def collection(memory: Memory, interpreter: Interpreter) -> bytes | None:
    """What tells the collection that is under way from others, None without one. Raises MemoryFault."""
    if not interpreter.collecting or not any(memory.read(interpreter.collecting, 4)):
        return None
    if interpreter.collector:
        return memory.read(interpreter.collector, 8)
    return memory.read(interpreter.collected, COLLECTED) if interpreter.collected else b""


class Glance(NamedTuple):
    """What a frame was within one collection: `collection` tells it from others."""

    collection: tuple[bytes | None, ...]
    frames: frozenset[tuple[bytes | None, ...]]
    """(code, instruction), each once."""


def moves(glance: Callable[[], Glance | None]) -> bool | None:
    """Whether a frame goes from one instruction to another during one collection; None where none is seen.

    Most collections are short, so the first glance must do, if the thread has a core. If livetop has taken
    that, it shows a little later.
    """
    first = glance()
    if first is None:
        return None
    if len(first.frames) > 1:
        return True
    sleep(_APART)
    second = glance()
    if second is None or second.collection != first.collection:
        return False
    frames = first.frames | second.frames
    # Another function may have got the frame's memory by now.
    return len(frames) > 1 and len({code for code, _ in frames}) == 1


def glance_at(memory: Memory, layout: Layout, interpreter: Interpreter, frame: int) -> Glance | None:
    """Read a frame's instruction some times, and each time what tells the collection; by one system call.

    None unless all of it lies within one collection, and the frame is that of one function.
    """
    during = [(interpreter.collecting, _FLAG), (interpreter.collected, COLLECTED)]
    at = [(frame + layout.frame_code, 8), (frame + layout.frame_instruction, _INSTRUCTION)]
    read = memory.read_many((during + at) * _TIMES + during)
    width = len(during) + len(at)
    collections = {tuple(read[begin : begin + len(during)]) for begin in range(0, len(read), width)}
    frames = frozenset(tuple(read[begin - len(at) : begin]) for begin in range(width, len(read), width))
    if None in read or len(collections) > 1 or not any(read[0] or b""):
        return None
    return Glance(collections.pop(), frames) if len({code for code, _ in frames}) == 1 else None


def set_off_here(
    memory: Memory, interpreter: Interpreter, reader: Reader, place: Place, collector: bytes = b""
) -> bool:
    """Whether this is where the collection that is under way was set off, as far as one look can tell.

    `reader` has parsed `place` last; `collector` is the word at `interpreter.collector`, if it has been read.
    Raises MemoryFault.
    """
    if not interpreter.collector:
        return not in_finalizer(place)
    (frame,) = _U64.unpack(collector or memory.read(interpreter.collector, 8))
    # It has come to its end where there is none.
    return not frame or reader.frames()[:1] == [frame]


def in_finalizer(place: Place) -> bool:
    """Whether a stack is that of a finalizer or callback, which sets off no collection within another."""
    walk: Place | None = place
    for _ in range(_DEEPEST):
        if walk is None or walk.code is None:
            return False
        name = walk.code.name.rpartition(".")[2]
        if name == _FINALIZER or (posixpath.basename(walk.code.file), name) in _CALLBACKS:
            return True
        walk = walk.parent
    return False


def collector_below(place: Place) -> Place:
    """The place of the collector that was set off here."""
    if place.code_address < 0:
        return place
    found = place.by_line.get((GC, 0))
    if found is None:
        found = place.by_line[GC, 0] = Place(place, GC, 0)
    return found
