"""Places of stacks that go by their task: process -> [task: outer] -> [task: inner] -> frames.

So do those of greenlets: process -> [greenlet: name] -> frames.
"""

from __future__ import annotations

from livetop.cpython.code import Code
from livetop.cpython.own_tree import OwnTree
from livetop.cpython.tree import Place

MAX_LABELS = 1_000
"""Tasks that are told apart; what comes on top is "other"."""
OTHER = "other"


class TaskCode(Code):
    """A task as a frame: what lies below it in the tree was run by it."""

    kind = "task"

    __slots__ = ()

    def __init__(self, label: str, word: str = "task") -> None:
        super().__init__(0, 0, 0, f"[{word}: {label}]", "", 0, b"")


class TaskPlaces(OwnTree):
    """A tree of its own, whose places have the tasks above the frames; equal stacks are the same place."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], TaskCode] = {}
        # By the tasks, outermost first: the places of stacks without tasks, and what became of them.
        self._known: dict[tuple[str, tuple[str, ...]], dict[Place, Place]] = {}
        super().__init__()

    def reset(self) -> None:
        """Begin a new tree."""
        super().reset()
        self._known.clear()
        self._codes.clear()

    def place(self, labels: tuple[str, ...], place: Place, word: str = "task") -> Place:
        """The place of a stack in these tasks, outermost first; `word` says what they are."""
        known = self._known.get((word, labels))
        if known is None:
            known = self._known[word, labels] = {}
        found = known.get(place)
        if found is None:
            steps = [(self._code(label, word), 0) for label in labels]
            found = known[place] = self.enter([*steps, *reversed(place.frames())])
        return found

    def _code(self, label: str, word: str) -> TaskCode:
        found = self._codes.get((word, label))
        if found is None:
            if len(self._codes) >= MAX_LABELS:
                label = OTHER
            found = self._codes.setdefault((word, label), TaskCode(label, word))
        return found
