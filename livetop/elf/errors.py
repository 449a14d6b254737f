"""The error of everything that reads ELF files."""

from __future__ import annotations

from livetop.target.errors import TargetError


class ElfError(TargetError):
    """A file that is no ELF file we can read, or a damaged one."""


class CfiError(ElfError):
    """Call-frame information that is damaged, or of a kind that is not supported."""
