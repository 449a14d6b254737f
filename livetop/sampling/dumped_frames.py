"""The frames of one thread, as a dump has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livetop.cpython.code import Code
from livetop.cpython.outcome import EMPTY, Outcome
from livetop.cpython.tree import Place

# The garbage collector is C code, as far as a dump is concerned.
_KINDS = {"special": "native"}


def dumped_frames(
    outcome: Place | Outcome | None, instructions: Sequence[int] = ()
) -> list[dict[str, Any]] | None:
    """Innermost first; None where the stack could not be read.

    `instructions` are those that the Python frames are at: with them there are columns (3.11 on).
    """
    if type(outcome) is not Place:
        return [] if outcome is EMPTY else None
    frames = outcome.frames()
    python = [code for code, _ in frames if code.kind == Code.kind]
    # They are of the same stack, or there is one that was not found.
    at = iter(instructions if len(instructions) == len(python) else ())
    return [_frame(code, line, next(at, 0) if code.kind == Code.kind else 0) for code, line in frames]


def _frame(code: Code, line: int, instruction: int) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "file": code.file,
        "line": line,
        "function": code.name,
        "kind": _KINDS.get(code.kind, code.kind),
    }
    if instruction and code.holds(instruction):
        position = code.position(instruction)
        # What lies elsewhere than the line that is told would only mislead.
        if position.line == line and position.column is not None:
            frame["column"] = position.column
            frame["end_line"] = position.end_line
            frame["end_column"] = position.end_column
    return frame
