"""What the filter line means: a substring, or with a leading "!" a regular expression."""

from __future__ import annotations

import re
from collections.abc import Callable

Matcher = Callable[[str], bool]


class FilterError(ValueError):
    """A filter that cannot be used; `str()` is one line for the user."""


def compile_filter(text: str) -> Matcher | None:
    """A test for one row's text, or None when everything passes.

    Both kinds ignore case unless the filter holds an upper-case letter. Raises FilterError.
    """
    sensitive = any(character.isupper() for character in text)
    if text.startswith("!"):
        if len(text) == 1:
            return None
        try:
            pattern = re.compile(text[1:], 0 if sensitive else re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            reason = getattr(error, "msg", "") or "too large"
            raise FilterError(f"not a regular expression: {reason}") from None
        return lambda candidate: pattern.search(candidate) is not None
    if not text:
        return None
    if sensitive:
        return lambda candidate: text in candidate
    wanted = text.casefold()
    return lambda candidate: wanted in candidate.casefold()
