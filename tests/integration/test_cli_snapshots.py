"""The whole way from a process to a comparison: record, show, export, diff."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import pytest
from command_line import SCRIPTED, livetop, start, target


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Two seconds of the target."""
    path = tmp_path_factory.mktemp("recorded") / "before.livetop"
    with target() as program:
        out, err = livetop("record", program.pid, "-d", 2, "-o", path)
        assert out == ""
        assert f"recording process {program.pid} for 2 s" in err
        assert re.search(rf"{path}: [\d,]+ samples in 2\.\d s", err)
    return path


def test_a_recording_is_private_and_shows_what_ran(snapshot):
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    out, _ = livetop("show", snapshot, "--by", "function", "-n", 3)
    assert "hot" in out.splitlines()[5]
    out, _ = livetop("show", snapshot, "--json", "-n", 1)
    found = json.loads(out)
    assert found["window"] is None
    assert [row["function"] for row in found["rows"]] == ["hot"]
    out, _ = livetop("show", snapshot, "--by", "thread", "--mode", "wall", "--idle")
    assert "MainThread" in out


def test_a_recording_holds_the_source_unless_told_otherwise(snapshot, tmp_path):
    import gzip

    assert b"def hot(rounds)" in gzip.decompress(snapshot.read_bytes())
    bare = tmp_path / "bare.livetop"
    livetop("export", snapshot, "-o", bare, "--no-source", "--no-argv")
    held = gzip.decompress(bare.read_bytes())
    assert b"def hot(rounds)" not in held
    assert sys.executable.encode() not in held


def test_collapsed_stacks_from_both_verbs(snapshot, tmp_path):
    out, err = livetop("export", snapshot, "-f", "collapsed", "-o", "-")
    assert err == ""
    pattern = re.compile(r"^(?:[^;]+;)*[^;]+ \d+$")
    assert all(pattern.match(line) for line in out.splitlines())
    assert re.search(r"main \(\S*cli_target\.py:\d+\);hot \(\S*cli_target\.py:1[01]\) \d+", out)
    stacks = tmp_path / "stacks.collapsed"
    with target() as program:
        livetop("record", program.pid, "-d", 1, "-o", stacks)
    assert "hot (" in stacks.read_text()


def test_a_diff_with_itself_is_no_difference(snapshot):
    out, _ = livetop("diff", snapshot, snapshot)
    assert "no significant difference" in out
    out, _ = livetop("diff", snapshot, snapshot, "--json", "--by", "function")
    assert all(row["delta"] == 0 and not row["significant"] for row in json.loads(out)["rows"])
    out, _ = livetop("diff", snapshot, snapshot, "--markdown", "--fail-over", "1")
    assert "|" in out
    livetop("diff", snapshot, snapshot, "--json", "--markdown", code=2)


def test_a_growth_fails_when_asked_for(tmp_path):
    program = tmp_path / "shifting.py"
    program.write_text(
        "import sys, time\n"
        "def steady():\n    return sum(i * i for i in range(3000))\n"
        "def growing(n):\n    return [i * i for i in range(n)]\n"
        "print(flush=True)\n"
        "while True:\n    steady()\n    growing(int(sys.argv[1]))\n"
    )
    paths = []
    for size in ("300", "9000"):
        path = tmp_path / f"{size}.livetop"
        with subprocess.Popen([sys.executable, program, size], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            livetop("record", process.pid, "-d", 6, "-o", path)
            process.kill()
        paths.append(path)
    out, err = livetop("diff", *paths, "--by", "function", "--fail-over", 10, code=5)
    assert "growing" in out
    assert "10 percentage points" in err
    livetop("diff", *reversed(paths), "--by", "function", "--fail-over", 90)


def test_a_pipe_that_closes_early_is_quiet(snapshot):
    with start("show", snapshot, "--json") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_recording_that_is_cut_short_is_saved(number, tmp_path):
    path = tmp_path / "short.livetop"
    with target() as program, start("record", program.pid, "-o", path) as process:
        assert "recording" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 0
    out, _ = livetop("show", path)
    assert "hot" in out


def test_data_that_cannot_be_written_is_kept_and_told(tmp_path):
    folder = tmp_path / "soon-gone"
    folder.mkdir()
    with target() as program, start("record", program.pid, "-o", folder / "x.livetop", "-d", 2) as process:
        assert "recording" in process.stderr.readline()
        folder.rmdir()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    kept = re.search(r"the data is in (\S+)", err)[1]
    out, _ = livetop("show", kept)
    assert "hot" in out
    os.unlink(kept)
    os.rmdir(os.path.dirname(kept))


def test_an_unwritable_place_is_refused_before_sampling(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path, tmp_path / "no" / "x.livetop", tmp_path / "link"):
        began = time.monotonic()
        _, err = livetop("record", os.getpid(), "-d", 50, "-o", path, code=1)
        assert err.count("\n") == 1
        assert time.monotonic() - began < 30


def test_damaged_and_newer_snapshots_are_one_line(snapshot, tmp_path):
    import gzip

    whole = snapshot.read_bytes()
    newer = gzip.compress(gzip.decompress(whole).replace(b'"schema":1', b'"schema":99', 1))
    for number, data in enumerate(
        (b"", b"not gzip", whole[: len(whole) // 2], newer, gzip.compress(b"[1, 2]"))
    ):
        path = tmp_path / f"{number}.livetop"
        path.write_bytes(data)
        for verb in (["show"], ["view"], ["export", "-o", "-", "-f", "collapsed"], ["diff", path]):
            _, err = livetop(*verb, path, code=1)
            assert err.startswith("livetop: ")
            assert err.count("\n") == 1


def test_view_needs_a_terminal(snapshot):
    _, err = livetop("view", snapshot, code=2)
    assert f"livetop show {snapshot}" in err


def test_a_recording_through_an_engine_that_dies_keeps_what_came(tmp_path):
    path = tmp_path / "half.livetop"
    via = f"{SCRIPTED} killed engine"
    _, err = livetop("record", 4242, "-d", 3, "-o", path, "--via", via, code=1)
    assert "SIGKILL" in err
    assert "tokenize" in livetop("show", path)[0]
