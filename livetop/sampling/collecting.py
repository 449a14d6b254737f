"""Threads that collect garbage: their time is [gc], below the line that set it off.

CPython says that an interpreter collects, not which of the code that it runs meanwhile is the collector's:
finalizers, callbacks of weak references and `gc.callbacks` run in between, on the same thread. While the
collector itself is at work, the innermost Python frame stands still; if it moves, Python code runs. A frame
that has moved once may only be the one after the collection, so several looks at a place decide.
"""

from __future__ import annotations

from livetop.cpython.code import Code
from livetop.cpython.outcome import Outcome
from livetop.cpython.threads import Interpreter
from livetop.cpython.tree import Place
from livetop.profile.states import State
from livetop.target.memory import Memory

from .subject import Subject
from .watched import Watched

_FINALIZER = "__del__"
_MOST_PLACES = 2_000
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

    def __init__(self, subject: Subject, memory: Memory) -> None:
        self._subject = subject
        self._memory = memory
        # Place -> how often it was looked at during a collection, and how often it had moved.
        self._looks: dict[Place, list[int]] = {}

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

    def _runs_python(self, thread: Watched, place: Place) -> bool:
        """Whether Python code runs inside the collection, as far as that can be told."""
        if in_finalizer(place):
            return True
        instruction = thread.reader.instruction
        again = thread.read(self._subject.aux, double=True)
        moved = again is not place or thread.reader.instruction != instruction
        if not self._collecting(thread.state.interpreter):
            # It has come to its end meanwhile, so what was seen last says nothing.
            moved = False
        if len(self._looks) > _MOST_PLACES:
            self._looks.clear()
        looks = self._looks.setdefault(place, [0, 0])
        looks[0] += 1
        looks[1] += moved
        return 2 * looks[1] > looks[0]

    def _collecting(self, interpreter: Interpreter) -> bool:
        return any(self._memory.read(interpreter.collecting, 4))

    def forget(self) -> None:
        """The stack trees begin anew."""
        self._looks.clear()


def in_finalizer(place: Place) -> bool:
    """Whether a stack is that of a `__del__` method: it does not set off a collection that is under way."""
    walk: Place | None = place
    for _ in range(_DEEPEST):
        if walk is None or walk.code is None:
            return False
        if walk.code.name.endswith(_FINALIZER):
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
