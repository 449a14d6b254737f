"""A target whose root is not ours: its files are its own, and no link of it leads to the machine's."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetop.target.errors import SourceUnavailable
from livetop.target.files import open_in_root, read_source
from livetop.target.maps import read_maps
from livetop.target.process import open_process

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change a root directory")

CHROOTED = """
import mmap, os, sys
jail, cwd = sys.argv[1:]
os.chroot(jail)
os.chdir(cwd)
file = open("/app/library.so", "rb")
area = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def jailed(jail: Path, cwd: str = "/app") -> Iterator[int]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHROOTED, str(jail), cwd], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child.pid
    finally:
        child.stdin.close()
        child.stdout.close()
        child.kill()
        child.wait()


@pytest.fixture
def jail(tmp_path) -> Path:
    (tmp_path / "outside.py").write_text("the machine's")
    jail = tmp_path / "jail"
    (jail / "app").mkdir(parents=True)
    (jail / "app" / "main.py").write_text("the jail's")
    (jail / "app" / "library.so").write_bytes(b"code" * 1000)
    (jail / "app" / "absolute.py").symlink_to("/app/main.py")
    (jail / "app" / "escape.py").symlink_to(tmp_path / "outside.py")
    (jail / "app" / "climb.py").symlink_to("../../../../../../.." + str(tmp_path / "outside.py"))
    (jail / "etc").symlink_to("/etc")
    return jail


def test_names_are_those_of_the_target(jail):
    with jailed(jail) as pid:
        for name in (
            "/app/main.py",
            "main.py",
            "./main.py",
            "../app/main.py",
            "/app/absolute.py",
            "absolute.py",
        ):
            assert read_source(pid, name) == "the jail's"
    with jailed(jail, "/") as pid:
        assert read_source(pid, "app/main.py") == "the jail's"


def test_no_way_out(jail, tmp_path):
    with jailed(jail) as pid:
        outside = str(tmp_path / "outside.py")
        for name in (
            outside,
            "../../outside.py",
            "/../outside.py",
            "escape.py",
            "climb.py",
            "/etc/passwd",
            "/etc",
        ):
            with pytest.raises(SourceUnavailable, match=r"no such file|round in circles"):
                read_source(pid, name)


def test_a_mapped_file_is_opened(jail):
    with jailed(jail) as pid:
        process = open_process(pid)
        # The maps name it from our root.
        mapping = next(one for one in read_maps(pid) if one.path == str(jail / "app" / "library.so"))
        with process.open_mapped(mapping) as file:
            assert file.read(4) == b"code"
        os.close(open_in_root(pid, "library.so"))


def test_another_mount_namespace(jail):
    """A container's files are found though no path of ours leads to them."""
    script = (
        "import subprocess, sys, os\n"
        "subprocess.run(['mount', '-t', 'tmpfs', 'none', sys.argv[1]], check=True)\n"
        "open(sys.argv[1] + '/only_here.py', 'w').write('in the container')\n"
        "os.chdir(sys.argv[1])\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        ["unshare", "-m", sys.executable, "-c", script, str(jail / "app")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        if child.stdout.readline() != b"ready\n":
            pytest.skip("no right to mount")
        name = jail / "app" / "only_here.py"
        assert not name.exists()
        assert read_source(child.pid, str(name)) == "in the container"
        assert read_source(child.pid, "only_here.py") == "in the container"
    finally:
        child.kill()
        child.communicate()
