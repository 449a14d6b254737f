"""What is in the containers that tasks wait for: each read once a look, and not more than a look can bear."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .task_lists import MAX_TASKS, TaskLists

MAX_MEMBERS = 200_000
"""Members told in one look. Twenty thousand tasks that wait for the same twenty thousand are 400 million."""
# Slots of a set that take as long to read as it takes to tell one member.
_SLOTS = 8


class Members(NamedTuple):
    """How many there are, and their addresses: () when they are too many for this look."""

    total: int
    addresses: tuple[int, ...]


class TaskMembers:
    """Members of sets and lists by the container's address, as long as `forget` is not called."""

    def __init__(self, lists: TaskLists) -> None:
        self._lists = lists
        self._known: dict[int, Members] = {}
        self._left = MAX_MEMBERS

    def forget(self) -> None:
        """Begin a look: everything is read afresh."""
        self._known.clear()
        self._left = MAX_MEMBERS

    def renew(self) -> None:
        """Go on with a look: what was read is old now."""
        self._known.clear()

    def of_set(self, address: int) -> Members:
        """Raises ObjectError, MemoryFault."""
        return self._of(address, self._lists.set_size, self._lists.members)

    def of_list(self, address: int) -> Members:
        """Raises ObjectError, MemoryFault."""
        return self._of(address, self._lists.list_size, self._lists.items)

    def _of(
        self, address: int, size: Callable[[int], tuple[int, int]], read: Callable[[int], list[int]]
    ) -> Members:
        found = self._known.get(address)
        if found is None:
            count, slots = size(address)
            found = Members(count, ())
            # To read it, and to tell of it.
            if max(count, slots // _SLOTS) <= self._left:
                self._left -= slots // _SLOTS
                addresses = tuple(read(address))
                # It may have changed meanwhile; of a very large one not all are read.
                total = max(count, len(addresses)) if count > MAX_TASKS else len(addresses)
                found = Members(total, addresses)
            self._known[address] = found
        if len(found.addresses) > self._left:
            return Members(found.total, ())
        self._left -= len(found.addresses)
        return found
