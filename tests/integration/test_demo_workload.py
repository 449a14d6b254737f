"""The demo's workload: runs on every supported Python, in named threads, and ends with its parent."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


def interpreters():
    """Every supported CPython of this machine, one of each minor version."""
    found = {sys.version_info[:2]: sys.executable}
    for minor in (11, 12, 13):
        on_path = shutil.which(f"python3.{minor}")
        candidates = [*PYENV.glob(f"3.{minor}.[0-9]*/bin/python3.{minor}"), *([on_path] if on_path else [])]
        for candidate in candidates:
            found.setdefault((3, minor), str(candidate))
    return [pytest.param(path, id=f"{major}.{minor}") for (major, minor), path in sorted(found.items())]


def thread_names(pid):
    return {(task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}


@pytest.mark.parametrize("python", interpreters())
def test_it_works_in_named_threads_and_cleans_up(python, tmp_path):
    wanted = {"pricing-1", "pricing-2", "archiver", "auditor", "housekeeping"}
    program = subprocess.Popen(
        [python, "-m", "livetop.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": ""},
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 20
        while not thread_names(program.pid) >= wanted:
            assert time.monotonic() < deadline, thread_names(program.pid)
            assert program.poll() is None, program.stderr.read()
            time.sleep(0.05)
        while not list(tmp_path.glob("livetop-demo-*/batch-*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        program.send_signal(signal.SIGTERM)
        assert program.wait(15) == 0
        assert program.stderr.read() == b""
        assert list(tmp_path.iterdir()) == []
    finally:
        program.kill()
        program.wait()
        program.stderr.close()


def test_it_ends_when_its_parent_is_killed(tmp_path):
    starter = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'livetop.demo'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
    ) as parent:
        pid = int(parent.stdout.readline())
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("livetop-demo-*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.kill()
    while Path(f"/proc/{pid}").exists():
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
