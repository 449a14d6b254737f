"""What a view is: where its rows come from, and its columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from livetop.profile.model import Profile
from livetop.tui.choice import Choice
from livetop.tui.columns import Column
from livetop.tui.entries import Page


class Rows(Protocol):
    """Rows of a view, kept from refresh to refresh by one screen."""

    def collect(self, profile: Profile, choice: Choice, now: float) -> Page:
        """What to show at this moment; `now` in seconds of a steady clock."""

    def forget(self) -> None:
        """The profile was reset."""


@dataclass(frozen=True, slots=True)
class View:
    """One tab. `other` is the view that `l` goes to, "" when there is none."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: Callable[[], Rows]
    other: str = ""

    def sorted_by(self, wanted: str) -> Column:
        """The column to sort by: the one that is wanted, or the first where there is no such column."""
        sortable = [column for column in self.columns if column.value is not None]
        return next((column for column in sortable if column.id == wanted), sortable[0])
