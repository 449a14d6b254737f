"""Which Python a process on this machine runs, for the verbs that only ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from livetop.cpython.runtime import Identity, identify
from livetop.target.maps import Mapping, read_maps
from livetop.target.memory import RemoteMemory
from livetop.target.process import Process, open_process


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A process together with its maps, as the reader of runtimes wants it."""

    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    def maps(self) -> list[Mapping]:
        return read_maps(self.process.pid)

    def open_mapped(self, mapping: Mapping) -> BinaryIO:
        return self.process.open_mapped(mapping)


def identify_pid(pid: int, *, traced: bool = False) -> Identity:
    """Raises TargetError, as `open_process` does, and NotReadable for what is no Python."""
    return identify(_Mapped(open_process(pid, traced=traced)), RemoteMemory(pid))
