"""Why a look at a thread brought no stack."""

from __future__ import annotations


class Outcome:
    """Why there is no stack: shared markers, compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


TORN = Outcome("torn")
"""The two copies differ: the thread moved while it was read."""
MISS = Outcome("miss")
"""The stack has grown beyond what was read, or lies elsewhere now: lay out and read again."""
EMPTY = Outcome("empty")
"""The thread runs no Python frame."""
