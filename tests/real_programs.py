"""Programs that people run, as targets: servers under a small load, pools, a notebook's kernel, a test run.

    python -m tests.real_programs            watch each with livetop, and print what was seen
    python -m tests.real_programs NAME ...   only these
    python -m tests.real_programs --install  only have what they need (once, into ~/.cache/livetop-programs)

Each must be told right (`hot_handler` is the hottest function), go on answering, and never fail.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.targets import PROGRAMS, end_with_us

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livetop-programs"
PACKAGES = ("gunicorn", "uvicorn", "flask", "gevent", "ipykernel", "pytest")
CODE = PROGRAMS / "real"
HOT = "hot_handler"
_PATIENCE = 40.0


class Failed(Exception):
    """A program did not do what it should: one line."""


@dataclass(frozen=True)
class Program:
    """How a program is started ({port}, {bin} are put in), and how it is watched.

    `serves`: it answers HTTP requests on its port; the others count what they do. `options`: livetop's.
    """

    words: tuple[str, ...]
    serves: bool = True
    options: tuple[str, ...] = ()
    child: bool = False
    """Whether the process to watch is the one whose PID the program writes down."""


_GUNICORN = ("{bin}/gunicorn", "-b", "127.0.0.1:{port}", "--log-level", "error", "-w")
PROGRAMS_BY_NAME: dict[str, Program] = {
    "gunicorn": Program((*_GUNICORN, "1", "--threads", "4", "wsgi_app:app"), options=("-s",)),
    "gunicorn-gevent": Program((*_GUNICORN, "1", "-k", "gevent", "wsgi_app:app"), options=("-s",)),
    "uvicorn": Program(
        ("{bin}/uvicorn", "--port", "{port}", "--log-level", "error", "asgi_app:app"), options=("--async",)
    ),
    "flask": Program(
        ("{bin}/flask", "--app", "flask_app", "run", "--debug", "--port", "{port}"), options=("-s",)
    ),
    "gevent": Program(("{bin}/python", "gevent_server.py", "{port}")),
    "pool": Program(("{bin}/python", "pool.py"), serves=False, options=("-s",)),
    "futures": Program(("{bin}/python", "futures.py"), serves=False),
    "pytest": Program(("{bin}/python", "-m", "pytest", "-q", "long_run.py"), serves=False),
    "ipykernel": Program(("{bin}/python", "notebook.py"), serves=False, child=True),
}


# ---------------------------------------------------------------------- what they need


def environment() -> Path:
    """The environment that has all of PACKAGES, whether it is there or not."""
    return FOLDER / platform.python_version()


def installed() -> bool:
    """Whether the programs can be started."""
    return (environment() / "installed").exists()


def install() -> None:
    """Make the environment unless it is there. Raises Failed."""
    folder = environment()
    if installed():
        return
    for words in (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES],
    ):
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        if run.returncode:
            raise Failed(f"`{words[0]} {words[2]}`: {run.stderr.strip().splitlines()[-1:]}")
    (folder / "installed").touch()


# ---------------------------------------------------------------------- a program that runs


@dataclass
class Running:
    """A program that has begun its work. `done` counts answers or pieces of work; `failures`: what failed."""

    process: subprocess.Popen[bytes]
    pid: int
    done: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0
    """Seconds that the slowest answer took."""


@contextmanager
def running(name: str) -> Iterator[Running]:
    """Start a program and keep it busy. Raises Failed when it does not begin."""
    program = PROGRAMS_BY_NAME[name]
    with tempfile.TemporaryDirectory(prefix="livetop-") as folder:
        port = _free_port()
        progress = Path(folder, "progress")
        bins = environment() / "bin"
        words = [word.format(port=port, bin=bins) for word in program.words]
        errors = Path(folder, "errors")
        with errors.open("wb") as stream:
            process = subprocess.Popen(
                words,
                cwd=CODE,
                env={**os.environ, "PROGRESS": str(progress), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                preexec_fn=end_with_us,
                start_new_session=True,
            )
        over = threading.Event()
        target = Running(process, process.pid)
        feeder = threading.Thread(
            target=_ask if program.serves else _follow,
            args=(target, over, f"http://127.0.0.1:{port}/" if program.serves else progress),
            daemon=True,
        )
        try:
            feeder.start()
            _await(target, errors)
            if program.child:
                target.pid = int(Path(f"{progress}.pid").read_text())
            yield target
        finally:
            over.set()
            # A server's children are in its group; none of them outlives this.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            feeder.join(30)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _await(target: Running, errors: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while target.done < 3:
        if target.process.poll() is not None or time.monotonic() > deadline:
            said = errors.read_text(errors="replace").strip().splitlines()[-1:]
            raise Failed(f"it does not work (exit code {target.process.poll()}): {said}")
        time.sleep(0.05)


def _ask(target: Running, over: threading.Event, url: str) -> None:
    """A client that asks again as soon as it has its answer."""
    while not over.is_set():
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.read() == b"1\n"
        except (OSError, AssertionError, urllib.error.URLError) as error:
            # Until the first answer it may still be starting.
            if target.done and not over.is_set():
                target.failures.append(f"{type(error).__name__}: {error}")
            time.sleep(0.05)
            continue
        target.done += 1
        target.longest = max(target.longest, time.monotonic() - begun)


def _follow(target: Running, over: threading.Event, progress: Path) -> None:
    while not over.wait(0.05):
        with suppress(OSError, ValueError):
            target.done = int(progress.read_text())


# ---------------------------------------------------------------------- what livetop says of it


def livetop(*words: object) -> str:
    """What livetop prints. Raises Failed when it fails, or says anything it should not."""
    argv = [sys.executable, "-m", "livetop", *map(str, words)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
    if run.returncode or "Traceback" in run.stderr:
        said = run.stderr.strip()[-300:]
        raise Failed(f"`livetop {' '.join(argv[3:])}` ended with {run.returncode}: {said}")
    return run.stdout


def hottest(said: str) -> tuple[str, float]:
    """The function with most own time, and its share of all own time that was seen; of a JSON document."""
    own: dict[str, float] = {}
    for row in json.loads(said)["rows"]:
        # What could not be seen is not the program's.
        if not row["function"].startswith("["):
            own[row["function"]] = own.get(row["function"], 0.0) + row["own"]
    name = max(own, key=own.__getitem__, default="")
    return name, own[name] / (sum(own.values()) or 1.0) if name else 0.0


def watch(name: str, target: Running, seconds: float = 1.5) -> str:
    """Use the verbs on it; returns one line of what was seen. Raises Failed when something is wrong."""
    options = PROGRAMS_BY_NAME[name].options
    before = target.done
    shares = []
    for words in (("record", target.pid, "-f", "json", "-o", "-"), ("attach", target.pid, "--json")):
        # Where the machine has no time for either, a longer look tells.
        for patience in (1, 3, 6):
            said = livetop(*words, "-d", seconds * patience, *options)
            found, share = hottest(said.strip().splitlines()[-1] if words[0] == "attach" else said)
            if found == HOT:
                break
        else:
            raise Failed(f"{words[0]}: the hottest is {found or 'nothing'} ({share:.0%} of own time)")
        shares.append(share)
    dumped = json.loads(livetop("dump", target.pid, "--json"))
    if not dumped["threads"]:
        raise Failed("dump: no threads")
    # It works on, afterwards too.
    after = target.done
    deadline = time.monotonic() + _PATIENCE
    while target.done < after + 2 and not target.failures:
        if target.process.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"it does nothing any more (exit code {target.process.poll()})")
        time.sleep(0.02)
    if target.failures:
        raise Failed(f"{len(target.failures)} of its answers failed: {target.failures[0]}")
    own = ", ".join(f"{share:.0%}" for share in shares)
    slowest = f", slowest answer {target.longest * 1e3:.0f} ms" if target.longest else ""
    return f"{HOT} has {own} of own time; {target.done - before} pieces of work meanwhile{slowest}"


def main(words: Sequence[str]) -> int:
    unknown = [word for word in words if word not in PROGRAMS_BY_NAME and word != "--install"]
    if unknown:
        print(f"usage: python -m tests.real_programs [--install] [NAME ...]\n\n{__doc__}", end="")
        print("\nNAME: " + ", ".join(PROGRAMS_BY_NAME))
        return 0 if unknown[0] in ("-h", "--help") else 2
    try:
        install()
    except Failed as error:
        print(f"cannot be installed: {error}", file=sys.stderr)
        return 1
    if "--install" in words:
        return 0
    failed = 0
    for name in words or PROGRAMS_BY_NAME:
        begun = time.monotonic()
        try:
            with running(name) as target:
                said = watch(name, target)
        except (Failed, subprocess.TimeoutExpired) as error:
            failed += 1
            said = f"FAILED: {error}"
        print(f"{name}: {said} ({time.monotonic() - begun:.0f} s)", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
