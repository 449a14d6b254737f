"""Which command reaches an engine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import livetop
from livetop.session.link import engine_command, local_engine
from livetop.session.protocol import LinkError


@pytest.mark.parametrize(
    ("via", "argv"),
    [
        ("ssh db1", ["ssh", "db1", "livetop", "engine"]),
        ("ssh -p 2222 'odd host'", ["ssh", "-p", "2222", "odd host", "livetop", "engine"]),
        ("docker exec -i web", ["docker", "exec", "-i", "web", "livetop", "engine"]),
        ("kubectl exec -i p --", ["kubectl", "exec", "-i", "p", "--", "livetop", "engine"]),
        ("sh -c", ["sh", "-c", "livetop engine"]),
        ("ssh db1 /opt/venv/bin/livetop engine", ["ssh", "db1", "/opt/venv/bin/livetop", "engine"]),
        ("sudo docker exec -i web", ["sudo", "docker", "exec", "-i", "web", "livetop", "engine"]),
        ("sudo", ["sudo", *local_engine()]),
        ("sudo -n -u root", ["sudo", "-n", "-u", "root", *local_engine()]),
        ("/usr/bin/doas", ["/usr/bin/doas", *local_engine()]),
    ],
)
def test_the_engine_is_appended_as_the_command_needs_it(via, argv):
    assert engine_command(via) == argv


@pytest.mark.parametrize("via", ["", "  ", "ssh 'db1"])
def test_what_cannot_be_a_command_is_a_usage_error(via):
    with pytest.raises(LinkError) as caught:
        engine_command(via)
    assert caught.value.code == 2


def test_the_local_engine_finds_a_livetop_that_only_the_environment_leads_to(tmp_path):
    shutil.copytree(Path(livetop.__file__).parent, tmp_path / "livetop")
    show = "from livetop.session.link import local_engine; print(*local_engine(), sep='\\0')"
    environment = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", show], cwd="/", env=environment, capture_output=True, check=True, text=True
    )
    argv = done.stdout.rstrip("\n").split("\0")
    assert argv[:3] == [sys.executable, "-I", "-c"]
    assert argv[4] == str(tmp_path)
    # The same start, of a module that prints where it is.
    (tmp_path / "livetop" / "whereami.py").write_text("print(__file__)")
    argv[3] = argv[3].replace("livetop.sampling", "livetop.whereami")
    place = tmp_path / "livetop" / "whereami.py"
    # An installed livetop comes first, and would do as well; without site-packages there is only ours.
    argv.insert(2, "-S")
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == str(place)


def test_the_local_engine_of_an_installed_livetop_needs_nothing_but_its_interpreter(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert local_engine() == [sys.executable, "-I", "-m", "livetop.sampling"]


def test_a_relative_folder_that_leads_to_livetop_is_named_in_full(tmp_path):
    shutil.copytree(Path(livetop.__file__).parent, tmp_path / "lib" / "livetop")
    show = "from livetop.session.link import local_engine; print(local_engine()[-1])"
    environment = {"PYTHONPATH": "lib"}
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.strip() == str(tmp_path / "lib")
