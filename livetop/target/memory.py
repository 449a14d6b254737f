"""Reading another process's memory, without stopping it and without writing to it."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence
from typing import Protocol

from .errors import MemoryFault, ProcessGone, TargetError

# More regions than this make process_vm_readv fail with EINVAL (UIO_MAXIOV).
MAX_REGIONS = 1024

# A size read from a target that is torn or hostile must not become an allocation of that size.
MAX_READ = 256 << 20

_SMALL = 64 << 10

_libc = ctypes.CDLL(None, use_errno=True)


class Memory(Protocol):
    """The memory of a process: live, or segments in a test."""

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes.

        Raises MemoryFault when not all of them are mapped, ProcessGone, PermissionDenied.
        """
        ...

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read (address, size) regions, as nearly at one instant as possible; None where one is not mapped.

        Raises ProcessGone, PermissionDenied.
        """
        ...


class RemoteMemory:
    """`Memory` of a live process, by process_vm_readv. Not to be shared between threads."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._function = _libc.process_vm_readv
        self._c_pid = ctypes.c_int(pid)
        self._one = ctypes.c_ulong(1)
        self._none = ctypes.c_ulong(0)
        self._local = (ctypes.c_uint64 * 2)()
        self._local_at = ctypes.c_void_p(ctypes.addressof(self._local))
        self._remote = (ctypes.c_uint64 * 2)()
        self._remote_at = ctypes.c_void_p(ctypes.addressof(self._remote))
        self._regions = bytearray(16 * MAX_REGIONS)
        self._regions_at = ctypes.c_void_p(
            ctypes.addressof((ctypes.c_char * len(self._regions)).from_buffer(self._regions))
        )
        self._make_room(_SMALL)

    def _make_room(self, size: int) -> None:
        """Have `_view` hold at least `size` bytes.

        ctypes makes a type for each length of an array and forgets none, so there are powers of two only.
        """
        capacity = 1 << max(size - 1, 1).bit_length()
        self._buffer = (ctypes.c_char * capacity)()
        self._local[0] = ctypes.addressof(self._buffer)
        self._view = memoryview(self._buffer).cast("B")

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes; see `Memory.read`."""
        if size == 0:
            return b""
        if not _sane(address, size):
            raise MemoryFault(address, size)
        if size > len(self._view):
            self._make_room(size)
        view = self._view
        self._local[1] = size
        remote = self._remote
        remote[0] = address
        remote[1] = size
        got = self._function(self._c_pid, self._local_at, self._one, self._remote_at, self._one, self._none)
        if got == size:
            return view[:size].tobytes()
        if got < 0 and ctypes.get_errno() != errno.EFAULT:
            raise self._error(ctypes.get_errno())
        raise MemoryFault(address, size)

    def read_many(self, regions: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Read many regions with as few calls as possible; see `Memory.read_many`.

        One call takes up to 1,024 regions. The kernel ends a call at the first bad address, so the
        next call starts behind it.
        """
        results: list[bytes | None] = [None] * len(regions)
        wanted: list[int] = []
        for index, (address, size) in enumerate(regions):
            if size == 0:
                results[index] = b""
            elif _sane(address, size):
                wanted.append(index)
        first = 0
        while first < len(wanted):
            batch = self._batch(regions, wanted, first)
            first += self._read_batch(regions, batch, results)
        return results

    @staticmethod
    def _batch(regions: Sequence[tuple[int, int]], wanted: list[int], first: int) -> list[int]:
        """Return the next indices that fit into one call, in number and in bytes (at least one)."""
        batch: list[int] = []
        total = 0
        for index in wanted[first : first + MAX_REGIONS]:
            total += regions[index][1]
            if batch and total > MAX_READ:
                break
            batch.append(index)
        return batch

    def _read_batch(
        self, regions: Sequence[tuple[int, int]], batch: list[int], results: list[bytes | None]
    ) -> int:
        """Make one call, fill in what it brought, and return how many regions are dealt with."""
        total = sum(regions[index][1] for index in batch)
        if total > len(self._view):
            self._make_room(total)
        view = self._view
        self._local[1] = total
        flat = [number for index in batch for number in regions[index]]
        struct.pack_into(f"={len(flat)}Q", self._regions, 0, *flat)
        got = self._function(
            self._c_pid,
            self._local_at,
            self._one,
            self._regions_at,
            ctypes.c_ulong(len(batch)),
            self._none,
        )
        if got < 0:
            number = ctypes.get_errno()
            if number != errno.EFAULT:
                raise self._error(number)
            got = 0
        at = 0
        for done, index in enumerate(batch):
            end = at + regions[index][1]
            if end > got:
                # The kernel may have copied a part of this region: it is bad all the same.
                return done + 1
            results[index] = view[at:end].tobytes()
            at = end
        return len(batch)

    def _error(self, number: int) -> TargetError:
        """Turn an errno into the error that says what to do."""
        if number == errno.ESRCH:
            return ProcessGone(f"process {self.pid} has exited")
        if number == errno.EPERM:
            from .permission import denied

            return denied(self.pid)
        if number == errno.ENOSYS:
            return TargetError(
                "this kernel or sandbox has no process_vm_readv: run livetop on the host, outside the sandbox"
            )
        return TargetError(f"cannot read the memory of process {self.pid}: {os.strerror(number)}")


def _sane(address: int, size: int) -> bool:
    return 0 < address < 1 << 63 and 0 <= size <= MAX_READ


def probe(pid: int) -> int:
    """Return the errno of a read that can only fail: EFAULT when we may read the process, else why not.

    The kernel checks permission before it looks at the address (below vm.mmap_min_addr: never mapped).
    """
    byte = ctypes.create_string_buffer(1)
    local = (ctypes.c_uint64 * 2)(ctypes.addressof(byte), 1)
    remote = (ctypes.c_uint64 * 2)(8, 1)
    one = ctypes.c_ulong(1)
    _libc.process_vm_readv(ctypes.c_int(pid), local, one, remote, one, ctypes.c_ulong(0))
    return ctypes.get_errno()
