"""What a screen or a report needs to know about where its figures come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from livetop.profile.model import Profile


class LinkError(Exception):
    """The engine cannot be started or reached, or ended with an error. `str()` is one line for the user.

    `code` is the exit code that goes with it.
    """

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened in the target or to the engine.

    `time` is the engine's monotonic clock in seconds, `kind` born, gone, exec, exit, degraded, throttled
    or note, `thread` the model's id of the thread or 0.
    """

    time: float
    kind: str
    text: str
    thread: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended. `code` is the exit code, `text` one line for the user."""

    code: int
    text: str


class Session(Protocol):
    """A live engine or a loaded snapshot, seen in the same way.

    `read()` may be called in a thread of its own; everything else, `apply` above all, in the one thread
    that owns the profile.
    """

    @property
    def profile(self) -> Profile:
        """The model. Its identity never changes while the session lasts."""

    @property
    def live(self) -> bool:
        """Whether more can come."""

    @property
    def greeted(self) -> bool:
        """Whether the engine has attached (True for a snapshot)."""

    @property
    def ended(self) -> str | None:
        """One line on how the session ended, or None while it lasts (and for a snapshot)."""

    @property
    def events(self) -> Sequence[Happening]:
        """What happened, oldest first; the oldest are forgotten beyond a cap."""

    @property
    def origin(self) -> str:
        """Where the figures come from: a command that reaches an engine, a file's path, or ""."""

    @property
    def output(self) -> str:
        """Path of the file that holds what a program started by `run` prints, or ""."""

    def read(self) -> object | None:
        """Blocks until something came; None when the session has ended. Never raises.

        What comes is for `apply`, and for nobody else to look into.
        """

    def apply(self, message: object | None) -> None:
        """Takes what `read` gave (None: notes the end) into the model."""

    def credit(self, deltas: int = 1) -> None:
        """Asks for another delta. Called at each refresh: the engine gathers until then.

        Also the sign of life without which it makes no stops, and ends in the end. However often it is
        called, no more than a few deltas are on their way.
        """

    def source(self, file: int) -> list[str] | None:
        """The lines of a file of the model, or None while they are not here."""

    def source_error(self, file: int) -> str:
        """Why the source of a file cannot be had, or "" (also while it is only on its way)."""

    def request_source(self, file: int) -> None:
        """Asks for a file's source, once: asking again while it is on its way costs nothing."""

    def configure(
        self,
        *,
        rate: float | None = None,
        max_pause: float | None = None,
        max_cpu: float | None = None,
        nonblocking: bool | None = None,
        list_tasks: bool | None = None,
    ) -> None:
        """Changes how the target is sampled, on the fly: Hz, fractions; whether its tasks are listed."""

    def stop(self) -> None:
        """Asks the engine to detach and to send what it has left: more messages and the end follow."""

    def close(self) -> None:
        """Ends the session for good, within a bounded time. May be called twice."""
