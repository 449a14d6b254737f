"""Work on file systems that may never answer: a network's whose server is away, or one that a target made."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from .errors import TargetError

_T = TypeVar("_T")

# Seconds that a file may take. Whoever samples meanwhile waits as well.
PATIENCE: Final = 2.0

_waiting: list[threading.Thread] = []


def in_time(work: Callable[[], _T], patience: float = PATIENCE) -> _T:
    """Return what `work` returns, or raise what it raises: OSError, ValueError, TargetError.

    Raises OSError with ETIMEDOUT when it takes longer than `patience` seconds, and at once while something
    that took longer is not done yet: there is one such thread at most.
    """
    _waiting[:] = [thread for thread in _waiting if thread.is_alive()]
    if _waiting:
        raise _late()
    results: list[_T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except (OSError, ValueError, TargetError) as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="livetop-file", daemon=True)
    thread.start()
    thread.join(patience)
    if errors:
        raise errors[0]
    if results:
        return results[0]
    _waiting.append(thread)
    raise _late()


def _late() -> OSError:
    return OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
