"""Reading memory: our own process and children stand in for a target."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
import sys

import pytest
from fake_memory import FakeMemory

from livetop.target.errors import MemoryFault, ProcessGone
from livetop.target.memory import MAX_READ, MAX_REGIONS, RemoteMemory, probe

BAD = 8


@pytest.fixture
def own() -> RemoteMemory:
    return RemoteMemory(os.getpid())


@pytest.fixture
def data():
    buffer = ctypes.create_string_buffer(bytes(range(256)) * 1024, 256 * 1024)
    return ctypes.addressof(buffer), buffer


def test_reads_exactly_what_is_there(own, data):
    address, buffer = data
    assert own.read(address + 5, 300) == buffer.raw[5:305]
    assert own.read(address, len(buffer)) == buffer.raw
    assert own.read(address, 0) == b""


def test_a_bad_address_is_a_fault(own):
    for address, size in ((0, 8), (BAD, 1), (1 << 63, 8), (-16, 8), ((1 << 64) - 8, 8), (1 << 80, 1)):
        with pytest.raises(MemoryFault):
            own.read(address, size)


def test_an_absurd_size_is_a_fault_not_an_allocation(own, data):
    for size in (MAX_READ + 1, 1 << 62, -1):
        with pytest.raises(MemoryFault):
            own.read(data[0], size)
    assert own.read_many([(data[0], 1 << 62), (data[0], 2)]) == [None, b"\x00\x01"]


def test_a_region_that_runs_off_its_mapping_is_a_fault(own):
    area = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(start + mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    try:
        edge = start + mmap.PAGESIZE - 4
        with pytest.raises(MemoryFault):
            own.read(edge, 8)
        assert own.read_many([(edge, 4), (edge, 8), (start, 2)]) == [b"\0" * 4, None, b"\0\0"]
    finally:
        libc.mprotect(ctypes.c_void_p(start + mmap.PAGESIZE), mmap.PAGESIZE, 3)


def test_bad_regions_do_not_hide_those_behind_them(own, data):
    address, buffer = data
    regions = [(BAD, 4), (address, 3), (BAD, 1), (BAD, 1), (address + 7, 0), (address + 9, 2), (BAD, 9)]
    assert own.read_many(regions) == [None, buffer.raw[:3], None, None, b"", buffer.raw[9:11], None]
    assert own.read_many([]) == []


def test_more_regions_than_one_call_takes(own, data):
    address, buffer = data
    count = 2 * MAX_REGIONS + 7
    expected = [buffer.raw[i : i + 3] for i in range(count)]
    assert own.read_many([(address + i, 3) for i in range(count)]) == expected


def test_regions_larger_than_the_kept_buffer(own, data):
    address, buffer = data
    got = own.read_many([(address, 100_000), (BAD, 100_000), (address + 1, 100_000)])
    assert got == [buffer.raw[:100_000], None, buffer.raw[1:100_001]]


def test_an_exited_process_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    for read in (
        lambda: RemoteMemory(child.pid).read(BAD, 8),
        lambda: RemoteMemory(child.pid).read_many([(BAD, 8)]),
    ):
        with pytest.raises(ProcessGone):
            read()


def test_the_call_is_allowed_here():
    assert probe(os.getpid()) == errno.EFAULT


def test_the_fake_keeps_the_same_promises(own, data):
    address, buffer = data
    fake = FakeMemory({address: buffer.raw[:10], address + 10: buffer.raw[10:]})
    regions = [(address, 4), (BAD, 4), (address + 8, 8), (address, 0)]
    assert fake.read_many(regions) == own.read_many(regions)
    assert fake.read(address + 8, 300) == own.read(address + 8, 300)
    with pytest.raises(MemoryFault):
        fake.read(address + len(buffer) - 1, 2)
    fake.error = ProcessGone("gone")
    with pytest.raises(ProcessGone):
        fake.read(address, 1)
