"""What a PID can turn out to be: each with one clear line."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from livetop.elf.symbols import find_symbols
from livetop.target.discover import find_one, find_processes, look_at
from livetop.target.errors import AlreadyTraced, Ambiguous, NoSuchProcess, NotReadable, ProcessGone
from livetop.target.maps import mapped_files, read_maps
from livetop.target.process import open_process, read_argv
from livetop.target.procfs import read_stat
from livetop.target.stop import Stopper

WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"


@contextlib.contextmanager
def running(*command: str, **options) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child
    finally:
        child.stdin.close()
        child.stdout.close()
        child.kill()
        child.wait()


def wait_until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def assert_refused(error: type[Exception], pid: int, code: int, *words: str) -> None:
    with pytest.raises(error) as caught:
        open_process(pid)
    text = str(caught.value)
    assert caught.value.code == code
    assert "\n" not in text
    for word in words:
        assert word in text


def test_what_a_process_is(tmp_path):
    with running(sys.executable, "-c", WAIT, "caf\udce9", "", "\x1b[31m", "a\n\tb", cwd=tmp_path) as child:
        process = open_process(child.pid)
        assert process.pid == child.pid
        assert process.argv[-4:] == ["caf\\xe9", "", "\\x1b[31m", "a  b"]
        assert process.exe == os.path.realpath(sys.executable)
        assert process.cwd == str(tmp_path)
        assert process.host == os.uname().nodename
        assert abs(process.started - time.time()) < 60
        assert process.state in "RS"
        assert process.exists()
        assert not process.has_execed()
        with process.exe_file() as file:
            assert file.read(4) == b"\x7fELF"


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 2**31, 2**70])
def test_no_such_process(pid):
    assert_refused(NoSuchProcess, pid, 3, str(pid), "livetop list")


def test_a_zombie():
    with running(sys.executable, "-c", WAIT) as child:
        child.kill()
        wait_until(lambda: read_stat(child.pid).state == "Z")
        assert_refused(NotReadable, child.pid, 3, "zombie", f"PID {os.getpid()}")


def test_a_kernel_thread():
    for name in os.listdir("/proc"):
        with contextlib.suppress(NoSuchProcess):
            if name.isdigit() and read_stat(int(name)).kernel_thread:
                assert_refused(NotReadable, int(name), 3, "kernel thread")
                return
    pytest.skip("no kernel thread is visible in this PID namespace")


def test_a_thread_is_not_a_process():
    script = (
        "import threading, time\n"
        f"threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n{WAIT}"
    )
    with running(sys.executable, "-c", script) as child:
        (tid,) = {int(name) for name in os.listdir(f"/proc/{child.pid}/task")} - {child.pid}
        assert_refused(NotReadable, tid, 3, f"livetop attach {child.pid}")


def test_traced_by_another():
    tracer = (
        "import sys; from livetop.target.stop import Stopper\n"
        "pid = int(sys.argv[1]); stopper = Stopper(pid)\n"
        "while not stopper.stop(pid, 1): pass\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with running(sys.executable, "-c", "print('ready', flush=True)\nwhile True: pass") as child:
        with running(sys.executable, "-c", tracer, str(child.pid)) as holder:
            assert_refused(AlreadyTraced, child.pid, 4, f"PID {holder.pid}", "--nonblocking")
            assert open_process(child.pid, traced=True).state == "t"
        assert open_process(child.pid).exists()


def test_our_own_stop_is_no_obstacle():
    with running(sys.executable, "-c", "print('ready', flush=True)\nwhile True: pass") as child:
        stopper = Stopper(child.pid)
        try:
            assert stopper.stop(child.pid, timeout=5.0)
            assert open_process(child.pid).exists()
        finally:
            stopper.close()


@pytest.mark.parametrize("same_addresses", [False, True])
def test_exec_of_the_very_same_program(same_addresses):
    # Without address randomisation all that exec changes is what the kernel makes random on purpose.
    script = (
        "import os, sys; print('ready', flush=True); sys.stdin.readline()\n"
        "os.execv(sys.executable, sys.orig_argv)"
    )
    prefix = ["setarch", "-R"] if same_addresses else []
    if same_addresses and not shutil.which("setarch"):
        pytest.skip("needs setarch")
    with running(*prefix, sys.executable, "-c", script) as child:
        process = open_process(child.pid)
        for _ in range(3):
            assert not process.has_execed()
            child.stdin.write(b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"ready\n"
            assert process.has_execed()
            assert process.exists()
            process = open_process(child.pid)


def test_exit_is_noticed():
    with running(sys.executable, "-c", WAIT) as child:
        process = open_process(child.pid)
        child.kill()
        wait_until(lambda: not process.exists())
        child.wait()
        assert not process.exists()
        with pytest.raises(ProcessGone):
            process.has_execed()
        with pytest.raises((ProcessGone, NotReadable)):
            process.exe_file()


def test_a_reused_pid_is_another_process():
    with running(sys.executable, "-c", WAIT) as child:
        process = open_process(child.pid)
        older = replace(process, start_time=process.start_time - 1)
        assert process.exists()
        assert not older.exists()


def test_a_huge_command_line_is_cut():
    words = ["x" * 100_000, *["y"] * 20_000]
    with running(sys.executable, "-c", WAIT, *words) as child:
        argv = read_argv(child.pid)
        assert len(argv) <= 257
        assert argv[-1] == "…"
        assert max(len(word) for word in argv) <= 4096
        assert open_process(child.pid).argv == argv


def test_mapped_files_are_opened_even_when_replaced(tmp_path):
    """The program of a running process is deleted and its name given to other content, as an upgrade does."""
    program = tmp_path / "my python"
    shutil.copy(os.path.realpath(shutil.which("sleep")), program)
    child = subprocess.Popen([program, "60"])
    try:
        wait_until(lambda: os.readlink(f"/proc/{child.pid}/exe") == str(program))
        inode = program.stat().st_ino
        (tmp_path / "new").write_bytes(b"\x7fELF something else")
        os.replace(tmp_path / "new", program)
        process = open_process(child.pid)
        assert process.exe == f"{program} (deleted)"
        mapping = next(one for one in read_maps(child.pid) if one.inode == inode)
        with process.open_mapped(mapping) as file:
            assert os.fstat(file.fileno()).st_ino == inode
        with process.exe_file() as file:
            assert os.fstat(file.fileno()).st_ino == inode
    finally:
        child.kill()
        child.wait()


def test_the_runtime_is_found_in_a_real_process():
    with running(sys.executable, "-c", WAIT) as child:
        process = open_process(child.pid)
        found = []
        for group in mapped_files(read_maps(child.pid)).values():
            if any("x" in mapping.permissions for mapping in group):
                with process.open_mapped(group[0]) as file:
                    found += find_symbols(file, ["_PyRuntime"])
        assert found == ["_PyRuntime"]


def test_a_name_finds_its_process(tmp_path):
    script = tmp_path / "livetop_test_worker.py"
    script.write_text(WAIT)
    with running(sys.executable, str(script)) as child:
        assert find_one("livetop_test_worker.py") == child.pid
        assert find_one("livetop_test_worker") == child.pid
        assert find_one(str(script)) == child.pid
        with running(sys.executable, str(script)) as second:
            with pytest.raises(Ambiguous) as caught:
                find_one("livetop_test_worker.py")
            text = str(caught.value)
            assert "2 Python processes" in text
            assert str(child.pid) in text and str(second.pid) in text
            assert "\n" not in text
    with pytest.raises(NoSuchProcess, match="livetop list"):
        find_one("livetop_test_worker.py")


def test_listing():
    with running(sys.executable, "-c", WAIT) as child:
        listed = {candidate.pid: candidate for candidate in find_processes()}
        found = listed[child.pid]
        assert found.parent == os.getpid()
        assert found.argv == read_argv(child.pid)
        assert not found.own
        assert found.rss > 0
        assert found.cpu >= 0
        assert abs(found.started - time.time()) < 60
        child.kill()
        wait_until(lambda: read_stat(child.pid).state == "Z")
        assert look_at(child.pid) is None
    sleeping = subprocess.Popen(["sleep", "60"])
    try:
        wait_until(
            lambda: os.readlink(f"/proc/{sleeping.pid}/exe").endswith(("sleep", "coreutils", "busybox"))
        )
        assert look_at(sleeping.pid) is None
    finally:
        sleeping.send_signal(signal.SIGKILL)
        sleeping.wait()


def test_livetop_itself_is_not_a_target_by_name(tmp_path):
    (tmp_path / "livetop").write_text(WAIT)
    with running(sys.executable, str(tmp_path / "livetop"), "attach", "some_worker.py") as child:
        assert look_at(child.pid).own
        with pytest.raises(NoSuchProcess, match="no Python process"):
            find_one("some_worker.py")
