"""One prebuilt process_vm_readv: many regions of the target into one buffer, again and again.

This is the hot path's only system call, so everything that can be prepared is prepared: the region
table is packed at once by a cached struct, and the ctypes arguments exist once (without `argtypes`,
which would convert them at each call).
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Callable
from functools import lru_cache

from .errors import ProcessGone, TargetError
from .memory import MAX_REGIONS

_Call = tuple[Callable[..., int], object, object, object, object, object, object]

_quiet = ctypes.CDLL(None)
_loud = ctypes.CDLL(None, use_errno=True)


@lru_cache(maxsize=256)
def _words(count: int) -> struct.Struct:
    return struct.Struct(f"={count}Q")


class _Calls:
    """Several calls, one right after the other, in the place of one: for more regions than that takes."""

    __slots__ = ("_parts", "_places")

    def __init__(self, buffer: bytearray, flat: list[int]) -> None:
        count = len(flat) >> 1
        remote = bytearray(1 << (16 * count - 1).bit_length())
        _words(len(flat)).pack_into(remote, 0, *flat)
        local = bytearray(1 << (16 * (count // MAX_REGIONS + 1) - 1).bit_length())
        from_here, to_here = _address(remote), _address(local)
        # What is only pointed to must be kept.
        self._places = remote, local, buffer
        self._parts: list[tuple[ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, int]] = []
        at = _address(buffer)
        for number, first in enumerate(range(0, count, MAX_REGIONS)):
            sizes = flat[2 * first + 1 : 2 * (first + MAX_REGIONS) : 2]
            size = sum(sizes)
            _words(2).pack_into(local, 16 * number, at, size)
            at += size
            self._parts.append(
                (
                    ctypes.c_void_p(to_here + 16 * number),
                    ctypes.c_void_p(from_here + 16 * first),
                    ctypes.c_ulong(len(sizes)),
                    size,
                )
            )

    def __call__(
        self, pid: object, local: object, one: object, remote: object, count: object, flags: object
    ) -> int:
        got = 0
        for to_here, from_here, regions, size in self._parts:
            done = int(_quiet.process_vm_readv(pid, to_here, one, from_here, regions, flags))
            got += max(0, done)
            if done != size:
                break
        return got


def _address(buffer: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


class VectoredRead:
    """A read that is laid out once and run many times.

    `buffer` holds the regions one behind the other, in the order in which they were laid out. It is
    replaced when it has to grow, so ask for it after `lay_out`.
    """

    __slots__ = ("_call", "_local", "_local_at", "_pid", "_remote", "_remote_at", "buffer", "pid", "size")

    def __init__(self, pid: int, capacity: int = 1 << 16) -> None:
        self.pid = pid
        self._pid = ctypes.c_int(pid)
        self._remote = bytearray(16 * MAX_REGIONS)
        self._remote_at = ctypes.c_void_p(
            ctypes.addressof((ctypes.c_char * len(self._remote)).from_buffer(self._remote))
        )
        self._local = (ctypes.c_uint64 * 2)()
        self._local_at = ctypes.c_void_p(ctypes.addressof(self._local))
        self.size = 0
        self._grow(capacity)
        self._call: _Call = (
            _quiet.process_vm_readv,
            self._pid,
            self._local_at,
            ctypes.c_ulong(1),
            self._remote_at,
            ctypes.c_ulong(0),
            ctypes.c_ulong(0),
        )

    def _grow(self, capacity: int) -> None:
        # Powers of two: ctypes makes a type for each length of an array, and forgets none.
        capacity = 1 << (capacity - 1).bit_length()
        self.buffer = bytearray(capacity)
        self._local[0] = ctypes.addressof((ctypes.c_char * capacity).from_buffer(self.buffer))

    def lay_out(self, flat: list[int], size: int) -> None:
        """Take new regions: `flat` is address, size, address, size ...; `size` is their sum in bytes.

        More than MAX_REGIONS regions (the kernel refuses them) become several calls.
        """
        if len(flat) > 2 * MAX_REGIONS:
            if size > len(self.buffer):
                self._grow(size)
            self.size = size
            _, pid, local, one, remote, count, flags = self._call
            self._call = (_Calls(self.buffer, flat), pid, local, one, remote, count, flags)
            return
        _words(len(flat)).pack_into(self._remote, 0, *flat)
        if size > len(self.buffer):
            self._grow(size)
        self.size = size
        self._local[1] = size
        _, pid, local, one, remote, _, flags = self._call
        count = ctypes.c_ulong(len(flat) >> 1)
        self._call = (_quiet.process_vm_readv, pid, local, one, remote, count, flags)

    def run(self) -> bool:
        """Read; False when an address was bad (what lies before it in the buffer is fresh).

        Raises ProcessGone when the process has exited.
        """
        f, pid, local, one, remote, count, flags = self._call
        return bool(f(pid, local, one, remote, count, flags) == self.size)

    def read_prefix(self) -> int:
        """Read once more, and say how many bytes were fresh; the slow way, for after a failure.

        Raises ProcessGone, TargetError.
        """
        f, pid, local, one, remote, count, flags = self._call
        if isinstance(f, _Calls):
            return f(pid, local, one, remote, count, flags)
        got = int(_loud.process_vm_readv(pid, local, one, remote, count, flags))
        if got >= 0:
            return got
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            raise ProcessGone(f"process {self.pid} has exited")
        if number == errno.EPERM:
            from .permission import denied

            raise denied(self.pid)
        if number == errno.EFAULT:
            return 0
        raise TargetError(
            f"cannot read the memory of process {self.pid}: {errno.errorcode.get(number, number)}"
        )
