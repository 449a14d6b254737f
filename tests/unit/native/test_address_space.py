"""The mappings of a process, looked into as text."""

from __future__ import annotations

import mmap
import os
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetop.native import address_space
from livetop.native.address_space import AddressSpace
from livetop.target.errors import ProcessGone
from livetop.target.maps import parse_maps

TEXT = b"""\
00400000-00401000 r--p 00000000 08:01 77                                 /usr/bin/python3.11
00401000-00500000 r-xp 00001000 08:01 77                                 /usr/bin/python3.11
00500000-00502000 rw-p 00100000 08:01 77                                 /usr/bin/python3.11
00502000-00600000 rw-p 00000000 00:00 0\x20
7f0000000000-7f0000001000 r--p 00000000 08:01 99                         /lib/old.so (deleted)
7f0000001000-7f0000002000 r-xp 00001000 08:01 99                         /lib/old.so (deleted)
7f0000003000-7f0000004000 r-xp 00001000 00:2a 77                         /other/device.so
7f0000005000-7f0000006000 ---p 00000000 00:00 0\x20
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""


@pytest.fixture
def space(monkeypatch) -> AddressSpace:
    monkeypatch.setattr(address_space, "_read_maps", lambda pid: TEXT)
    made = AddressSpace(1)
    assert made.refresh(0.0)
    return made


def test_only_executable_mappings_are_parsed(space):
    paths = [mapping.path for mapping in space.executable]
    assert paths == ["/usr/bin/python3.11", "/lib/old.so", "/other/device.so", "[vsyscall]"]
    assert space.count == 10


def test_the_mapping_that_holds_an_address(space):
    for mapping in parse_maps(TEXT):
        for address in (mapping.start, mapping.end - 1):
            held = space.holding(address)
            assert held is not None and (held.start, held.end) == (mapping.start, mapping.end)
    for address in (0, 0x3FFFFF, 0x7F0000002000, 0x7F0000004800, 1 << 64):
        assert space.holding(address) is None


def test_the_mapping_before(space):
    mapping = space.holding(0x502000)
    assert space.before(mapping).offset == 0x100000
    assert space.before(space.holding(0x400000)) is None


def test_all_mappings_of_a_file(space):
    assert [part.offset for part in space.of_file(space.holding(0x401000))] == [0, 0x1000, 0x100000]
    # The same inode number on another device is another file.
    assert len(space.of_file(space.holding(0x7F0000003000))) == 1
    assert [part.path for part in space.of_file(space.holding(0x7F0000001000))] == ["/lib/old.so"] * 2


def test_the_end_of_a_stack(space):
    assert space.stack_end(0x7FFD00000010) == 0x7FFD00021000
    # It has grown since.
    assert space.stack_end(0x7FFD00000000 - 4096) == 0x7FFD00021000
    assert space.stack_end(0x7FFD00000000 - (64 << 20)) == 0
    assert space.stack_end(0x502010) == 0x600000
    assert space.stack_end(0x7F0000005010) == 0
    assert space.stack_end(0) == 0


def test_reading_is_rationed(monkeypatch):
    reads = []
    monkeypatch.setattr(address_space, "_read_maps", lambda pid: reads.append(1) or TEXT)
    space = AddressSpace(1)
    assert space.refresh(100.0)
    for hundredth in range(10):
        assert not space.refresh(100.0 + hundredth / 100)
    assert len(reads) == 1
    assert not space.refresh(200.0)
    assert len(reads) == 2


def test_other_memory_is_no_news_but_known(monkeypatch):
    more = TEXT.replace(b"00502000-00600000", b"00502000-00700000")
    texts = [TEXT, more]
    monkeypatch.setattr(address_space, "_read_maps", lambda pid: texts.pop(0))
    space = AddressSpace(1)
    assert space.refresh(0.0)
    assert not space.refresh(100.0)
    assert space.stack_end(0x650000) == 0x700000


def test_a_zombie_keeps_what_was_known(monkeypatch):
    texts = [TEXT, b""]
    monkeypatch.setattr(address_space, "_read_maps", lambda pid: texts.pop(0))
    space = AddressSpace(1)
    space.refresh(0.0)
    assert not space.refresh(100.0)
    assert space.holding(0x401000) is not None


def test_our_own():
    space = AddressSpace(os.getpid())
    space.refresh(monotonic())
    with open(f"/proc/{os.getpid()}/maps", "rb") as file:
        before = {mapping.path for mapping in parse_maps(file.read()) if "x" in mapping.permissions}
    assert {mapping.path for mapping in space.executable} <= before
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC):
        assert space.refresh(monotonic() + 1000)


def test_a_process_that_is_gone():
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(ProcessGone):
        AddressSpace(pid).refresh(0.0)


@given(st.integers(0, len(TEXT)), st.integers(0, 1 << 64))
def test_a_text_that_was_cut_off(end, address):
    space = AddressSpace(1)
    space._text = TEXT[:end]
    held = space.holding(address)
    assert held is None or held.start <= address < held.end
    space.stack_end(address)
