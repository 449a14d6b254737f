"""What never answers is waited for once, and not for long."""

from __future__ import annotations

import errno
import threading

import pytest

from livetop.target.errors import SourceUnavailable
from livetop.target.patience import in_time


def test_what_is_done_in_time():
    assert in_time(lambda: b"text") == b"text"
    for error in (OSError(errno.ENOENT, "no"), ValueError("no"), SourceUnavailable("no")):

        def fail(error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error), match="no"):
            in_time(fail)


def test_what_hangs_is_given_up_and_nothing_else_is_begun_until_it_ends():
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        gate.wait()
        ended.set()

    with pytest.raises(OSError) as caught:
        in_time(hang, patience=0.01)
    assert caught.value.errno == errno.ETIMEDOUT and begun.is_set()
    called = []
    with pytest.raises(OSError) as caught:
        in_time(lambda: called.append(1))
    assert caught.value.errno == errno.ETIMEDOUT and not called
    gate.set()
    ended.wait()
    for thread in threading.enumerate():
        if thread.name == "livetop-file":
            thread.join()
    assert in_time(lambda: 1) == 1
