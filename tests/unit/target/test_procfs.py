"""The stat and status files."""

from __future__ import annotations

import os
import time

import pytest

from livetop.target.errors import NoSuchProcess
from livetop.target.procfs import boot_time, clock_ticks, parse_stat, read_file, read_stat, read_status


def test_a_name_may_hold_anything():
    tail = b"S 7 1 1 0 -1 4194560 0 0 0 0 12 34 0 0 20 0 1 0 5678 1000 99 18446744073709551615 0"
    stat = parse_stat(b"123 (a) R (b c) " + tail + b"\n")
    assert (stat.pid, stat.name, stat.state, stat.parent) == (123, b"a) R (b c", "S", 7)
    assert (stat.cpu, stat.start_time, stat.kernel_thread) == (46, 5678, False)


def test_ourselves():
    stat = read_stat(os.getpid())
    assert (stat.pid, stat.parent, stat.state) == (os.getpid(), os.getppid(), "R")
    started = boot_time() + stat.start_time / clock_ticks()
    assert time.time() - 3600 < started <= time.time() + 2
    assert read_status(os.getpid())["Pid"] == str(os.getpid())
    assert stat.rss > 1 << 20


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 10**30])
def test_no_such_process(pid):
    with pytest.raises(NoSuchProcess, match=f"no process {pid}"):
        read_stat(pid)
    assert read_status(pid) == {}


def test_reading_stops_at_the_limit(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(b"x" * 200_000)
    assert len(read_file(str(path), 70_000)) == 70_000
    assert len(read_file(str(path))) == 200_000
