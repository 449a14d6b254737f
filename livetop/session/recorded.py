"""A snapshot, seen as a session that has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from livetop.profile.model import Profile
from livetop.profile.snapshot import load
from livetop.session.protocol import Happening
from livetop.session.source_lines import SourceLines


class Recorded:
    """What a snapshot holds. Implements `livetop.session.protocol.Session`; nothing more ever comes."""

    def __init__(self, path: Path) -> None:
        """Raises SnapshotError."""
        self._path = path
        self._profile = load(path)
        self._lines = SourceLines(self._profile)

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def live(self) -> bool:
        return False

    @property
    def greeted(self) -> bool:
        return True

    @property
    def ended(self) -> str | None:
        return None

    @property
    def events(self) -> Sequence[Happening]:
        return ()

    @property
    def origin(self) -> str:
        return str(self._path)

    @property
    def output(self) -> str:
        return ""

    def read(self) -> object | None:
        return None

    def apply(self, message: object | None) -> None:
        """Nothing comes, so there is nothing to take in."""

    def credit(self, deltas: int = 1) -> None:
        """Nobody waits for it."""

    def source(self, file: int) -> list[str] | None:
        return self._lines.get(file)

    def source_error(self, file: int) -> str:
        return "" if file in self._profile.sources else "the snapshot does not hold this file's source"

    def request_source(self, file: int) -> None:
        """What the snapshot does not hold cannot be fetched; `source_error` says so."""

    def configure(
        self,
        *,
        rate: float | None = None,
        max_pause: float | None = None,
        max_cpu: float | None = None,
        nonblocking: bool | None = None,
        list_tasks: bool | None = None,
    ) -> None:
        """What is recorded cannot be sampled in another way."""

    def stop(self) -> None:
        """It has ended already."""

    def close(self) -> None:
        """Nothing is open."""
