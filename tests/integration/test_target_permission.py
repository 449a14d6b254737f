"""What the kernel really refuses, and whether we name the reason."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become other users")

NOBODY = 65534

# Everything is imported before the rights go: another user may not be able to read this interpreter.
LOOK = """
import ctypes, json, os, pwd, shlex, shutil, site, sys
import ptrace.binding.func
from livetop.target.errors import TargetError
from livetop.target.permission import diagnose
from livetop.target.process import open_process
from livetop.target.stop import Stopper
libc = ctypes.CDLL(None, use_errno=True)
pid, change = int(sys.argv[1]), sys.argv[2]
if change == "nobody":
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
elif change == "seccomp":
    # process_vm_readv (310) returns EPERM, as older container profiles have it.
    import struct
    program = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *row) for row in (
        (0x20, 0, 0, 0), (0x15, 0, 1, 310), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000))))
    fprog = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(program))
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, fprog, 0, 0) == 0
result = {"obstacles": [], "open": None, "stop": None}
try:
    result["obstacles"] = [[found.name, found.why, found.fix] for found in diagnose(pid)]
except TargetError as error:
    result["obstacles"] = [type(error).__name__]
for name, action in (("open", lambda: open_process(pid)), ("stop", lambda: Stopper(pid).stop(pid, 0.1))):
    try:
        action()
        result[name] = [0, "", ""]
    except TargetError as error:
        result[name] = [error.code, type(error).__name__, str(error)]
print(json.dumps(result))
"""

TARGET = """
import ctypes, os, sys
change = sys.argv[1]
if "nobody" in change:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
if "dumpable" in change:
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def target(change: str = "", *prefix: str) -> Iterator[int]:
    child = subprocess.Popen(
        [*prefix, sys.executable, "-c", TARGET, change], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child.pid
    finally:
        child.stdin.close()
        child.stdout.close()
        child.kill()
        child.wait()


def look(pid: int, change: str = "", *prefix: str) -> dict:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", LOOK, str(pid), change], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_denied(result: dict, obstacle: str, *words: str) -> None:
    assert [found[0] for found in result["obstacles"]] == [obstacle]
    code, name, text = result["open"]
    assert (code, name) == (4, "PermissionDenied")
    for word in words:
        assert word in text
    assert "\n" not in text
    assert result["stop"][0] == 4


def test_nothing_in_the_way_of_our_own_child():
    with target() as pid:
        result = look(pid) if os.geteuid() == 0 else None
        if result is None:
            pytest.skip("Yama may rightly refuse siblings")
        assert result == {"obstacles": [], "open": [0, "", ""], "stop": [0, "", ""]}


@needs_root
def test_another_users_process():
    with target() as pid:
        result = look(pid, "nobody")
        assert_denied(
            result, "other user", "root (uid 0)", "nobody (uid 65534)", sys.executable, f"attach {pid}"
        )
        assert ("sudo " in result["open"][2]) == bool(shutil.which("sudo"))


@needs_root
def test_a_process_that_is_not_dumpable():
    # One that changed its user is not, until it says otherwise.
    with target("nobody") as pid:
        assert_denied(look(pid, "nobody"), "not dumpable", "PR_SET_DUMPABLE")
        assert look(pid)["open"] == [0, "", ""]
    with target("nobody dumpable") as pid:
        result = look(pid, "nobody")
        if "ptrace_scope" not in str(result):
            assert result == {"obstacles": [], "open": [0, "", ""], "stop": [0, "", ""]}


needs_setpriv = pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
POWERLESS = ("setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace")


@needs_root
@needs_setpriv
def test_root_without_the_capability():
    with target("nobody dumpable") as pid:
        assert_denied(look(pid, "", *POWERLESS), "capability", "--cap-add=SYS_PTRACE")
    # Another root with more rights than ours.
    with target() as pid:
        assert_denied(look(pid, "", *POWERLESS), "capability", "--cap-add=SYS_PTRACE")
    # But what is no more than ourselves we may read, so nothing is in the way.
    with target("", *POWERLESS) as pid:
        assert look(pid, "", *POWERLESS)["open"] == [0, "", ""]


@needs_root
def test_a_sandbox_that_forbids_the_call():
    with target() as pid:
        result = look(pid, "seccomp")
        assert [found[0] for found in result["obstacles"]] == ["sandbox"]
        assert result["open"][:2] == [4, "PermissionDenied"]
        assert "seccomp" in result["open"][2] and "--cap-add=SYS_PTRACE" in result["open"][2]


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_a_rootless_container_may_be_read():
    probe = subprocess.run(["unshare", "-Ur", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("user namespaces are switched off here")
    with target("", "unshare", "-Ur") as pid:
        assert look(pid) == {"obstacles": [], "open": [0, "", ""], "stop": [0, "", ""]}
        # Seen from within, the machine's processes are out of reach.
        inside = look(os.getpid(), "", "unshare", "-Ur")
        assert inside["open"][:2] == [4, "PermissionDenied"]
        assert inside["obstacles"]


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_hidden_processes(hidepid):
    mount = ("unshare", "-m", "sh", "-c", f'mount -t proc -o hidepid={hidepid} proc /proc && exec "$0" "$@"')
    if subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("no right to mount /proc")
    with target("nobody") as pid:
        result = look(pid, "nobody", *mount)
        assert result["open"][0] == 4
    with target() as pid:
        # Root's process cannot even be signalled: whether it is there is all that may be known.
        result = look(pid, "nobody", *mount)
        assert_denied(result, "hidden", "hidden", sys.executable)
        assert look(2**22 + 1, "nobody", *mount)["open"][:2] == [3, "NoSuchProcess"]
