"""Each thing that can stand in the way, from the facts that show it."""

from __future__ import annotations

import os
import shutil
import site
import sys

import pytest

from livetop.target import obstacles as checks
from livetop.target.obstacles import CHECKS, Obstacle, Situation, privileged
from livetop.target.permission import read_yama

USER = {"Uid": "1000 1000 1000 1000", "Gid": "1000 1000 1000 1000", "CapEff": "0", "CapPrm": "0", "PPid": "1"}
ROOT = USER | {"Uid": "0 0 0 0", "Gid": "0 0 0 0"}
FULL = {"CapEff": "1ffffffffff", "CapPrm": "1ffffffffff"}
# What Docker gives root: no CAP_SYS_PTRACE.
DOCKER = {"CapEff": "a80425fb", "CapPrm": "a80425fb"}


def obstacles(
    own, target, *, yama=None, owner=None, descendant=False, same_namespace=True, sandboxed=False
) -> list[Obstacle]:
    uid = int(target.get("Uid", "0 0").split()[1])
    situation = Situation(
        77, target, own, yama, uid if owner is None else owner, descendant, same_namespace, sandboxed
    )
    return [found for check in CHECKS if (found := check(situation)) is not None]


def names(*args, **kwargs) -> list[str]:
    return [obstacle.name for obstacle in obstacles(*args, **kwargs)]


def test_nothing_in_the_way():
    assert names(USER, USER) == []
    assert names(ROOT | FULL, USER, yama=2, owner=0) == []
    assert names(ROOT | FULL, ROOT | FULL) == []
    assert names(USER, USER, yama=1, descendant=True) == []
    assert names(USER, USER, yama=0) == []
    # In a container without the capability, root still reads what is no more than itself.
    assert names(ROOT | DOCKER, ROOT | DOCKER) == []


@pytest.mark.parametrize(
    ("own", "target", "facts", "expected"),
    [
        (USER, ROOT, {}, ["other user"]),
        (USER, USER | {"Uid": "1000 0 0 0"}, {"owner": 0}, ["other user"]),
        (USER, USER | {"Gid": "1000 50 50 50"}, {}, ["other group"]),
        (USER, USER, {"owner": 0}, ["not dumpable"]),
        (USER, USER | FULL, {}, ["capabilities"]),
        (USER, USER, {"yama": 1}, ["yama"]),
        (USER, USER, {"yama": 2, "descendant": True}, ["yama"]),
        (ROOT | FULL, USER, {"yama": 3}, ["yama"]),
        (ROOT | DOCKER, USER, {}, ["capability"]),
        (ROOT | DOCKER, ROOT | FULL, {}, ["capability"]),
        (ROOT | DOCKER, ROOT | DOCKER, {"yama": 1}, ["capability", "yama"]),
        (ROOT | FULL, ROOT | FULL, {"same_namespace": False}, ["capability"]),
        (USER, USER | {"TracerPid": str(os.getpid())}, {}, ["traced"]),
        (USER, {}, {"owner": 0}, ["hidden"]),
        (USER, USER, {"sandboxed": True}, ["sandbox"]),
    ],
)
def test_the_blocker_is_named(own, target, facts, expected):
    assert names(own, target, **facts) == expected


def test_sudo_is_given_absolute_paths(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    (found,) = obstacles(USER, USER, yama=1)
    assert found.fix == f"Run: sudo {sys.executable} -m livetop attach 77"
    assert "ptrace_scope = 1" in found.why
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert privileged(77, "dump") == f"Run as root: {sys.executable} -m livetop dump 77"


def test_paths_with_spaces_and_packages_of_one_user(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "executable", "/opt/my python/bin/python")
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(checks.__file__))))
    monkeypatch.setattr(site, "getusersitepackages", lambda: package)
    assert privileged(77) == (
        f"Run: sudo env PYTHONPATH={package} '/opt/my python/bin/python' -m livetop attach 77"
    )


def test_sudo_is_no_help_to_root():
    (found,) = obstacles(ROOT | DOCKER, USER)
    assert "--cap-add=SYS_PTRACE" in found.fix
    assert "sudo" not in found.fix


def test_capabilities_are_no_help_in_another_user_namespace():
    (found,) = obstacles(ROOT | FULL, ROOT | FULL, same_namespace=False)
    assert "on the host" in found.fix and "--via" in found.fix
    assert "cap-add" not in found.fix and "sudo" not in found.fix


def test_a_tracer_blocks_stops_only():
    (found,) = obstacles(USER, USER | {"TracerPid": str(os.getpid())})
    assert found.stops_only
    assert str(os.getpid()) in found.why
    assert "--nonblocking" in found.fix


def test_every_text_is_one_line():
    for own in (USER, ROOT | DOCKER):
        for target in (USER, ROOT | FULL, {}):
            for yama in (None, 1, 2, 3):
                for found in obstacles(own, target, yama=yama, owner=0):
                    assert "\n" not in found.why + found.fix


def test_yama_scope(tmp_path):
    path = tmp_path / "ptrace_scope"
    assert read_yama(str(path)) is None
    path.write_text("1\n")
    assert read_yama(str(path)) == 1
    path.write_text("?")
    assert read_yama(str(path)) is None
