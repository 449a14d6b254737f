"""A program that becomes itself again at the same addresses is noticed, although no read ever fails."""

import shutil
import subprocess

import pytest

from tests import interpreters
from tests.engines import Engine
from tests.targets import PROGRAMS

SETARCH = shutil.which("setarch")


def may_fix_addresses():
    if SETARCH is None:
        return False
    return subprocess.run([SETARCH, "-R", "true"], capture_output=True).returncode == 0


# Not through a wrapper: it would be another program, in between.
@pytest.mark.parametrize("direct", [one for one in interpreters.few() if not one.name], ids=str)
@pytest.mark.skipif(not may_fix_addresses(), reason="setarch -R is not allowed here")
def test_the_same_program_at_the_same_addresses(start, direct):
    # setarch execs the interpreter, so that the process is the target itself.
    target = start(direct.path, PROGRAMS / "execs.py", python=SETARCH, options=["-R"])
    with Engine(pid=target.pid) as engine:
        engine.until(lambda: [place for place in engine.rows() if place[1] == "first"])
        target.say("become")
        assert target.read() == "ready"
        (event,) = engine.until(lambda: engine.events("exec"))
        assert event.text.startswith(f"process {target.pid} became {direct.path} ")
        assert event.text.endswith("again")
        engine.until(lambda: [place for place in engine.rows() if place[1] == "second"])
        assert engine.stop().code == 0
