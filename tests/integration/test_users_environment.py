"""The user's environment is for the user's programs: it neither breaks livetop nor is it changed for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import livetop

DUMP = "import json, os, sys\njson.dump([dict(os.environ), sys.path], open(sys.argv[1], 'w'))\n"


def test_what_pythonpath_leads_to_does_not_stand_in_for_what_livetop_needs(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("queue", "json", "click", "msgspec", "ptrace"):
        (theirs / f"{name}.py").write_text("raise ImportError('the module of the user')")
    script, found = tmp_path / "dump_environment.py", tmp_path / "found.json"
    # The target's own start must survive its environment, too.
    script.write_text(
        DUMP.replace("import json, os, sys", "import os, sys; sys.path.remove(sys.argv[2]); import json")
    )
    environment = {**os.environ, "PYTHONPATH": str(theirs)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "livetop", "run", str(script), str(found), str(theirs)],
        capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "exited with code 0" in done.stderr
    assert json.loads(found.read_text())[0]["PYTHONPATH"] == str(theirs)


def test_a_program_that_is_started_has_the_environment_that_livetop_was_given(tmp_path: Path) -> None:
    script, found = tmp_path / "dump_environment.py", tmp_path / "found.json"
    script.write_text(DUMP)
    source = str(Path(livetop.__file__).parents[1])
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join((source, str(tmp_path / "lib"), "relative")),
        "PYTHONHASHSEED": "7",
        "LC_ALL": "C.UTF-8",
        "SOMETHING": "of the user",
    }
    subprocess.run(
        [sys.executable, "-m", "livetop", "run", str(script), str(found)],
        capture_output=True, timeout=60, check=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    given, path = json.loads(found.read_text())
    assert given == environment
    assert path[:4] == [str(tmp_path), source, str(tmp_path / "lib"), str(tmp_path / "relative")]
    # Nor does the screen leave anything behind, from which programs may be started as well.
    left = (
        "import os, livetop.tui, textual.constants as read; "
        "print(read.MAX_FPS, [name for name in os.environ if 'TEXT' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", left], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "30 []\n"
