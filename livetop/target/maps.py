"""What is mapped where in a process: /proc/PID/maps."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ProcessGone

# The kernel's default limit is 65,530 mappings; a target that raised it is read up to here.
MAX_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps: addresses `start` to `end` (exclusive), like "r-xp".

    `path` is as the kernel tells it, for opening files: undecodable bytes are surrogates, a deleted file
    ends in " (deleted)", special areas look like "[heap]", anonymous memory is "". It has not been escaped.
    `device` is the number as os.stat gives it.
    """

    start: int
    end: int
    permissions: str
    offset: int
    device: int
    inode: int
    path: str

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.end - self.start


def read_maps(pid: int) -> list[Mapping]:
    """Return the mappings of a process in address order; [] for a zombie or a kernel thread.

    Raises ProcessGone, PermissionDenied.
    """
    try:
        with open(f"/proc/{pid}/maps", "rb", buffering=0) as file:
            return parse_maps(_read_all(file.fileno()))
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessGone(f"process {pid} has exited") from None
    except PermissionError:
        from .permission import denied

        raise denied(pid) from None


def _read_all(fd: int) -> bytes:
    pieces = []
    total = 0
    while total < MAX_BYTES:
        piece = os.read(fd, 1 << 20)
        if not piece:
            break
        pieces.append(piece)
        total += len(piece)
    return b"".join(pieces)


def parse_maps(text: bytes) -> list[Mapping]:
    """Parse the text of a maps file; lines that do not look like one (a cut last line) are left out."""
    mappings = []
    for line in text.split(b"\n"):
        fields = line.split(None, 5)
        if len(fields) < 5:
            continue
        low, dash, high = fields[0].partition(b"-")
        major, colon, minor = fields[3].partition(b":")
        if not dash or not colon:
            continue
        try:
            mappings.append(
                Mapping(
                    int(low, 16),
                    int(high, 16),
                    fields[1].decode("ascii"),
                    int(fields[2], 16),
                    os.makedev(int(major, 16), int(minor, 16)),
                    int(fields[4]),
                    os.fsdecode(fields[5]) if len(fields) > 5 else "",
                )
            )
        except ValueError:
            continue
    return mappings


def find_mapping(mappings: Iterable[Mapping], address: int) -> Mapping | None:
    """Return the mapping that holds an address."""
    return next((mapping for mapping in mappings if mapping.start <= address < mapping.end), None)


def mapped_files(mappings: Iterable[Mapping]) -> dict[tuple[int, int], list[Mapping]]:
    """Group the mappings of files by (device, inode), in the order in which the files appear."""
    files: dict[tuple[int, int], list[Mapping]] = {}
    for mapping in mappings:
        if mapping.inode:
            files.setdefault((mapping.device, mapping.inode), []).append(mapping)
    return files
