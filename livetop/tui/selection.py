"""The row the keys act on, by its identity, and the part of the table that is in sight."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


class Selection:
    """A cursor over rows that come, go and change places.

    The cursor is a row's key: whatever the order becomes, it stays on that row, and the part in sight
    follows it. A row that vanished leaves it on the row now in that place.
    """

    def __init__(self) -> None:
        self.key: Hashable | None = None
        self.index = 0
        self.top = 0
        self._keys: Sequence[Hashable] = ()

    def update(self, keys: Sequence[Hashable], height: int, *, follow: bool = False) -> None:
        """New rows, in their order, `height` of them in sight; `follow` puts the cursor on the first."""
        self._keys = keys
        if not keys:
            self.index = self.top = 0
            return
        if follow or self.key is None:
            self.index = 0
        else:
            try:
                self.index = keys.index(self.key)
            except ValueError:
                self.index = min(self.index, len(keys) - 1)
        self._settle(height)

    def move(self, step: int, height: int) -> None:
        """So many rows down (or up, below 0), stopping at the ends."""
        if self._keys:
            self.index = max(0, min(len(self._keys) - 1, self.index + step))
            self._settle(height)

    def scroll(self, step: int, height: int) -> None:
        """Moves what is in sight, taking the cursor along only when it would leave it."""
        if not self._keys:
            return
        self.top = max(0, min(self.top + step, len(self._keys) - height))
        self.index = max(self.top, min(self.index, self.top + height - 1, len(self._keys) - 1))
        self.key = self._keys[self.index]

    def _settle(self, height: int) -> None:
        self.key = self._keys[self.index]
        lowest = max(0, self.index - height + 1)
        self.top = max(lowest, min(self.top, self.index, max(0, len(self._keys) - height)))
