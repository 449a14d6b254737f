"""No path leads out of a root, by openat2 and by the walk that stands in for it."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading

import pytest

from livetop.target.errors import SourceUnavailable
from livetop.target.files import decode_source, open_in_root, read_source, reopen_regular, resolve, walk


@pytest.fixture
def jail(tmp_path):
    """A root with every trick in it, and a file outside it."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "jail"
    (root / "app" / "deep").mkdir(parents=True)
    (root / "app" / "main.py").write_text("inside")
    (root / "secret").write_text("inside too")
    links = {
        "absolute": "/app/main.py",
        "app/up": "../../../../../secret",
        "app/deep/back": "..",
        "out": str(tmp_path / "secret"),
        "loop": "loop",
        "dir": "app",
        "app/again": "/dir/deep/back/main.py",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture(params=[resolve, walk])
def read(request, jail):
    def read(path: str) -> str:
        fd = os.open(jail, os.O_PATH | os.O_DIRECTORY)
        try:
            opened = reopen_regular(request.param(fd, path))
        finally:
            os.close(fd)
        with os.fdopen(opened) as file:
            return file.read()

    return read


@pytest.mark.parametrize(
    "path", ["/app/main.py", "app//./main.py", "absolute", "dir/main.py", "app/deep/../main.py"]
)
def test_inside(read, path):
    assert read(path) == "inside"


@pytest.mark.parametrize("path", ["app/again", "/app/deep/back/again"])
def test_links_through_links(read, path):
    assert read(path) == "inside"


@pytest.mark.parametrize(
    "path", ["../secret", "/../../secret", "app/up", "app/../../secret", "/app/deep/back/../secret"]
)
def test_above_the_root_is_the_root(read, path):
    assert read(path) == "inside too"


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("out", errno.ENOENT),
        ("missing", errno.ENOENT),
        ("app/main.py/x", errno.ENOTDIR),
        ("loop", errno.ELOOP),
        ("app", errno.ENODEV),
        ("/", errno.ENODEV),
        ("fifo", errno.ENODEV),
        ("a/" * 5000, errno.ENAMETOOLONG),
        ("app/" + "n" * 300, errno.ENAMETOOLONG),
    ],
)
def test_refused(read, path, number):
    with pytest.raises(OSError) as caught:
        read(path)
    if path == "a/" * 5000:
        assert caught.value.errno in (number, errno.ENOENT)
    else:
        assert caught.value.errno == number


def test_links_of_proc_lead_nowhere():
    """/proc/PID/root is a door out of every jail that has a /proc: nobody goes through it."""
    fd = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    try:
        for find in (resolve, walk):
            for path in ("self/root/etc/passwd", "thread-self/cwd/../../etc/passwd", f"{os.getpid()}/exe"):
                with pytest.raises(OSError) as caught:
                    find(fd, path)
                assert caught.value.errno in (errno.ELOOP, errno.ENOENT)
    finally:
        os.close(fd)


@pytest.mark.parametrize("find", [resolve, walk])
def test_links_that_change_while_they_are_followed(jail, find):
    """A folder becomes a link to the outside, and back, as fast as may be: nothing of the outside is seen."""
    (jail / "app" / "secret").write_text("inside")
    outside = jail.parent
    done = threading.Event()

    def swap() -> None:
        os.mkdir(jail / "other")
        (jail / "other" / "secret").write_text("inside")
        os.symlink(outside, jail / "link")
        while not done.is_set():
            for one, two in (("app", "aside"), ("link", "app"), ("app", "link"), ("aside", "app")):
                os.rename(jail / one, jail / two)

    thread = threading.Thread(target=swap)
    fd = os.open(jail, os.O_PATH | os.O_DIRECTORY)
    thread.start()
    try:
        seen = set()
        for path in ("app/secret", "app/../app/secret", "app/./secret") * 1000:
            try:
                opened = reopen_regular(find(fd, path))
            except (FileNotFoundError, NotADirectoryError, BlockingIOError):
                continue
            with os.fdopen(opened) as file:
                seen.add(file.read())
    finally:
        done.set()
        thread.join()
        os.close(fd)
    assert seen <= {"inside", "inside too"}


SECCOMP = """
import ctypes, errno, os, struct, sys
from livetop.target import files
libc = ctypes.CDLL(None, use_errno=True)
# openat2 fails as it does before Linux 5.6 (ENOSYS), or where a filter of old does not know it (EPERM).
for number in (errno.EPERM, errno.ENOSYS):
    program = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *row) for row in (
        (0x20, 0, 0, 0), (0x15, 0, 1, 437), (0x06, 0, 0, 0x00050000 | number), (0x06, 0, 0, 0x7FFF0000))))
    fprog = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(program))
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, fprog, 0, 0) == 0
    root = os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY)
    try:
        files._openat2(root, "/app/main.py")
    except OSError as error:
        print(error.errno == number)
    with os.fdopen(files.reopen_regular(files.resolve(root, "/app/up"))) as file:
        print(file.read())
"""


def test_kernels_without_openat2(jail):
    done = subprocess.run([sys.executable, "-c", SECCOMP, str(jail)], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["True", "inside too"] * 2, done.stderr


def test_no_descriptor_is_left_open(read):
    before = len(os.listdir("/proc/self/fd"))
    for path in ("app/again", "loop", "missing", "fifo", "app/deep/../main.py"):
        with contextlib.suppress(OSError):
            read(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "script.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    os.close(open_in_root(os.getpid(), "script.py"))
    assert read_source(os.getpid(), "script.py") == "x = 1\n"


def test_source_is_made_safe_to_draw(tmp_path):
    path = tmp_path / "evil.py"
    path.write_bytes("# coding: latin-1\r\n\tif x:\rprint('\x1b[2J é')\n".encode("latin-1"))
    assert read_source(os.getpid(), str(path)) == "# coding: latin-1\n        if x:\nprint('\\x1b[2J é')\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("<string>", "no file: the code was made by the program"),
        ("<frozen importlib._bootstrap>", "no file: the module is a part of the interpreter"),
        ("/nonexistent/\x1b[31m", "no such file"),
        ("a\0b", "not a file name"),
        ("/dev/null", "not a regular file"),
        ("/etc/passwd/inside", "archive"),
        ("\ud800", "not a file name"),
    ],
)
def test_source_that_cannot_be_had(name, reason):
    with pytest.raises(SourceUnavailable, match=reason) as caught:
        read_source(os.getpid(), name)
    assert str(caught.value).isprintable()


def test_large_source_is_refused(tmp_path):
    path = tmp_path / "large.py"
    path.write_text("#" * 5000)
    with pytest.raises(SourceUnavailable, match="too large"):
        read_source(os.getpid(), str(path), cap=4999)
    assert len(read_source(os.getpid(), str(path), cap=5000)) == 2000


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xef\xbb\xbfx", "x"),
        (b"# -*- coding: cp1252 -*-\n\x80", "# -*- coding: cp1252 -*-\n€"),
        (b"# coding: no-such-thing\nx", "# coding: no-such-thing\nx"),
        (b"# coding: zlib\nx", "# coding: zlib\nx"),
        (b"# coding: undefined\nx", "# coding: undefined\nx"),
        (b"# coding: ascii\n\xe9", "# coding: ascii\n\ufffd"),
        (b"\xff\xfe\n", "\ufffd\ufffd\n"),
        (b"", ""),
    ],
)
def test_decoding(data, text):
    assert decode_source(data) == text
