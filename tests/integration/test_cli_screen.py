"""The live screen on a real pseudo-terminal: however it ends, the terminal is as it was."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest
from command_line import SCRIPTED, environment, livetop, target

LEFT = b"\x1b[?1049l"
"""Leaves the alternate screen."""


class Terminal:
    """livetop on a terminal of 100 x 30."""

    def __init__(self, *args):
        self.main, self.terminal = pty.openpty()
        termios.tcsetwinsize(self.terminal, (30, 100))
        self.before = termios.tcgetattr(self.terminal)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "livetop", *map(str, args)],
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            env={**environment(), "TERM": "xterm-256color"},
            start_new_session=True,
        )

    def read(self, seconds=0.1):
        if select.select([self.main], [], [], seconds)[0]:
            self.seen += os.read(self.main, 65536)

    def wait_for(self, text, seconds=30):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen[-2000:]
            self.read()

    def wait(self, seconds=30):
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen[-2000:]
            self.read()
        self.read(0.3)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.terminal)


@pytest.fixture
def on_terminal():
    with contextlib.ExitStack() as stack:

        def begin(*args):
            terminal = Terminal(*args)
            stack.callback(terminal.close)
            return terminal

        yield begin


def is_restored(terminal):
    return LEFT in terminal.seen and termios.tcgetattr(terminal.terminal) == terminal.before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, "q", "duration"])
def test_the_terminal_is_restored_and_the_snapshot_kept(how, on_terminal, tmp_path):
    saved = tmp_path / "kept.livetop"
    with target() as program:
        extra = ["-d", 4] if how == "duration" else []
        terminal = on_terminal("attach", program.pid, "-o", saved, *extra)
        terminal.wait_for(b"cli_target.py")
        if how == "q":
            os.write(terminal.main, b"q")
        elif how != "duration":
            time.sleep(1)
            terminal.process.send_signal(how)
        assert terminal.wait() == 0
        assert is_restored(terminal)
        assert b"Traceback" not in terminal.seen
        assert program.poll() is None
    out, _ = livetop("show", saved)
    assert "hot" in out


def test_what_cannot_be_attached_to_never_opens_the_screen(on_terminal):
    terminal = on_terminal("attach", 2**22 + 1)
    assert terminal.wait() == 3
    assert b"\x1b[?1049h" not in terminal.seen
    assert b"no process" in terminal.seen


def test_a_killed_engine_is_told_after_the_screen(on_terminal):
    terminal = on_terminal("attach", 4242, "--via", f"{SCRIPTED} killed engine")
    terminal.wait_for(b"tokenize")
    os.write(terminal.main, b"q")
    assert terminal.wait() == 1
    assert is_restored(terminal)
    assert b"SIGKILL" in terminal.seen.rpartition(LEFT)[2]


def test_a_snapshot_is_viewed(on_terminal, tmp_path):
    saved = tmp_path / "seen.livetop"
    with target() as program:
        livetop("record", program.pid, "-d", 1, "-o", saved)
    terminal = on_terminal("view", saved)
    terminal.wait_for(b"cli_target.py")
    os.write(terminal.main, b"q")
    assert terminal.wait() == 0
    assert is_restored(terminal)
