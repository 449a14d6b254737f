"""Source text as lines that can be drawn."""

from __future__ import annotations

import re

from livetop.profile.model import Profile

_UNDRAWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class SourceLines:
    """The lines of the sources that a profile holds, split once."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._lines: dict[int, list[str]] = {}

    def get(self, file: int) -> list[str] | None:
        """None while the profile does not hold that file."""
        lines = self._lines.get(file)
        if lines is None:
            text = self._profile.sources.get(file)
            if text is None:
                return None
            lines = self._lines[file] = split_lines(text)
        return lines

    def forget(self, file: int) -> None:
        """The text has changed."""
        self._lines.pop(file, None)


def split_lines(text: str) -> list[str]:
    """Lines as Python counts them, with what a terminal would act on escaped (tabs stay)."""
    if text.endswith("\n"):
        text = text[:-1]
    return [
        _UNDRAWABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), line.rstrip("\r"))
        for line in text.split("\n")
    ]
