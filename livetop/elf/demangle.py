"""Names of C functions as people write them: C++ and Rust demangled, the compiler's additions taken off."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from livetop.target.text import escape

if TYPE_CHECKING:
    from demangle import Limits, Style

SHOWN: Final = 200

# Itanium C++ (and Rust's legacy scheme, which is a dialect of it), Rust v0.
_MANGLED = re.compile(r"_?_(Z|R[A-Z0-9])")
_LANGUAGES: Final = ("rust", "itanium")
# Real names rarely nest deeper than 20 or are longer than some hundreds of characters.
_MAX_INPUT: Final = 2048
_MAX_DEPTH: Final = 64
_MAX_OUTPUT: Final = 8192

# What gcc, clang, link-time optimisation and BOLT append to the name of a function that they cut, copied or
# moved.
_ADDED = re.compile(
    r"(?:\.(?:cold|warm|part|isra|constprop|lto_priv|localalias|llvm|org|__uniq)|\.\d+|/\d+(?:\(\*\d+\))?)+$"
)


@lru_cache(maxsize=4096)
def readable(name: bytes) -> str:
    """Return the name of a function for people: at most 200 characters, escaped, never empty.

    A name that cannot be demangled is shown as it is. Never raises.
    """
    text = name[:_MAX_INPUT].decode("utf-8", "surrogateescape")
    # ld appends the version that a symbol has.
    text = text.partition("@")[0] or text
    text = _ADDED.sub("", text) or text
    if _MANGLED.match(text) and len(name) <= _MAX_INPUT:
        text = _demangle(text)
    return escape(text, SHOWN) or "?"


def _demangle(text: str) -> str:
    # Takes some 50 ms to import, and most interpreters are C throughout.
    from demangle import demangle

    limits, style = _how()
    # A style that is no registered name keeps the library from caching: we do, and with a bound.
    return demangle(text, language=_LANGUAGES, style=style, limits=limits)


@cache
def _how() -> tuple[Limits, Style]:
    import demangle

    limits = demangle.Limits(
        max_depth=_MAX_DEPTH, max_output=_MAX_OUTPUT, max_substitutions=512, max_input=_MAX_INPUT
    )
    return limits, demangle.style("llvm")
