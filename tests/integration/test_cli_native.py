"""Whose time it is, from a live process to the text of every verb that shows it."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest
from command_line import PROGRAMS, livetop


@contextmanager
def half_native():
    program = PROGRAMS / "native_and_python.py"
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.stdout.read()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Snapshots of one target: as it is by default, with C frames, without stops, without any split."""
    folder = tmp_path_factory.mktemp("native")
    ways = {"split": [], "frames": ["--native"], "guess": ["--nonblocking"], "none": ["--no-native"]}
    with half_native() as program:
        for name, options in ways.items():
            path = folder / f"{name}.livetop"
            _, err = livetop("record", program.pid, "-d", 4, "--max-cpu", 50, "-o", path, *options)
            assert ("estimated" in err) is (name == "guess")
    return folder


def rows_of(path, *options):
    return {row["function"]: row for row in json.loads(livetop("show", path, "--json", *options)[0])["rows"]}


@pytest.mark.parametrize("name", ["split", "frames"])
def test_native_time_is_told_from_python(recorded, name):
    rows = rows_of(recorded / f"{name}.livetop", "--by", "function")
    packed, counted = rows["packed"], rows["counted"]
    assert (
        packed["native_share"] > 0.7
        and packed["native_low"] <= packed["native_share"] <= packed["native_high"]
    )
    assert counted["native_share"] < 0.3
    assert max(packed["libraries"], key=packed["libraries"].get).startswith(("libz", "zlib"))
    assert not packed["estimated"] and packed["exact"] > 0
    assert packed["python"] + packed["native"] + packed["system"] == pytest.approx(packed["own"])


def test_libraries_are_a_table(recorded):
    rows = rows_of(recorded / "split.livetop", "--by", "library")
    assert rows["[python]"]["own_share"] > 0.25
    assert sum(row["own_share"] for row in rows.values()) == pytest.approx(1.0)
    out, _ = livetop("show", recorded / "split.livetop", "--by", "library")
    assert "LIBRARY" in out and "[python]" in out
    assert "estimate" not in out


def test_without_stops_it_is_an_estimate_and_said_to_be(recorded):
    path = recorded / "guess.livetop"
    rows = rows_of(path, "--by", "function")
    assert rows["packed"]["estimated"] and rows["counted"]["estimated"]
    assert rows["packed"]["native_share"] > 0.7 > 0.3 > rows["counted"]["native_share"]
    assert rows["packed"]["system"] is None
    assert "native time is estimated" in livetop("show", path)[0]
    assert set(rows_of(path, "--by", "library")) == {"[python]", "[native]"}
    out, _ = livetop("diff", path, recorded / "split.livetop", "--by", "library")
    assert "before: native time is an estimate" in out


def test_what_is_not_wanted_is_not_there(recorded):
    rows = rows_of(recorded / "none.livetop", "--by", "function")
    assert rows["packed"]["native_share"] is None
    assert "NAT%" not in livetop("show", recorded / "none.livetop")[0]


def test_c_frames_are_in_the_stacks_and_not_in_the_tables(recorded):
    path = recorded / "frames.livetop"
    stacks, _ = livetop("export", path, "-f", "collapsed", "-o", "-")
    packed = [line for line in stacks.splitlines() if "packed (" in line]
    assert any("packed (" in line.rpartition(";")[0] and "libz" in line.rpartition(";")[2] for line in packed)
    for table in ("line", "function"):
        found = json.loads(livetop("show", path, "--json", "--by", table)[0])["rows"]
        assert not any(row["function"].startswith("deflate") for row in found)
    plain, _ = livetop("export", recorded / "split.livetop", "-f", "collapsed", "-o", "-")
    assert "libz" not in plain


def test_a_dump_with_c_frames(recorded):
    with half_native() as program:
        found = json.loads(livetop("dump", program.pid, "--native", "--json")[0])
        out, _ = livetop("dump", program.pid, "--native")
        bare, _ = livetop("dump", program.pid)
    waits = next(thread for thread in found["threads"] if thread["name"] == "waits")
    assert {frame["kind"] for frame in waits["frames"]} == {"native", "python"}
    assert "  C " in out
    assert "  C " not in bare


def test_waiting_has_its_reason(recorded):
    path = recorded / "split.livetop"
    rows = rows_of(path, "--by", "thread", "--mode", "wall", "--idle")
    assert "lock" in max(rows["waits"]["waits"], key=rows["waits"]["waits"].get)
    found = json.loads(livetop("show", path, "--json")[0])
    (thread,) = [thread for thread in found["threads"] if thread["name"] == "waits"]
    assert sum(thread["waits"].values()) == pytest.approx(thread["wait"] + thread["gil"], rel=0.05)
    assert "WAITED FOR" in livetop("show", path, "--by", "thread", "--mode", "wall", "--idle")[0]
