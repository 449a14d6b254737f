"""What cannot be done is told in one line, with the exit code for it; what would harm is shown harmlessly."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import environment, livetop, target

from tests import interpreters
from tests.targets import end_with_us
from tests.tmux import AVAILABLE, Tmux

LIVETOP = shlex.join([sys.executable, "-m", "livetop"])


def refused(code: int, *args: object, **kwargs: object) -> str:
    """The one line that livetop says when it will not."""
    out, err = livetop(*args, code=code, **kwargs)
    assert out == ""
    assert err.startswith("livetop: ")
    assert err.count("\n") == 1
    return err


@contextlib.contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has said a line."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, preexec_fn=end_with_us) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


# ---------------------------------------------------------------- the target

WAITS = "import sys, time\nsys.stdout.write('ready\\n')\nsys.stdout.flush()\ntime.sleep(60)"


@pytest.mark.parametrize("number", ["2.7"])
def test_a_python_that_is_not_read(number):
    """It says which it is, and which can be."""
    found = interpreters.find(number)
    if found is None:
        pytest.skip(f"there is no Python {number} on this machine")
    oldest, *_, newest = ("{}.{}".format(*one) for one in interpreters.SUPPORTED)
    with running(found.path, "-c", WAITS) as process:
        for verb in (["dump"], ["attach", "-d", 1]):
            said = refused(3, *verb, process.pid)
            assert number in said
            assert f"CPython {oldest} to {newest}" in said


def test_a_zombie():
    with running(sys.executable, "-c", "print(1)") as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        for verb in (["dump"], ["attach", "-d", 1], ["record", "-o", "/tmp/never.livetop"]):
            assert "zombie" in refused(3, *verb, process.pid)


def test_a_process_that_another_traces(start):
    program = start("lives.py")
    holder = start("holder.py", program.pid)
    if holder.ready != "holds":
        pytest.skip(f"this machine lets no program trace: {holder.ready}")
    try:
        for verb in (["dump"], ["attach", "-d", 1]):
            said = refused(4, *verb, program.pid)
            assert f"PID {holder.pid}" in said
            assert "--nonblocking" in said
        out, _ = livetop("dump", program.pid, "--nonblocking")
        assert "lives.py" in out
        out, _ = livetop("attach", program.pid, "--nonblocking", "-d", 1.5)
        assert " hot " in out
        # Nobody took it from who had it.
        assert f"TracerPid:\t{holder.pid}\n" in Path(f"/proc/{program.pid}/status").read_text()
    finally:
        # What is traced cannot be collected by anybody else.
        holder.end()


NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def reachable() -> tuple[str, dict[str, str]] | None:
    """An interpreter, and the environment for it, with which another user can run livetop."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    here = sys.version_info[:2]
    for one in interpreters.find_interpreters():
        if one.minor == here:
            words = [*NOBODY, one.path, "-c", "import livetop.cli.main, msgspec, click, ptrace"]
            with contextlib.suppress(OSError):
                if not subprocess.run(words, env=environment, cwd="/", capture_output=True).returncode:
                    return one.path, environment
    return None


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_another_users_process(start):
    found = reachable()
    if found is None:
        pytest.skip("no interpreter with livetop's packages is readable for another user")
    python, others = found
    program = start("lives.py")
    # A dump needs no engine, which would not see these packages: it is kept free of PYTHONPATH.
    done = subprocess.run(
        [*NOBODY, python, "-m", "livetop", "dump", str(program.pid)],
        env=others, cwd="/", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert "root (uid 0)" in done.stderr
    assert f"-m livetop attach {program.pid}" in done.stderr


def test_interrupted_before_there_is_anything():
    """Nothing answers at the other end, and the user has had enough."""
    with subprocess.Popen(
        [sys.executable, "-m", "livetop", "attach", "1", "--via", "sh -c 'exec sleep 60' engine"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(), preexec_fn=end_with_us,
    ) as process:  # fmt: skip
        # Its first words: then it waits.
        assert process.stderr is not None
        assert process.stderr.readline() == "livetop: attaching through sh ...\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    # An empty line before it: on a terminal it would stand beside ^C.
    assert (process.returncode, out, err) == (130, "", "\nlivetop: interrupted\n")


# ---------------------------------------------------------------- files and pipes


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bad-input") / "good.livetop"
    with target() as program:
        livetop("record", program.pid, "-d", 1, "-o", path)
    return path


def test_what_is_no_file(snapshot, tmp_path):
    for verb in (["show"], ["diff", snapshot], ["export", "-o", "-", "-f", "collapsed"]):
        assert str(tmp_path) in refused(1, *verb, tmp_path)
    # Nothing will ever be written into this one, so it must not be waited for.
    pipe = tmp_path / "pipe.livetop"
    os.mkfifo(pipe)
    assert str(pipe) in refused(1, "show", pipe)
    # A place where nobody can write, root neither.
    assert "/proc" in refused(1, "record", os.getpid(), "-d", 50, "-o", "/proc/x.livetop")
    assert "/proc" in refused(1, "export", snapshot, "-o", "/proc/x.txt", "-f", "collapsed")


@pytest.mark.parametrize("verb", ["show {file}", "dump {pid}", "list", "attach {pid} --json --refresh 5"])
def test_a_reader_that_has_seen_enough(verb, snapshot):
    with target() as program:
        words = verb.format(file=shlex.quote(str(snapshot)), pid=program.pid)
        command = f"{LIVETOP} {words} | head -n 1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", command], env=environment(), capture_output=True, text=True, timeout=60, check=True
        )
    first, code = done.stdout.splitlines()
    assert first
    assert (code, done.stderr) == ("0", "")


@pytest.mark.parametrize(
    "verb", ["show {file}", "show {file} --json", "list", "export {file} -o - -f collapsed"]
)
def test_an_output_that_takes_nothing(verb, snapshot):
    words = verb.format(file=shlex.quote(str(snapshot)))
    for where in (">/dev/full", ">&-"):
        done = subprocess.run(
            ["sh", "-c", f"exec {LIVETOP} {words} {where}"],
            env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1, (where, done.stderr)
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("livetop: ")
        assert "internal error" not in done.stderr


# ---------------------------------------------------------------- names that would harm

EVIL = r"e\x1b[31m[red]\u202e\xff\x1b]2;pwned\x07\x0d\x0a[blink]"
"""How the functions, the files and the threads of hostile.py are to be called."""


@pytest.fixture
def hostile(start, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return start("hostile.py", folder, "word\x1b[31m\u202e\x1b]2;pwned\x07")


def assert_harmless(text: str) -> None:
    assert {char for char in text if not char.isprintable()} <= {"\n"}


def strings(found: object) -> Iterator[str]:
    """All strings in a JSON value."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for key, value in found.items():
            yield key
            yield from strings(value)
    elif isinstance(found, list):
        for value in found:
            yield from strings(value)


def test_hostile_names_in_what_is_printed(hostile, tmp_path):
    saved = tmp_path / "saved.livetop"
    out, err = livetop("dump", hostile.pid)
    assert f'"t{EVIL}"' in out
    assert f"    {EVIL} (" in out
    assert f"{EVIL}.py:" in out
    assert_harmless(out + err)
    found = json.loads(livetop("dump", hostile.pid, "--json")[0])
    assert f"t{EVIL}" in {thread["name"] for thread in found["threads"]}
    assert EVIL in set(strings(found))
    assert_harmless("".join(strings(found)))

    environ = {**environment(), "COLUMNS": "400"}
    out, err = livetop("attach", hostile.pid, "-d", 1.5, "-o", saved, env=environ)
    assert EVIL in out
    assert_harmless(out + err)
    *_, last = livetop("attach", hostile.pid, "-d", 1, "--json")[0].splitlines()
    found = json.loads(last)
    assert EVIL in {row["function"] for row in found["rows"]}
    assert any(word.startswith(r"word\x1b[31m\u202e") for word in found["targets"][0]["argv"])
    assert_harmless("".join(strings(found)))

    out, err = livetop("show", saved, "--by", "thread", env=environ)
    assert EVIL in out
    assert_harmless(out + err)
    # What separates frames in this format cannot be a part of one.
    out, err = livetop("export", saved, "-o", "-", "-f", "collapsed", "--threads")
    assert EVIL.replace(";", ",") in out
    assert_harmless(out + err)
    assert_harmless(livetop("diff", saved, saved, env=environ)[0])
    assert_harmless(livetop("list")[0])
    assert_harmless("".join(livetop("doctor", hostile.pid)))


def thread_shown(screen: str) -> str:
    """The thread whose figures these are."""
    return screen.partition("thread: ")[2].partition("  ")[0]


@pytest.mark.skipif(not AVAILABLE and not interpreters.required(), reason="tmux is not installed")
def test_hostile_names_on_the_screen(hostile, tmp_path):
    terminal = Tmux(200, 50, tmp_path)
    try:
        title = terminal.tell("display-message", "-p", "#{pane_title}")
        terminal.run(f"{LIVETOP} attach {hostile.pid}; echo code=$?")
        # Markup and escape codes are text: of functions, files and threads, and in the source.
        terminal.shows("LIVE", r" e\x1b[31m[red]\u202e\xff\x1b]2;pwned\x07", r"[blink].py:4")
        terminal.type("t")
        terminal.until(lambda screen: "thread: all" not in screen, "one thread")
        for _ in range(3):
            if r"thread: te\x1b[31m" in terminal.screen():
                break
            before = thread_shown(terminal.screen())
            terminal.type("Right")
            terminal.until(lambda screen, before=before: thread_shown(screen) != before, "another thread")
        terminal.shows(r"thread: te\x1b[31m")
        terminal.type("t", "/")
        terminal.shows("Esc clears it")
        terminal.write("plain.py")
        terminal.type("Enter")
        # Rows follow what is typed, so they say nothing of whether the line has been left.
        terminal.until(lambda screen: "Esc clears it" not in screen, "the filter is kept")
        terminal.shows(r"range(1000)) # \x1b[31m[blink]\u202e\x1b]2;pwned\x07")
        seen = terminal.screen(escapes=True)
        assert "\u202e" not in seen
        # Blinking is what the markup would have done.
        assert "\x1b[5m" not in seen
        terminal.type("Enter")
        terminal.shows(r"# \x1b[31m[red]", "Back")
        terminal.type("q")
        terminal.shows("code=0")
        assert terminal.tell("display-message", "-p", "#{pane_title}") == title
    finally:
        terminal.close()
