"""Children that nobody asked for, of a process that idles: how many, and how busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from livetop.sampling.bystanders import Bystanders
from livetop.target.descendants import list_descendants

# A parent that waits, a child that works, and a grandchild that sleeps.
PROGRAM = """
import os, time
if not os.fork():
    if not os.fork():
        print(flush=True)
        time.sleep(60)
    while True:
        pass
time.sleep(60)
"""


@pytest.fixture
def parent() -> Iterator[int]:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            os.killpg(process.pid, 9)


def looked(pid: int) -> Bystanders:
    """After looks for as long as it takes until something uses CPU time, or has been looked at often."""
    now = time.monotonic()
    found = Bystanders(pid, now)
    for _ in range(40):
        time.sleep(0.1)
        now += 1.0
        found.look(now)
        if found.cpu:
            break
    return found


def test_children_of_a_process_that_waits_are_counted(parent: int) -> None:
    assert len(list_descendants(parent, 100)) == 2
    assert len(list_descendants(parent, 1)) == 1
    found = looked(parent)
    assert found.count == 2
    assert found.cpu > 0


def test_a_process_that_works_itself_is_what_to_look_at(parent: int) -> None:
    now = time.monotonic()
    found = Bystanders(parent, now)
    # It has used a second of CPU time since it was looked at last.
    found._own = -1.0
    found.look(now + 1.0)
    assert (found.count, found.cpu) == (0, 0.0)


def test_what_is_gone_has_no_children() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    found = Bystanders(process.pid, 0.0)
    found.look(10.0)
    assert (found.count, found.cpu) == (0, 0.0)
    assert list_descendants(process.pid, 10) == []
