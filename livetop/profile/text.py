"""Text that is safe to print: names come from the target, or from a file somebody sent."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_SOURCE = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))

MAX_NAME = 1_000


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def printable(text: str) -> str:
    """Returns a name without control characters, direction overrides or lone surrogates.

    The reader escapes names already and this leaves such names as they are; it is the guard for
    snapshots, which anyone may have written.
    """
    if len(text) > MAX_NAME:
        text = text[: MAX_NAME - 1] + "…"
    return _UNSAFE.sub(_escaped, text)


def printable_source(text: str) -> str:
    """Returns source text of which only tabs and newlines are left as control characters."""
    return _UNSAFE_IN_SOURCE.sub(_escaped, text.replace("\r\n", "\n").replace("\r", "\n"))
