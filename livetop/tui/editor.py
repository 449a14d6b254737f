"""The command that opens a file at a line in the user's editor."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from os.path import basename

_GOTO = {"code", "code-insiders", "codium", "cursor"}
"""Editors that take -g FILE:LINE, and have to be told to wait."""
_COLON = {"hx", "helix", "subl", "zed", "micro"}
"""Editors that take FILE:LINE."""


def editor_command(path: str, line: int, environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """The command, by $VISUAL or $EDITOR; None when neither is set to something that can be run."""
    try:
        words = shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "")
    except ValueError:
        return None
    if not words:
        return None
    # A path from the target may begin with a dash; an absolute or ./ one cannot be taken for an option.
    path = path if path.startswith("/") else f"./{path}"
    name = basename(words[0])
    if name in _GOTO:
        return [*words, "--wait", "-g", f"{path}:{line}"]
    if name in _COLON:
        return [*words, f"{path}:{line}"]
    return [*words, f"+{line}", path]
