"""Targets in containers: found, read and named from outside and inside, whichever namespaces they have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetop.target.errors import SourceUnavailable
from livetop.target.files import read_source
from livetop.target.surroundings import in_container
from livetop.target.tasks import innermost_tids, list_tids
from tests.containers import KINDS, LESSER, Contained, Jailed, allowed, installed

NEWEST = installed()[-1].path
REPOSITORY = Path(__file__).parents[2]


def livetop(*words: object, within: tuple[str, ...] = (), code: int = 0) -> str:
    """What the command line says, run by another command perhaps."""
    done = subprocess.run(
        [*within, sys.executable, "-m", "livetop", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def frames_of(text: str) -> dict[int, list[list[object]]]:
    """{tid: frames as a program tells them}"""
    return {
        thread["tid"]: [[frame["file"], frame["function"], frame["line"]] for frame in thread["frames"]]
        for thread in json.loads(text)["threads"]
    }


def expected(target: Contained, *, inside: bool = False) -> dict[int, list[list[object]]]:
    """The threads' frames by id, those of the outside or those the program itself has."""
    ids = target.tids()
    threads = target.ready["threads"].items()
    return {int(tid) if inside else ids[int(tid)]: frames for tid, frames in threads}


@pytest.mark.parametrize("kind", KINDS)
def test_from_outside(kind):
    with Contained("contained.py", python=NEWEST, unshare=KINDS[kind]) as target:
        assert target.ready["pid"] == target.inner
        if "-p" in KINDS[kind]:
            assert target.inner == 1 != target.pid
        found = frames_of(livetop("dump", target.pid, "--json"))
        # The main thread reads its input.
        main = found.pop(target.pid)
        assert main[-1][1] == "<module>"
        assert found == expected(target)
        [entry] = [one for one in json.loads(livetop("list", "--json")) if one["pid"] == target.pid]
        assert entry["attachable"] and entry["python"] and entry["argv"][-1].endswith("contained.py")
        assert target.untraced


@pytest.mark.parametrize("python", installed(), ids=str)
def test_thread_ids_of_every_version(python):
    """Up to 3.10 they come out of the C library's records, which have the inner ones too."""
    with Contained("contained.py", python=python.path, unshare=KINDS["user-pid-mount"]) as target:
        found = frames_of(livetop("dump", target.pid, "--json"))
        assert found.pop(target.pid)[-1][1] == "<module>"
        assert found == expected(target)


def test_the_lesser_root_may_not_look_through_map_files():
    command = (*LESSER, "ls", "-lL", "/proc/self/map_files/")
    assert "Operation not permitted" in subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.parametrize("kind", ["pid", "user-pid-mount"])
def test_from_inside(kind):
    allowed(*KINDS[kind])
    with Contained("contained.py", python=NEWEST, unshare=KINDS[kind]) as target:
        within = ("nsenter", f"--target={target.pid}", "--pid", "--mount", "--user", "--preserve-credentials")
        if "-U" not in KINDS[kind]:
            within = within[:-2]
        found = frames_of(livetop("dump", target.inner, "--json", within=within))
        assert found.pop(target.inner)[-1][1] == "<module>"
        assert found == expected(target, inside=True)
        [entry] = [
            one for one in json.loads(livetop("list", "--json", within=within)) if one["pid"] == target.inner
        ]
        assert entry["attachable"] and entry["argv"][-1].endswith("contained.py")
        assert target.untraced


def test_thread_ids_of_the_inside_lead_to_those_of_the_outside():
    with Contained("contained.py", python=NEWEST, unshare=KINDS["pid"]) as target:
        assert innermost_tids(target.pid, list_tids(target.pid)) == target.tids()
        assert {int(tid) for tid in target.ready["threads"]} <= target.tids().keys()
    assert innermost_tids(os.getpid(), list_tids(os.getpid())) == {tid: tid for tid in list_tids(os.getpid())}


def test_a_proc_of_another_namespace_is_noticed():
    """What nsenter without --mount gives: /proc/PID would be another process."""
    within = allowed(*KINDS["pid-outer-proc"])
    for words in (("list",), ("dump", 1), ("doctor", 1)):
        done = subprocess.run(
            ["unshare", *within, "--kill-child", sys.executable, "-m", "livetop", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=REPOSITORY,
        )
        assert done.returncode == 1, done.stdout
        assert (
            "/proc is that of another PID namespace" in done.stderr and "unshare --mount-proc" in done.stderr
        )


def test_a_process_outside_is_named_as_such():
    within = ("unshare", *allowed(*KINDS["pid"]), "--kill-child")
    done = subprocess.run(
        [*within, sys.executable, "-m", "livetop", "dump", str(os.getpid() + (1 << 21))],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )
    assert done.returncode == 3 and "--pid=container:NAME" in done.stderr
    assert "in a container" in livetop("doctor", within=within)
    assert "in a container" not in livetop("doctor") or in_container()


@pytest.fixture(params=["chroot", "pivot"])
def jailed(request, tmp_path) -> Iterator[Jailed]:
    """A program that has all of its own: PIDs, users, mounts, and a root where /app is a folder of ours."""
    for folder in ("files", "root"):
        (tmp_path / folder).mkdir()
    files = tmp_path / "files"
    (files / "secret.py").symlink_to("/etc/hostname-of-ours")
    (files / "up.py").symlink_to("../../../../../../../../.." + str(tmp_path / "outside.py"))
    (files / "absolute.py").symlink_to("/app/contained.py")
    (tmp_path / "outside.py").write_text("ours")
    with Jailed(
        "contained.py", python=NEWEST, files=files, root=tmp_path / "root", way=request.param
    ) as target:
        yield target


@pytest.mark.parametrize("lesser", [(), LESSER], ids=["root", "without-map-files"])
def test_another_root_and_all_else(jailed, lesser):
    out = livetop("dump", jailed.pid, "--json", within=lesser)
    found = frames_of(out)
    assert {frame[0] for frame in found.pop(jailed.pid)} == {"/app/contained.py"}
    assert found == expected(jailed)
    [entry] = [
        one for one in json.loads(livetop("list", "--json", within=lesser)) if one["pid"] == jailed.pid
    ]
    assert entry["attachable"] and entry["argv"] == [
        f"/opt/python/bin/{Path(NEWEST).name}",
        "/app/contained.py",
    ]
    assert jailed.untraced


def test_c_functions_of_another_root(jailed):
    """Symbols come from the very file that is mapped; without the right to open it, from memory."""
    for lesser in ((), LESSER):
        out = livetop("dump", jailed.pid, "--native", "--json", within=lesser)
        [main] = [one for one in json.loads(out)["threads"] if one["tid"] == jailed.pid]
        names = [frame["function"] for frame in main["frames"] if frame["kind"] == "native"]
        assert any("read" in name.lower() for name in names), names


def test_source_of_another_root(jailed, tmp_path):
    text = (tmp_path / "files" / "contained.py").read_text()
    for name in (
        "/app/contained.py",
        "contained.py",
        "./contained.py",
        "/app/absolute.py",
        "../app/contained.py",
    ):
        assert read_source(jailed.pid, name) == text
    for name in (
        "secret.py",
        "/app/up.py",
        str(tmp_path / "outside.py"),
        "/old/etc/hostname",
        "../../etc/shadow",
    ):
        with pytest.raises(SourceUnavailable):
            read_source(jailed.pid, name)
    # Where it works now is where its relative names begin.
    assert jailed.ask("/opt/python") == "/opt/python"
    with pytest.raises(SourceUnavailable, match="no such file where the process runs"):
        read_source(jailed.pid, "contained.py")
    assert read_source(jailed.pid, "../../app/contained.py") == text
