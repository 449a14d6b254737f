"""A real terminal without a person: tmux draws, the tests type and read what is to be seen."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.targets import end_with_us

AVAILABLE = shutil.which("tmux") is not None

PATIENCE = 30.0
"""Seconds after which something that must come on the screen is missed."""

_numbers = itertools.count(1)
_ROOT = Path(__file__).resolve().parents[1]
_UNWANTED = ("TMUX", "TMUX_PANE", "NO_COLOR", "COLUMNS", "LINES", "ENV", "SSH_CONNECTION", "SSH_TTY")


class Tmux:
    """One shell in one terminal, on a server of its own that ends with the test run, and all in it too."""

    def __init__(self, columns: int, lines: int, folder: Path) -> None:
        self._socket = f"livetop-test-{os.getpid()}-{next(_numbers)}"
        environment = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
        environment |= {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(_ROOT), "LIVETOP_DEBUG": ""}
        self._path = ""
        # Not a daemon: that would outlive a killed test run.
        self._server = subprocess.Popen(
            ["tmux", "-L", self._socket, "-f", "/dev/null", "-D"],
            env=environment,
            cwd=folder,
            preexec_fn=end_with_us,
        )
        try:
            self._until(
                lambda: self._ask("set-option", "-g", "status", "off").returncode == 0, "a tmux server"
            )
            # The server leaves it behind.
            self._path = self.tell("display-message", "-p", "#{socket_path}").strip()
            self.tell("new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(folder), "exec sh")
            self.run("echo the she''ll")
            self.shows("the shell\n")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the server, and with their terminal whatever runs in it."""
        self._server.terminate()
        self._server.wait(PATIENCE)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    # ------------------------------------------------------------ typing

    def type(self, *keys: str) -> None:
        """Press keys, in tmux's names."""
        self.tell("send-keys", *keys)

    def write(self, text: str) -> None:
        """Type text as it is."""
        self.tell("send-keys", "-l", text)

    def run(self, command: str) -> None:
        """Give the shell a line."""
        self.write(command)
        self.type("Enter")

    def resize(self, columns: int, lines: int) -> None:
        self.tell("resize-window", "-x", str(columns), "-y", str(lines))

    # ------------------------------------------------------------ seeing

    def screen(self, *, escapes: bool = False) -> str:
        """What is to be seen; `escapes`: with the colours."""
        return self.tell("capture-pane", "-p", *(["-e"] if escapes else []))

    def shows(self, *words: str) -> str:
        """Wait until the screen shows all these; return it."""
        return self.until(lambda screen: all(word in screen for word in words), f"{words} on the screen")

    def until(self, condition: Callable[[str], bool], what: str) -> str:
        """Wait until the screen is so; return it."""
        seen = ""

        def look() -> bool:
            nonlocal seen
            seen = self.screen()
            return condition(seen)

        self._until(look, what, lambda: seen)
        return seen

    def modes(self) -> dict[str, str]:
        """What a program may have changed in the terminal and must give back."""
        names = (
            "alternate_on",
            "cursor_flag",
            "keypad_flag",
            "mouse_any_flag",
            "mouse_sgr_flag",
            "wrap_flag",
        )
        values = self.tell("display-message", "-p", " ".join(f"#{{{name}}}" for name in names)).split()
        return dict(zip(names, values, strict=True))

    # ------------------------------------------------------------

    def tell(self, *words: str) -> str:
        """A command of tmux, which must not fail."""
        done = self._ask(*words)
        assert done.returncode == 0, f"tmux {words[0]}: {done.stderr}"
        return done.stdout

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        # Never starts a server (-N), which nothing would end.
        return subprocess.run(
            ["tmux", "-u", "-N", "-L", self._socket, *words],
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    @staticmethod
    def _until(condition: Callable[[], bool], what: str, seen: Callable[[], str] = lambda: "") -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"no {what}:\n{seen()}"
            time.sleep(0.05)
