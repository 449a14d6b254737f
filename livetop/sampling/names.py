"""Short names of source files: what a person would call them."""

from __future__ import annotations

import posixpath
import re

_INSTALLED = re.compile(
    r".*/(?:site-packages|dist-packages)/|.*/lib(?:64)?/python\d[\w.]*/(?:lib-dynload/)?|.*/python\d+\.zip/"
)
_PARTS = 3


def module_path(name: str, cwd: str, argv: list[str]) -> str:
    """Return a file's name relative to where Python found it, like `app/parse.py` or `json/decoder.py`.

    The folders tried are those of installed packages and the standard library, the program's own folder
    (`argv` holds the script's path) and the working directory; else the last parts of the path are kept.
    """
    if not name.startswith("/"):
        return posixpath.normpath(name) if name and not name.startswith("<") else name
    installed = _INSTALLED.match(name)
    if installed:
        return name[installed.end() :] or name
    for folder in (cwd, *_script_folders(argv, cwd)):
        if folder not in ("", "/") and name.startswith(folder.rstrip("/") + "/"):
            return name[len(folder.rstrip("/")) + 1 :]
    return "/".join(name.split("/")[-_PARTS:])


def _script_folders(argv: list[str], cwd: str) -> list[str]:
    return [
        posixpath.dirname(posixpath.normpath(posixpath.join(cwd, word)))
        for word in argv[1:]
        if word.endswith(".py")
    ][:1]
