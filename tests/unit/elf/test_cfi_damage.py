"""Call-frame information that is damaged, or made to make us work: CfiError or a row, in bounded work."""

from __future__ import annotations

import contextlib
import random
import struct
import sys
from pathlib import Path

import pytest
from cfi_builder import CODE, FRAMES, HEADER, SIZE, Made, entry, leb, make, pages
from fake_memory import FakeMemory
from hypothesis import given
from hypothesis import strategies as st
from loaded_file import LoadedFile

from livetop.elf.cfi import CallFrames, CfiError, Row
from livetop.target.errors import MemoryFault, ProcessGone

# What one question may read: an entry and its CIE, each looked at twice at most, and pointers on the way.
MOST_READS = 8
MOST_BYTES = 1 << 17


class CountedMemory:
    """A memory that counts what is read."""

    def __init__(self, memory: FakeMemory) -> None:
        self.memory = memory
        self.reads = self.bytes = 0

    def read(self, address: int, size: int) -> bytes:
        """Read, and count."""
        self.reads += 1
        self.bytes += size
        return self.memory.read(address, size)


def small_file() -> LoadedFile:
    """A real library whose call-frame information is small enough to be damaged everywhere."""
    libraries = [
        Path(line.split(maxsplit=5)[5])
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "r-xp" in line and "/ld-linux" in line
    ]
    return LoadedFile(libraries[0] if libraries else Path(sys.executable).resolve())


FILE = small_file()
SOUND = dict(FILE.memory.segments)
STARTS = [
    FILE.header + start
    for start, _ in struct.iter_unpack(
        "<ii", FILE.memory.read(FILE.header + 12, (FILE.header_size - 12) // 8 * 8)
    )
]
PARTS = st.sampled_from([(FILE.header, FILE.header_size), (FILE.frames, FILE.frames_size)])


@given(
    st.lists(
        st.tuples(PARTS, st.integers(0, 1 << 30), st.binary(min_size=1, max_size=8)), min_size=1, max_size=200
    ),
    st.booleans(),
    st.integers(0, 1 << 30),
)
def test_a_corrupted_file_gives_rows_or_cfi_errors(
    damage: list[tuple[tuple[int, int], int, bytes]], table: bool, seed: int
) -> None:
    """Bytes changed anywhere in the header and the entries."""
    FILE.memory.segments = dict(SOUND)
    if not table:
        FILE.without_table()
    for (start, size), at, content in damage:
        FILE.patch(start + at % (size - len(content)), content)
    memory = CountedMemory(FILE.memory)
    frames = CallFrames(memory.read, FILE.header, FILE.header_size)
    with contextlib.suppress(CfiError):
        # Has the table read, or the entries looked through.
        frames.row(0)
    for pc in random.Random(seed).sample(STARTS, 20):
        before = memory.reads, memory.bytes
        try:
            row = frames.row(pc)
            assert row is None or row.start <= pc < row.end <= row.function_end
        except CfiError:
            pass
        assert memory.reads - before[0] <= MOST_READS
        assert memory.bytes - before[1] <= MOST_BYTES


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_any_bytes_as_instructions(program: bytes, initial: bytes) -> None:
    """No sequence of bytes does anything but give rows or CfiError."""
    frames = make(program, initial=initial).call_frames()
    for pc in (0, 1, 17, SIZE - 1):
        with contextlib.suppress(CfiError):
            assert isinstance(frames.row(CODE + pc), Row)


@given(st.binary(max_size=64))
def test_any_bytes_as_header(header: bytes) -> None:
    """Nor does any header."""
    made = make(b"")
    memory = FakeMemory({HEADER: pages(header), FRAMES: pages(made.frames)})
    with contextlib.suppress(CfiError):
        CallFrames(memory.read, HEADER, len(header)).row(CODE)


@pytest.mark.parametrize(
    "program",
    [
        b"\x3f",
        b"\x0b",
        b"\x0a" * 100,
        b"\x0f\x7f\x00",
        b"\x0e" + b"\x80" * 40,
        b"\x05\xff\xff\x7f\x01",
        b"\x0c\xff\xff\x7f\x01",
        b"".join(b"\x41\x05" + leb(register) + b"\x01" for _ in range(20) for register in range(256)),
        b"\x41" * (1 << 16),
    ],
    ids=[
        "unknown",
        "nothing to restore",
        "remembers without end",
        "expression behind the end",
        "endless number",
        "register without number",
        "CFA in no register",
        "rules without end",
        "rows without end",
    ],
)
def test_damaged_programs(program: bytes) -> None:
    """What no compiler writes is refused, and the next function is as good as ever."""
    frames = make(program, b"\x0e\x18").call_frames()
    with pytest.raises(CfiError):
        frames.row(CODE)
    found = frames.row(CODE + SIZE)
    assert found is not None and found.cfa_offset == 24


def patched(made: Made, at: int, content: bytes) -> CallFrames:
    """The functions, with bytes of .eh_frame overwritten."""
    frames = made.frames[:at] + content + made.frames[at + len(content) :]
    memory = FakeMemory({HEADER: pages(made.header), FRAMES: pages(frames)})
    return CallFrames(memory.read, HEADER, len(made.header))


@pytest.mark.parametrize(
    ("place", "content"),
    [
        (0, b"\0\0\0\0"),
        (0, b"\xff\xff\xff\xff"),
        (0, b"\xf0\xff\xff\x7f"),
        (4, b"\0\0\0\0"),
        (4, b"\xff\xff\xff\x7f"),
        (4, b"\x04\0\0\0"),
        (8, b"\0\0\0\0"),
    ],
    ids=["ended", "64 bits", "huge", "no CIE", "CIE elsewhere", "its own CIE", "another function's"],
)
def test_damaged_entries(place: int, content: bytes) -> None:
    """Lengths, CIE pointers and addresses that cannot be."""
    made = make(b"", b"")
    with pytest.raises(CfiError):
        patched(made, made.entries[1] + place, content).row(CODE + SIZE)


@pytest.mark.parametrize("place", [0, 4, 8, 9, 13])
def test_damaged_common_entries(place: int) -> None:
    """A CIE that is damaged is no CIE."""
    with pytest.raises(CfiError):
        patched(make(b""), place, b"\xee").row(CODE)


def test_headers_that_cannot_be() -> None:
    """Another version, no room for the table, nothing there at all: said at each question."""
    made = make(b"")
    for header in (
        b"\x02" + made.header[1:],
        made.header[:8] + b"\xff\xff\xff\x7f" + made.header[12:],
        b"\x01\xff\xff\xff" + bytes(8),
        b"",
    ):
        frames = CallFrames(FakeMemory({HEADER: pages(header)}).read, HEADER, len(header))
        for _ in range(2):
            with pytest.raises(CfiError):
                frames.row(CODE)
    with pytest.raises(CfiError):
        CallFrames(FakeMemory().read, HEADER, 100).row(CODE)


def test_a_process_that_is_gone_says_so() -> None:
    """Only what is wrong with addresses is damage."""
    made = make(b"")
    memory = made.memory()
    frames = CallFrames(memory.read, HEADER, len(made.header))
    memory.error = ProcessGone("process 1 has exited")
    with pytest.raises(ProcessGone):
        frames.row(CODE)
    memory.error = None
    assert frames.row(CODE) is not None


def test_a_truncated_file_costs_the_functions_behind_its_end() -> None:
    """Pages that are mapped but have no file behind them cannot be read."""
    made = make(b"", b"")

    def read(address: int, size: int) -> bytes:
        if address + size > FRAMES + made.entries[1]:
            raise MemoryFault(address, size)
        return made.memory().read(address, size)

    frames = CallFrames(read, HEADER, len(made.header))
    assert frames.row(CODE) is not None
    with pytest.raises(CfiError):
        frames.row(CODE + SIZE)


def test_entries_without_end_are_looked_through_up_to_a_bound() -> None:
    """No table, and an .eh_frame of entries each of which has a CIE of its own."""
    pair = entry(struct.pack("<IB", 0, 1) + b"\0\x01\x78\x10\x0c\x07\x08\x90\x01")
    pair += entry(struct.pack("<IQQ", len(pair) + 4, CODE, 16))
    content = pair * 200_000
    memory = CountedMemory(
        FakeMemory({HEADER: b"\x01\x00\xff\xff" + struct.pack("<Q", FRAMES), FRAMES: content})
    )
    frames = CallFrames(memory.read, HEADER, 12)
    assert frames.row(CODE) is not None
    assert memory.bytes < 1 << 20


def test_full_caches_are_emptied() -> None:
    """Many functions and pcs: the same answers, and no more than so much is kept."""
    rules = b"".join(b"\x41" + bytes([0x80 | register, 1]) for register in range(16))
    made = make(*[rules * 40] * 60)
    frames = made.call_frames()
    found = {pc: frames.row(CODE + pc) for pc in range(0, 60 * SIZE, 7)}
    assert frames._cost <= 1 << 18 and len(frames._pcs) <= 1 << 14
    for pc, row in list(found.items())[::50]:
        again = frames.row(CODE + pc)
        assert row is not None and again is not None
        assert (again.start, again.saved) == (row.start, row.saved)
