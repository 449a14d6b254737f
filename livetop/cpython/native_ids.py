"""The OS thread behind a thread state where CPython does not say it itself (before 3.11).

`PyThreadState.thread_id` is the thread's pthread_t, which is the address of the C library's own record of
the thread; the record holds the id that the kernel gave it, at a place that each C library and machine has
elsewhere. It is found by looking: of all places in the records of some threads there is one at which each
has the id of a thread of this process, and each another one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence

from livetop.target.memory import Memory

_INT = struct.Struct("<i")
# offsetof(struct pthread, tid) in glibc (nptl/descr.h) on x86-64 and aarch64, in musl (pthread_impl.h) on
# x86-64, on aarch64, and on x86-64 before 1.2. They settle what one thread alone leaves open.
KNOWN_OFFSETS = (720, 208, 48, 32, 56)
# sizeof(struct pthread) is 2304 in glibc; musl's is below 256, and memory may end behind it.
_SIZE = 2304
_PAGE = 4096
# So many threads that agree on a place leave no doubt; at most so many are looked at.
_ENOUGH = 8
_MOST = 16
# Looks for the place: threads may end between them, so that not all of them fit.
_LOOKS = 3


class NativeIds:
    """Finds ids of OS threads by pthread_t.

    `tids` tells which threads the process has, by the ids that it knows them by itself (those of its own
    PID namespace). It may raise ProcessGone.
    """

    def __init__(self, memory: Memory, tids: Callable[[], Collection[int]]) -> None:
        self._memory = memory
        self._tids = tids
        self.offset: int | None = None
        """Where the id lies behind pthread_t; None while that is not known."""
        # How many threads the place was settled by, and how many there were when it was last looked for.
        self._agreed = 0
        self._looked_at = 0

    def of(self, idents: Sequence[int]) -> list[int]:
        """The id of each of these threads, 0 for one that has ended or cannot be told."""
        if self._agreed < _ENOUGH:
            # One thread alone leaves doubts: the first ones that join it settle them.
            distinct = list(dict.fromkeys(idents))[:_MOST]
            if self.offset is None or len(distinct) > self._looked_at:
                self._looked_at = len(distinct)
                self._find_offset(distinct)
        offset = self.offset
        if offset is None:
            return [0] * len(idents)
        data = self._memory.read_many([(ident + offset, 4) for ident in idents])
        return [max(0, _INT.unpack(word)[0]) if word is not None else 0 for word in data]

    def _find_offset(self, idents: list[int]) -> None:
        """Settle `offset` by the threads that there are."""
        best: tuple[int, int] = (0, 0)
        for _ in range(_LOOKS):
            records = self._records(idents)
            # Those that began since the records were read do no harm; those that ended fit nowhere.
            found = _best_offset(records, frozenset(self._tids()))
            best = max(best, found, key=lambda look: look[0])
            if found[0] == len(idents):
                break
        agreed, offset = best
        # What fewer threads say than have settled it before does not unsettle it.
        if agreed > self._agreed:
            self._agreed, self.offset = agreed, offset

    def _records(self, idents: list[int]) -> list[bytes]:
        """The beginnings of the threads' records, as much of each as is mapped."""
        whole = self._memory.read_many([(ident, _SIZE) for ident in idents])
        pages = self._memory.read_many([(ident, min(_SIZE, _PAGE - ident % _PAGE)) for ident in idents])
        return [data for pair in zip(whole, pages, strict=True) if (data := pair[0] or pair[1]) is not None]


def _best_offset(records: list[bytes], tids: frozenset[int]) -> tuple[int, int]:
    """(number of records that have an id at this offset, offset); (0, 0) when there is none."""
    best: tuple[int, int, int] = (0, 0, 0)
    for offset in range(0, _SIZE, 4):
        values = [_INT.unpack_from(data, offset)[0] for data in records if len(data) >= offset + 4]
        ids = [value for value in values if value in tids]
        # A place where two threads have the same is something else, as is the process's own id.
        if not ids or len(set(ids)) < len(ids):
            continue
        rank = len(KNOWN_OFFSETS) - KNOWN_OFFSETS.index(offset) if offset in KNOWN_OFFSETS else 0
        best = max(best, (len(ids), rank, -offset))
    return best[0], -best[2]
