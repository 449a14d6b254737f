"""One prebuilt process_vm_readv: many regions of the target into one buffer, again and again.

This is the hot path's only system call, so everything that can be prepared is prepared: the region
table is packed at once by a cached struct, and the ctypes arguments exist once (without `argtypes`,
which would convert them at each call).
"""

from __future__ import annotations

import ctypes
import errno
import struct
from functools import lru_cache

from .errors import ProcessGone, TargetError
from .memory import MAX_REGIONS

_quiet = ctypes.CDLL(None)
_loud = ctypes.CDLL(None, use_errno=True)


@lru_cache(maxsize=256)
def _words(count: int) -> struct.Struct:
    return struct.Struct(f"={count}Q")


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
        self._call = (
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

        At most MAX_REGIONS regions: the kernel refuses more.
        """
        _words(len(flat)).pack_into(self._remote, 0, *flat)
        if size > len(self.buffer):
            self._grow(size)
        self.size = size
        self._local[1] = size
        call = self._call
        self._call = (*call[:5], ctypes.c_ulong(len(flat) >> 1), call[6])

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
        _, pid, local, one, remote, count, flags = self._call
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
