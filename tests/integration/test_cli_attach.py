"""`livetop attach` without a screen: tables, JSON, signals, and everything that may end it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import SCRIPTED, environment, livetop, start, target


def own_shares(table):
    """Function -> %OWN, from the plain table."""
    shares = {}
    split = r"~?\d+% +\d+ +(?:\d+% +)?"
    for line in table.splitlines():
        if found := re.match(rf" *([\d.]+) +[\d.]+ +[\d.]+s +[\d.]+s +(?:{split})?(\S+)", line):
            shares[found[2]] = shares.get(found[2], 0.0) + float(found[1])
    return shares


def engine_of(process):
    """PID of the engine that a livetop process has started."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if "livetop.sampling" in Path(f"/proc/{child}/cmdline").read_text():
                    return int(child)
        time.sleep(0.05)
    raise AssertionError("no engine was started")


def test_a_table_at_the_end_shows_the_hot_lines():
    with target() as program:
        out, err = livetop("attach", program.pid, "-d", 2)
    assert err == ""
    shares = own_shares(out)
    assert shares["hot"] > 60
    assert "cli_target.py:10" in out or "cli_target.py:11" in out
    assert str(program.pid) in out.splitlines()[0]


def test_the_options_of_the_picture_reach_the_table():
    with target() as program:
        out, _ = livetop(program.pid, "-d", 1.5, "--filter", "hot", "-n", 1)
        assert set(own_shares(out)) <= {"hot"}
        assert len(own_shares(out)) == 1
        out, _ = livetop("attach", program.pid, "-d", 1.5, "--mode", "wall", "--idle")
        assert "wall time" in out
        _, err = livetop("attach", program.pid, "-d", 1, "--thread", "nobody", code=2)
        assert "no thread 'nobody'; there are:" in err
        assert "MainThread" in err


def test_json_is_one_object_a_refresh():
    with target() as program:
        out, err = livetop("attach", program.pid, "-d", 2.5, "--json", "--refresh", 2)
    assert err == ""
    objects = [json.loads(line) for line in out.splitlines()]
    assert len(objects) >= 3
    last = objects[-1]
    assert last["schema"] == 1
    assert last["targets"][0]["pid"] == program.pid
    assert last["rows"][0]["function"] == "hot"
    assert last["rows"][0]["estimated"] is False
    assert last["rows"][0]["native_share"] < 0.5
    assert sum(row["own_share"] for row in last["rows"]) == pytest.approx(1, abs=0.01)
    assert {thread["tid"] for thread in last["threads"]} >= {program.pid}
    assert last["sampling"]["samples"] > objects[0]["sampling"]["samples"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_detach_print_the_table_and_keep_what_o_promised(number, tmp_path):
    saved = tmp_path / "kept.livetop"
    with target() as program, start("attach", program.pid, "-o", saved) as process:
        engine = engine_of(process)
        time.sleep(2)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert own_shares(out)["hot"] > 60
        assert program.poll() is None
        assert "TracerPid:\t0" in Path(f"/proc/{program.pid}/status").read_text()
    assert not Path(f"/proc/{engine}").exists()
    out, _ = livetop("show", saved)
    assert own_shares(out)["hot"] > 60


def test_the_targets_exit_is_no_error():
    with target(seconds=2) as program:
        out, err = livetop("attach", program.pid)
    assert own_shares(out)["hot"] > 60
    assert err.count("\n") == 1
    assert "exited" in err


def test_a_killed_engine_is_told_and_the_figures_are_kept():
    with target() as program, start("attach", program.pid) as process:
        engine = engine_of(process)
        time.sleep(2)
        os.kill(engine, signal.SIGKILL)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "killed (SIGKILL)" in err
        assert "kept" in err
        assert own_shares(out)["hot"] > 60
        assert program.poll() is None


def test_a_killed_livetop_takes_its_engine_with_it_and_leaves_the_target():
    with target() as program, start("attach", program.pid) as process:
        engine = engine_of(process)
        time.sleep(1)
        process.kill()
        process.communicate()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{engine}").exists() and time.monotonic() < deadline:
            state = Path(f"/proc/{engine}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                break
            time.sleep(0.05)
        else:
            assert not Path(f"/proc/{engine}").exists()
        assert program.poll() is None
        assert "TracerPid:\t0" in Path(f"/proc/{program.pid}/status").read_text()


def test_a_reader_that_has_seen_enough_is_no_error():
    with target() as program:
        process = start("attach", program.pid, "--json", "--refresh", 5)
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(30) == 0
        assert err == ""
        process.stderr.close()


def test_attaching_by_name_and_to_nothing(tmp_path):
    script = tmp_path / "only-one-of-this-name.py"
    script.write_text("import time\nprint(flush=True)\ntime.sleep(3600)\n")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        out, _ = livetop(script.name, "-d", 0.7, "--idle", "--mode", "wall")
        assert str(program.pid) in out
        program.kill()
        program.wait()
        _, err = livetop("attach", program.pid, code=3)
        assert f"{program.pid}" in err
        assert err.count("\n") == 1
    _, err = livetop("attach", script.name, code=3)
    assert "livetop list" in err


def test_what_is_no_python_is_refused():
    with subprocess.Popen(["sleep", "60"]) as program:
        try:
            for verb in (["attach"], ["dump"], ["record", "-o", "/tmp/never-written.livetop"]):
                out, err = livetop(*verb, program.pid, code=3)
                assert out == ""
                assert "not a Python program" in err
                assert err.count("\n") == 1
        finally:
            program.kill()


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("refuse", 3, "there is no process 4242"),
        ("not-livetop", 1, "sh: livetop: not found"),
        ("old", 1, "install the same livetop on both ends"),
        ("undefined", 1, "never defined"),
    ],
)
def test_an_engine_that_cannot_is_one_line(what, code, said):
    _, err = livetop("attach", 4242, "-d", 2, "--via", f"{SCRIPTED} {what} engine", code=code)
    lines = [line for line in err.splitlines() if not line.endswith(" ...")]
    assert len(lines) == 1
    assert said in lines[0]


def test_ignored_signals_stay_ignored():
    """As nohup has it: a hangup must not end it."""
    with target() as program:
        command = ["sh", "-c", f"trap '' HUP; exec {sys.executable} -m livetop attach {program.pid} -d 3"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            engine_of(process)
            time.sleep(0.5)
            began = time.monotonic()
            process.send_signal(signal.SIGHUP)
            out, _ = process.communicate(timeout=30)
            assert process.returncode == 0
            assert time.monotonic() - began > 1
            assert own_shares(out)["hot"] > 60
