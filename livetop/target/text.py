"""Text from a target made safe to show: escaped once, where it is read."""

from __future__ import annotations

# As long as a path can be; names that are longer are nonsense or an attack.
LIMIT = 4096


def escape(text: str | bytes, limit: int = LIMIT) -> str:
    r"""Return `text` without anything that a terminal could act on, at most `limit` characters long.

    Control characters (newline and tab too), escape codes, bidirectional overrides, invisible and unassigned
    characters become \xNN, \uNNNN or \UNNNNNNNN; so do bytes that are no UTF-8 and lone surrogates. Printable
    text of any script stays. What is cut off ends in an ellipsis. The result is not markup-safe: draw it as
    plain text.
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit + 4].decode("utf-8", "surrogateescape")
    cut = len(text) > limit
    if cut:
        text = text[:limit]
    if not text.isprintable():
        text = "".join([char if char.isprintable() else _escaped(ord(char)) for char in text])
        if len(text) > limit:
            cut = True
    return text[: limit - 1] + "…" if cut else text


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that was no UTF-8, as os.fsdecode() keeps it.
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
