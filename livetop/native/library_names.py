"""What people call a mapped file: `numpy/_multiarray_umath`, `libopenblas`, `libz`, `libc`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from livetop.target.text import escape

DELETED: Final = " (deleted)"
_LONGEST: Final = 120

# The folders that packages are installed in; what follows is the package.
_PACKAGES = re.compile(r"/(?:site|dist)-packages/")
# Where auditwheel puts the libraries that it copies into a wheel, next to the package.
_BUNDLED = re.compile(r"\.libs$|^\.dylibs$")

# Endings of files that the import system loads (importlib.machinery.EXTENSION_SUFFIXES of any version).
_EXTENSION = re.compile(r"(?:\.(?:cpython|pypy|graalpy)-?\d[\w-]*|\.abi3t?)?\.so$")
_TAGGED = re.compile(r"\.(?:cpython-\d[\w-]*|abi3t?)\.so$")
_VERSIONED = re.compile(r"\.so(?:\.[\w.+-]*)?$")
# auditwheel's hash, and the version that some projects put in front of .so: libc-2.31.so, libfoo-1.2.3.so.
_HASH = re.compile(r"(?:-[0-9a-f]{8})+(?=\.|$)")
_VERSION = re.compile(r"-\d[\d.]*$")
# OpenBLAS: libopenblas64_p-r0-5007b62f.3.23.dev.so, libscipy_openblas64_-32a4b2a6.so.
_KNOWN: Final = (
    (re.compile(r"^lib(?:scipy_)?openblas.*", re.DOTALL), "libopenblas"),
    (re.compile(r"^libflexiblas.*", re.DOTALL), "libflexiblas"),
    (re.compile(r"^libmkl_.*", re.DOTALL), "libmkl"),
    (re.compile(r"^ld-musl.*", re.DOTALL), "libc"),
    (re.compile(r"^ld(?:64|-\d|-linux)[\w.-]*$"), "ld"),
    (re.compile(r"^libpython\d[\w.]*?(?=\.so)", re.DOTALL), None),
)

# The C library, its loader and its parts, by their short names (glibc and musl).
_SYSTEM = frozenset(
    {
        *("ld", "libc", "libpthread", "libm", "libmvec", "libdl", "librt", "libutil", "libanl"),
        *("libnsl", "libresolv", "libnss_files", "libnss_dns", "libnss_compat"),
        *("[vdso]", "[vsyscall]", "[vvar]"),
    }
)


@lru_cache(maxsize=4096)
def short_name(path: str) -> str:
    """Return what people call a mapped file; escaped, never empty, at most 120 characters. Never raises.

    `path` is as the kernel tells it. An extension module is `package/module`: the package is the first folder
    below site-packages; without one, or from the standard library, it is `module`. A library loses versions
    and the hash that wheels add; a program keeps its name.
    """
    path = path.removesuffix(DELETED)
    if path.startswith("["):
        return _shown(path)
    folder, _, file = path.rpartition("/")
    # Memory with a name, as memfd_create(2) makes it.
    file = file.removeprefix("memfd:") if path.startswith("/memfd:") else file
    name = _known(file) or _stem(folder, file)
    return _shown(name or file or path)


def is_system(name: str) -> bool:
    """Whether a short name is that of the C library or the loader, or of what the kernel maps."""
    return name in _SYSTEM


def is_extension(path: str) -> bool:
    """Whether a mapped file looks like one that the import system has loaded, not the linker."""
    path = path.removesuffix(DELETED)
    folder, _, file = path.rpartition("/")
    if _TAGGED.search(file) or folder.endswith("/lib-dynload"):
        return True
    return file.endswith(".so") and not file.startswith("lib") and bool(_PACKAGES.search(path))


def _known(file: str) -> str | None:
    for pattern, name in _KNOWN:
        found = pattern.search(file)
        if found:
            return name or found.group()
    return None


def _stem(folder: str, file: str) -> str:
    if not _VERSIONED.search(file):
        return file
    package = _package(folder + "/")
    bundled = _BUNDLED.search(folder.rpartition("/")[2]) is not None
    if file.startswith("lib") and (bundled or not _TAGGED.search(file)):
        # libstdc++.so.6 -> libstdc++
        stem = _HASH.sub("", file)
        return _VERSION.sub("", _VERSIONED.sub("", stem[: stem.rfind(".so") + 3]))
    module = _EXTENSION.sub("", file)
    module = _VERSIONED.sub("", module)
    # orjson/orjson says no more than orjson.
    return f"{package}/{module}" if package and package != module else module


def _package(folder: str) -> str:
    """The first folder below site-packages, "" when the file lies right in it, or not below one at all."""
    # The last one counts: an environment may lie inside another's package.
    parts = _PACKAGES.split(folder)
    return parts[-1].partition("/")[0] if len(parts) > 1 else ""


def _shown(name: str) -> str:
    return escape(name, _LONGEST) or "?"
