"""OS thread ids out of the C library's records: glibc's, musl's, aarch64's, and what only looks like one."""

from __future__ import annotations

import random
import struct

import pytest
from fake_memory import FakeMemory

from livetop.cpython.native_ids import KNOWN_OFFSETS, NativeIds

RECORDS = 0x7F0000000000
APART = 1 << 16


class CLibrary:
    """Records of threads: ids at one offset, and everything else that such records hold."""

    def __init__(self, offset: int, size: int) -> None:
        self.offset, self.size = offset, size
        self.memory = FakeMemory()
        self.tids: set[int] = set()
        self.asked = 0
        self.random = random.Random(offset)

    def start(self, tid: int) -> int:
        """A thread; its pthread_t."""
        # Behind it memory ends.
        ident = RECORDS + APART * len(self.memory.segments) - self.size
        record = bytearray(self.random.randbytes(self.size // 2) + bytes(self.size - self.size // 2))
        # A record begins with its own address; flags and small counts are all over it.
        struct.pack_into("<QQQ", record, 0, ident, ident + 64, ident)
        for at in range(24, self.size - 4, 36):
            struct.pack_into("<i", record, at, self.random.choice([0, 1, -1, 2]))
        # Every record has the process's id, too: glibc has kept it beside the thread's.
        process = min(self.tids | {tid})
        struct.pack_into("<ii", record, self.offset, tid, process)
        self.memory.segments[ident] = bytes(record)
        self.tids.add(tid)
        return ident

    def ids(self) -> NativeIds:
        def tids() -> set[int]:
            self.asked += 1
            return self.tids

        return NativeIds(self.memory, tids)

    def word(self, ident: int, offset: int, value: int) -> None:
        record = bytearray(self.memory.segments[ident])
        struct.pack_into("<i", record, offset, value)
        self.memory.segments[ident] = bytes(record)


LIBRARIES = {
    "glibc": (720, 2304),
    "glibc-aarch64": (208, 1792),
    "musl": (48, 200),
    "musl-aarch64": (32, 184),
    "musl-1.1": (56, 280),
    "unheard-of": (1044, 1500),
}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> CLibrary:
    return CLibrary(*LIBRARIES[request.param])


def test_ids_of_several_threads(library: CLibrary) -> None:
    idents = [library.start(tid) for tid in (4100, 4105, 4111, 5000)]
    library.tids |= {4102, 4103}
    ids = library.ids()
    assert ids.of(idents) == [4100, 4105, 4111, 5000]
    assert ids.offset == library.offset
    # The place is known now: one read, and nothing is asked of the kernel.
    asked, library.memory.reads = library.asked, 0
    assert ids.of(idents) == [4100, 4105, 4111, 5000]
    assert (library.asked, library.memory.reads) == (asked, 1)


@pytest.mark.parametrize("offset", KNOWN_OFFSETS)
def test_one_thread_alone_is_settled_by_what_is_known(offset: int) -> None:
    library = CLibrary(offset, 2304 if offset == 720 else offset + 150)
    main = library.start(4100)
    # The process's id lies beside the thread's, and is the same.
    ids = library.ids()
    assert ids.of([main]) == [4100]
    assert ids.offset == offset


def test_the_first_process_of_a_container(library: CLibrary) -> None:
    """Its id is 1, which stands everywhere: the next threads settle where the right one is."""
    idents = [library.start(1)]
    ids = library.ids()
    ids.of(idents)
    idents += [library.start(7), library.start(8)]
    assert ids.of(idents) == [1, 7, 8]
    assert ids.offset == library.offset


def test_states_that_share_a_thread(library: CLibrary) -> None:
    """A subinterpreter's thread state has the pthread_t of the thread that made it."""
    main, other = library.start(4100), library.start(4101)
    assert library.ids().of([main, other, main, main]) == [4100, 4101, 4100, 4100]


def test_a_thread_that_has_ended_has_no_id(library: CLibrary) -> None:
    idents = [library.start(tid) for tid in (4100, 4105, 4111)]
    ids = library.ids()
    ids.of(idents)
    library.word(idents[1], library.offset, 0)
    library.word(idents[2], library.offset, -1)
    assert ids.of(idents) == [4100, 0, 0]
    del library.memory.segments[idents[1]]
    assert ids.of(idents) == [4100, 0, 0]


def test_threads_that_end_while_they_are_looked_at(library: CLibrary) -> None:
    idents = [library.start(tid) for tid in (4100, 4105, 4111, 4120)]
    library.tids.remove(4111)
    library.word(idents[1], library.offset, 0)
    library.memory.segments[RECORDS + 99 * APART] = bytes(library.size)
    ids = library.ids()
    # 4111 stands there yet; that no such thread exists is for the caller to find out.
    assert ids.of([*idents, RECORDS + 99 * APART, 0x1234]) == [4100, 0, 4111, 4120, 0, 0]
    assert ids.offset == library.offset


def test_looking_is_bounded(library: CLibrary) -> None:
    """A state whose thread is gone for good must not have the place looked for again and again."""
    idents = [library.start(4100), library.start(4101), 0x5000]
    ids = library.ids()
    for _ in range(50):
        assert ids.of(idents) == [4100, 4101, 0]
    assert library.asked <= 3


@pytest.mark.parametrize("seed", range(20))
def test_garbage_has_no_ids(seed: int) -> None:
    noise = random.Random(seed)
    memory = FakeMemory({RECORDS: noise.randbytes(4096)})
    ids = NativeIds(memory, lambda: {4100, 4101})
    idents = [noise.choice([RECORDS + noise.randrange(4096), noise.getrandbits(64), 0]) for _ in range(200)]
    assert all(0 <= tid < 1 << 31 for tid in ids.of(idents))


def test_no_threads_at_all() -> None:
    assert NativeIds(FakeMemory(), lambda: set()).of([]) == []
