"""Parsing /proc/PID/maps."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from itertools import pairwise

import pytest

from livetop.target.errors import ProcessGone
from livetop.target.maps import find_mapping, mapped_files, parse_maps, read_maps

TEXT = b"""\
55d0c0a00000-55d0c0a01000 r--p 00000000 fe:01 123 /opt/my app/python3.11 (deleted)
55d0c0a01000-55d0c0a02000 r-xp 00001000 fe:01 123 /opt/my app/python3.11 (deleted)
7f0000000000-7f0000021000 rw-p 00000000 00:00 0
7f0000021000-7f0000022000 r--s 00002000 00:2f 9 /tmp/\xff\x1b[31m
7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""


def test_fields():
    maps = parse_maps(TEXT)
    assert len(maps) == 6
    assert (maps[1].start, maps[1].end, maps[1].size) == (0x55D0C0A01000, 0x55D0C0A02000, 0x1000)
    assert (maps[1].permissions, maps[1].offset, maps[1].inode) == ("r-xp", 0x1000, 123)
    assert maps[1].device == os.makedev(0xFE, 1)
    assert maps[0].path == "/opt/my app/python3.11 (deleted)"
    assert maps[2].path == ""
    assert os.fsencode(maps[3].path) == b"/tmp/\xff\x1b[31m"
    assert maps[4].path == "[stack]"


def test_damaged_lines_are_left_out():
    assert parse_maps(b"") == []
    assert parse_maps(b"\n\nnonsense\nzz-yy r--p 0 fe:01 1 /x\n1000-2000 r--p 0 fe01 1 /x\n1-") == []
    assert len(parse_maps(TEXT + b"7f0000000000-7f00")) == 6


def test_finding():
    maps = parse_maps(TEXT)
    assert find_mapping(maps, 0x7F0000020FFF) is maps[2]
    assert find_mapping(maps, 0x7F0000021000) is maps[3]
    assert find_mapping(maps, 0x1000) is None
    assert [len(group) for group in mapped_files(maps).values()] == [2, 1]


def test_thousands_of_mappings_are_all_read():
    script = (
        "import mmap, sys\n"
        "keep = [mmap.mmap(-1, 4096, prot=1 + 2 * (i % 2)) for i in range(5000)]\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"ready\n"
        maps = read_maps(child.pid)
        assert len(maps) > 2500
        assert sum(mapping.size for mapping in maps if mapping.path == "/dev/zero (deleted)") >= 5000 * 4096
        assert all(first.end <= second.start for first, second in pairwise(maps))
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


def test_our_own_mapping_is_found_by_its_file(tmp_path):
    path = tmp_path / "mapped file"
    path.write_bytes(b"x" * 8192)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        stat = os.stat(path)
        groups = mapped_files(read_maps(os.getpid()))
        assert [m.path for m in groups[(stat.st_dev, stat.st_ino)]] == [str(path)]


def test_a_process_that_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessGone):
        read_maps(child.pid)
