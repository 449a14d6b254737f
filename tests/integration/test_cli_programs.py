"""The verbs that start programs (run, demo), look once (dump, list, doctor), or go through something."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import TARGET, environment, livetop, start, target
from ssh_server import AVAILABLE, ssh_server

ENGINE = shlex.join([sys.executable, "-I", "-m", "livetop", "engine"])


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def ends(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


# ---------------------------------------------------------------- run and demo


def test_run_watches_a_program_to_its_end_and_keeps_its_words():
    out, err = livetop("run", TARGET, "2", "--json", "-d", "99")
    assert "hot" in out
    log = re.search(r"goes to (\S+)", err)[1]
    # Everything after the program is its own, options too.
    assert "ready ['2', '--json', '-d', '99']" in Path(log).read_text()
    assert "exited" in err.splitlines()[-1]
    os.unlink(log)


def test_run_takes_a_module_and_another_python(tmp_path):
    (tmp_path / "busy_module.py").write_text(TARGET.read_text())
    out, err = livetop("run", "--python", sys.executable, "-m", "busy_module", "1.5", cwd=tmp_path)
    assert "hot" in out
    assert "busy_module.py" in out
    os.unlink(re.search(r"goes to (\S+)", err)[1])


def test_run_tells_how_a_program_failed():
    _, err = livetop("run", "--", "false", code=3)
    assert err.splitlines()[-1].startswith("livetop: ")


def test_the_demo_without_a_terminal_prints_its_table_and_ends_its_program():
    with start("demo", "-d", "4") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "edit_distance" in out
    assert "demo/pricing.py" in out
    pid = int(re.search(r"pid (\d+)", out)[1])
    assert ends(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_demos_program_ends_with_livetop_however_that_ends(number):
    with start("demo", "--json", "-d", "30") as process:
        pid = json.loads(process.stdout.readline())["targets"][0]["pid"]
        assert alive(pid)
        process.send_signal(number)
        process.stdout.read()
        process.wait(20)
    assert ends(pid)


# ---------------------------------------------------------------- dump


def test_dump_shows_every_threads_stack():
    with target() as program:
        out, err = livetop("dump", program.pid)
        assert err == ""
        assert f"Process {program.pid}, Python {sys.version.split()[0]}" in out
        assert re.search(rf'Thread {program.pid} "MainThread": ', out)
        assert re.search(r"\n    main \(\S*cli_target\.py:\d+\)\n    <module> \(", out)
        found = json.loads(livetop("dump", program.pid, "--json")[0])
        assert found["pid"] == program.pid
        assert set(found["threads"][0]) == {"tid", "name", "state", "holds_gil", "waiting_on", "frames"}
        assert found["threads"][0]["frames"][-1]["function"] == "<module>"
        through = json.loads(
            livetop("dump", program.pid, "--json", "--via", f"sh -c 'exec {ENGINE}' engine")[0]
        )
        assert [t["tid"] for t in through["threads"]] == [t["tid"] for t in found["threads"]]


def test_doctor_says_when_nothing_is_in_the_way():
    with target() as program:
        out, _ = livetop("doctor", program.pid)
        assert f"livetop attach {program.pid}" in out
        out, _ = livetop("doctor")
        assert f"process {program.pid}" in out


# ---------------------------------------------------------------- through something


def test_through_a_plain_shell():
    with target() as program:
        out, err = livetop("attach", program.pid, "-d", 1.5, "--via", "sh -c", env=environment())
        assert err == ""
        assert "hot" in out
        _, err = livetop("attach", 2**22 + 1, "--via", "sh -c", code=3)
        assert "no process" in err


@pytest.mark.skipif(not AVAILABLE, reason="OpenSSH's server is not installed")
def test_through_openssh_to_this_machine(tmp_path):
    with ssh_server(tmp_path) as ssh, target() as program:
        via = f"{ssh} {ENGINE}"
        out, _ = livetop("attach", program.pid, "-d", 1.5, "--via", via)
        assert "hot" in out
        # A login banner comes before the engine's first word.
        chatty = f"{ssh} echo Welcome to this machine ';' {ENGINE}"
        path = tmp_path / "far.livetop"
        livetop("record", program.pid, "-d", 1.5, "-o", path, "--via", chatty)
        assert "hot" in livetop("show", path)[0]
        # By name, which is looked up over there; and what is not there.
        found = json.loads(livetop("dump", program.pid, "--json", "--via", via)[0])
        assert found["pid"] == program.pid
        _, err = livetop("attach", "no-such-program-anywhere", "--via", via, code=3)
        assert "no Python process" in err
        _, err = livetop("attach", program.pid, "--via", f"{ssh} /no/such/livetop engine", code=1)
        assert "/no/such/livetop" in err
        assert "PATH" in err


@pytest.mark.skipif(not AVAILABLE, reason="OpenSSH's server is not installed")
def test_a_dropped_ssh_connection_keeps_the_figures(tmp_path):
    with ssh_server(tmp_path) as ssh, target() as program:
        with start("attach", program.pid, "--via", f"{ssh} {ENGINE}") as process:
            time.sleep(3)
            [child] = [
                int(pid)
                for task in Path(f"/proc/{process.pid}/task").iterdir()
                for pid in (task / "children").read_text().split()
            ]
            os.kill(child, signal.SIGKILL)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "kept" in err
        assert "hot" in out
        assert program.poll() is None


def test_the_engine_verb_refuses_a_terminal():
    import pty

    main, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "livetop", "engine"],
            stdin=terminal, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    finally:
        os.close(main)
        os.close(terminal)
    assert done.returncode == 2
    assert "livetop attach" in done.stderr
