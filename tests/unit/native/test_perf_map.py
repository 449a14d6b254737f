"""Names of code made at run time, in the file that perf reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livetop.native import perf_map
from livetop.native.perf_map import PerfMap
from livetop.target.process import open_process

FILE = Path(f"/tmp/perf-{os.getpid()}.map")


@pytest.fixture
def names():
    FILE.unlink(missing_ok=True)
    yield PerfMap(open_process(os.getpid()))
    FILE.unlink(missing_ok=True)


def test_without_a_file_nothing_has_a_name(names):
    assert not names.refresh()
    assert names.name(0x1000) is None
    assert names.runs(0, 1 << 63) == []


def test_names_by_address(names):
    FILE.write_text("2000 10 second (jit)\n0x1000 0x10 py::first:/a b/c.py\n")
    assert names.refresh()
    assert names.name(0x100F) == "py::first:/a b/c.py"
    assert names.name(0x1010) is None
    assert names.name(0x2000) == "second (jit)"


def test_what_is_added_is_read(names):
    FILE.write_text("1000 10 one\n")
    assert names.refresh()
    assert not names.refresh()
    with FILE.open("a") as file:
        file.write("2000 10 two\n3000 1")
    assert names.refresh()
    assert names.name(0x2000) == "two"
    assert not names.refresh()
    with FILE.open("a") as file:
        file.write("0 three\n")
    assert names.refresh()
    assert names.name(0x300F) == "three"


def test_code_that_was_replaced_has_the_newer_name(names):
    FILE.write_text("1000 10 old\n1000 10 new\n")
    names.refresh()
    assert names.name(0x1000) == "new"


def test_another_file_replaces_the_first(names):
    FILE.write_text("1000 10 old\n2000 10 older\n")
    names.refresh()
    other = FILE.with_suffix(".new")
    other.write_text("1000 10 new\n")
    other.rename(FILE)
    assert names.refresh()
    assert names.name(0x1000) == "new"
    assert names.name(0x2000) is None


def test_trampolines_and_other_code_in_one_mapping(names):
    FILE.write_text("1000 10 py::a:x\n1010 10 py::b:x\n1100 10 jitted\n1200 10 jitted too\n1300 10 py::c:x\n")
    names.refresh()
    assert names.runs(0x1000, 0x2000) == [
        (0x1000, 0x1100, True),
        (0x1100, 0x1300, False),
        (0x1300, 0x2000, True),
    ]
    assert names.runs(0x1100, 0x1200) == [(0x1100, 0x1200, False)]
    assert names.runs(0x5000, 0x6000) == []


def test_a_file_of_another_user_is_not_believed(names):
    FILE.write_text("1000 10 planted\n")
    try:
        os.chown(FILE, 12345, -1)
    except PermissionError:
        pytest.skip("only root can give files away")
    assert not names.refresh()
    assert names.name(0x1000) is None


@pytest.mark.parametrize("trap", ["fifo", "link", "folder"])
def test_traps(names, trap, tmp_path):
    if trap == "fifo":
        os.mkfifo(FILE)
    elif trap == "link":
        FILE.symlink_to("/dev/zero")
    else:
        FILE.mkdir()
    try:
        assert not names.refresh()
    finally:
        if trap == "folder":
            FILE.rmdir()


def test_nonsense_is_passed_over(names):
    FILE.write_bytes(
        b"\0\xff\nnot a line\n1000\n1000 10\n2000 10 \n" + b"f" * 40 + b" 10 long\n3000 10 \x1b[31mred\n"
    )
    names.refresh()
    assert names.name(0x1000) is None
    assert names.name(0x2000) is None
    assert names.name(0x3000) == "\\x1b[31mred"


def test_a_huge_file_is_read_piece_by_piece(names, monkeypatch):
    monkeypatch.setattr(perf_map, "_PIECE", 1000)
    monkeypatch.setattr(perf_map, "_MAX_ENTRIES", 500)
    FILE.write_text("".join(f"{index * 16:x} 10 name{index}\n" for index in range(1000)))
    names.refresh()
    assert 0 < len(names) < 100
    while names.refresh():
        pass
    assert 500 <= len(names) < 600
    assert names.name(16 * 499) == "name499"
