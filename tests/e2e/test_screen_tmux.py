"""The whole of it as a person has it: a shell in a terminal, livetop in it, keys, and what is to be seen.

Nothing here waits for a clock: what must come on the screen is waited for, with patience.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import interpreters
from tests.tmux import AVAILABLE, Tmux

pytestmark = [
    # Where CI requires the interpreters, it requires this too.
    pytest.mark.skipif(not AVAILABLE and not interpreters.required(), reason="tmux is not installed"),
    pytest.mark.timeout(180),
]

LIVETOP = shlex.join([sys.executable, "-m", "livetop"])
WIDE, NARROW = (120, 40), (80, 24)


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tmux]:
    tmux = Tmux(*getattr(request, "param", WIDE), tmp_path)
    try:
        # What it must be like afterwards.
        tmux.run("stty -a > before; clear")
        yield tmux
    finally:
        tmux.close()


@pytest.fixture
def program(start):
    return start("lives.py")


def attach(terminal: Tmux, pid: int, *options: object) -> str:
    """Have livetop on the screen, with figures."""
    terminal.run(f"{LIVETOP} attach {pid} {shlex.join(map(str, options))}; echo code=$?")
    return terminal.shows("LIVE", "hot", "lives.py")


def shell_is_back(terminal: Tmux, folder: Path, code: int = 0) -> str:
    """The terminal is as it was, and the shell goes on; returns what is left on the screen."""
    screen = terminal.shows(f"code={code}")
    terminal.run("stty -a > after; echo a second lin''e; echo do''ne")
    screen += terminal.shows("a second line\n", "done\n")
    assert (folder / "after").read_text() == (folder / "before").read_text()
    modes = terminal.modes()
    assert modes == {
        "alternate_on": "0", "cursor_flag": "1", "keypad_flag": "0", "mouse_any_flag": "0",
        "mouse_sgr_flag": "0", "wrap_flag": "1",
    }  # fmt: skip
    assert "Traceback" not in screen
    return screen


def pid_of_livetop(target: int) -> int:
    """The process in the terminal that is attached to `target`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"livetop" in words and b"attach" in words and str(target).encode() in words:
                return int(entry.name)
    raise AssertionError(f"nothing is attached to {target}")


def rows(screen: str) -> list[str]:
    """The functions of the table, from above."""
    return re.findall(r"^[> ] *[\d.]+ +[\d.]+ .* ([\w<>]+) +\S+\.py:\d+$", screen, re.MULTILINE)


def is_whole(screen: str, lines: int) -> bool:
    """Whether the table is there and the footer is the last of so many lines."""
    seen = screen.splitlines()
    return "hot" in rows(screen) and len(seen) == lines and "q Quit" in seen[-1]


@pytest.mark.parametrize("terminal", [WIDE, NARROW], indirect=True, ids=["120x40", "80x24"])
def test_a_session(terminal, program, tmp_path):
    """Attach, look around with every sort of key, save, quit; the terminal is as it was."""
    screen = attach(terminal, program.pid)
    wide = "thread: all" in screen
    assert f"{program.pid}" in screen
    assert terminal.modes()["alternate_on"] == "1"

    # Lines of hot() stand above those of warm().
    terminal.until(lambda screen: rows(screen)[:1] == ["hot"] and "warm" in rows(screen), "hot before warm")

    for key, title in (("2", "%TOT"), ("3", "OWN"), ("4", "TOTAL"), ("1", "%OWN"), ("s", "%TOT")):
        terminal.type(key)
        # A narrow screen says it in words, and has no column for the last of them.
        sign = f" {title}▾" if wide else f"sort: {title.lower()} "
        terminal.shows(sign)
    terminal.type("I")
    terminal.shows("%TOT▴")
    terminal.type("I", "1")
    terminal.shows("%OWN▾")

    terminal.type("/")
    terminal.shows("filter:", "Esc clears it")
    terminal.write("warm")
    terminal.type("Enter")
    terminal.until(
        lambda screen: "filter: warm" in screen and set(rows(screen)) == {"warm"}, "the rows of warm only"
    )
    terminal.until(lambda screen: "Esc clears it" not in screen, "the filter is kept")
    # What was typed as text was not taken for keys, and the keys are keys again.
    terminal.type("c")
    terminal.until(lambda screen: "hot" in rows(screen), "all rows again")

    terminal.type("l")
    terminal.until(lambda screen: rows(screen)[:1] == ["hot"] and rows(screen).count("hot") == 1, "functions")
    terminal.type("l")

    terminal.type("t")
    terminal.shows("thread: " if wide else "thr ", "MainThr")
    terminal.type("Right")
    terminal.shows("worker")
    terminal.type("t")
    terminal.until(lambda screen: re.search(r"thread: all|thr all", screen), "all threads")

    terminal.type("Space")
    terminal.shows("Go on")
    terminal.type("Space")
    terminal.until(lambda screen: "Go on" not in screen, "no freeze")

    terminal.type("?")
    terminal.shows("filter rows; !TEXT is a regular expression")
    terminal.type("Escape")
    terminal.until(lambda screen: "regular expression" not in screen and "hot" in rows(screen), "the table")

    terminal.type("w")
    terminal.shows("saved ")
    [saved] = tmp_path.glob("*.livetop")
    shown = subprocess.run(
        [sys.executable, "-m", "livetop", "show", saved, "--by", "function"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert re.search(r" hot +\S*lives\.py", shown.stdout)

    terminal.type("q")
    screen = shell_is_back(terminal, tmp_path)
    # The alternate screen took everything with it.
    assert "%OWN" not in screen
    assert program.untraced


def test_the_target_is_killed(terminal, program, tmp_path):
    attach(terminal, program.pid)
    program.kill()
    terminal.shows("ENDED", f"process {program.pid} exited", "hot")
    # The figures stay, and can be looked at and saved.
    terminal.type("l", "w")
    terminal.shows("saved ")
    terminal.type("q")
    assert f"process {program.pid} exited" in shell_is_back(terminal, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_gives_the_terminal_back_and_keeps_the_promise(number, terminal, program, tmp_path):
    saved = tmp_path / "kept.livetop"
    attach(terminal, program.pid, "-o", saved)
    os.kill(pid_of_livetop(program.pid), number)
    shell_is_back(terminal, tmp_path)
    assert saved.stat().st_size
    assert program.untraced


def test_the_terminal_goes_away(terminal, program, tmp_path):
    """As when a connection drops: nobody is left to be shown anything, but what -o promised is kept."""
    saved = tmp_path / "kept.livetop"
    attach(terminal, program.pid, "-o", saved)
    livetop = pid_of_livetop(program.pid)
    terminal.close()
    fd = os.pidfd_open(livetop) if Path(f"/proc/{livetop}").exists() else -1
    if fd >= 0:
        assert select.select([fd], [], [], 30)[0], "livetop outlives its terminal"
        os.close(fd)
    assert saved.stat().st_size
    assert program.untraced


def test_tiny_and_back(terminal, program, tmp_path):
    attach(terminal, program.pid)
    for columns, lines in ((40, 8), (3, 2), (59, 40), (120, 11)):
        terminal.resize(columns, lines)
        if columns > 30:
            terminal.shows("livetop needs more room", f"not {columns} x {lines}")
    for columns, lines in (NARROW, (200, 60), WIDE):
        terminal.resize(columns, lines)
        screen = terminal.until(
            lambda screen, lines=lines: is_whole(screen, lines),
            f"the screen at {columns} x {lines}",
        )
        assert "needs more room" not in screen
    terminal.type("q")
    shell_is_back(terminal, tmp_path)


def test_ctrl_c_while_typing(terminal, program, tmp_path):
    attach(terminal, program.pid)
    terminal.type("/")
    terminal.shows("Esc clears it")
    terminal.write("ho")
    terminal.type("C-c")
    shell_is_back(terminal, tmp_path)
