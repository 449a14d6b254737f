"""The command line's promises: help with examples, exit codes, one line for every error, a quick start."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from model_builder import Builder

from livetop.cli.dump import text_lines
from livetop.cli.exitcodes import ExitCode
from livetop.cli.main import VERBS, Verbs, cli, suggestion
from livetop.cli.options import sampling_settings
from livetop.cli.saving import check_format
from livetop.profile.snapshot import save

NOT_THERE_YET = (
    "--baseline", "--tui", "--tree",
    "speedscope", "pprof", "gecko", "-f flamegraph",
)  # fmt: skip


def livetop(*args, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    environment = {**os.environ, "NO_COLOR": "1", "LIVETOP_DEBUG": ""}
    return subprocess.run(
        [sys.executable, "-m", "livetop", *args],
        capture_output=True, text=True, timeout=60, check=False, env=environment, **kwargs,
    )  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_promises_nothing_that_is_not_there(verb):
    done = CliRunner().invoke(cli, [verb, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.output
    assert f"livetop {verb}" in done.output
    for word in NOT_THERE_YET:
        assert word not in done.output


def test_the_help_lists_all_verbs_in_order():
    done = livetop("--help")
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == list(VERBS)
    assert livetop().returncode == 0


def test_every_exit_code_is_documented():
    source = inspect.getsource(ExitCode)
    for code in ExitCode:
        assert source.partition(f"{code.name} = {code.value}\n")[2].lstrip().startswith('"""')


@pytest.mark.parametrize(
    ("args", "verb"),
    [
        (["4242"], "attach"),
        (["4242", "-d", "3"], "attach"),
        (["worker.py"], "attach"),
        (["-r", "200", "4242"], "attach"),
        (["dump", "4242"], "dump"),
        (["list"], "list"),
    ],
)
def test_a_first_word_that_is_no_verb_is_a_target(args, verb):
    group = cli
    assert isinstance(group, Verbs)
    context = group.make_context("livetop", list(args))
    assert context._protected_args[0] == verb


def test_misspelt_verbs_are_recognised():
    assert "livetop attach" in suggestion("atach")
    assert suggestion("worker.py") == ""
    done = livetop("recrod")
    assert done.returncode == ExitCode.NO_TARGET
    assert "did you mean livetop record?" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["attach"], ExitCode.USAGE, "Missing argument"),
        (["attach", "1", "--mode", "gpu"], ExitCode.USAGE, "--mode"),
        (["attach", "1", "--filter", "!("], ExitCode.USAGE, "--filter"),
        (["attach", "1", "--via", "ssh 'x"], ExitCode.USAGE, "--via"),
        (["attach", "1", "-o", "/no/folder/x.livetop"], ExitCode.FAILURE, "no directory /no/folder"),
        (["record", "1"], ExitCode.USAGE, "-o"),
        (["record", "1", "-o", "/tmp"], ExitCode.FAILURE, "is a directory"),
        (["record", "1", "-o", "x", "-f", "nonsense"], ExitCode.USAGE, "no format 'nonsense'"),
        (["run", "no-such-program-anywhere"], ExitCode.USAGE, "no such script"),
        (["show", "/no/such.livetop"], ExitCode.FAILURE, "/no/such.livetop"),
        (["diff", "/no/a.livetop", "/no/b.livetop"], ExitCode.FAILURE, "/no/a.livetop"),
        (["export", "/no/a.livetop", "-o", "-", "-f", "collapsed"], ExitCode.FAILURE, "/no/a.livetop"),
        (["dump", "no-such-program-anywhere"], ExitCode.NO_TARGET, "livetop list"),
        (["dump", str(2**22 + 1)], ExitCode.NO_TARGET, "no process"),
        (["doctor", str(2**22 + 1)], ExitCode.NO_TARGET, "no process"),
    ],
)
def test_every_error_is_one_line_with_its_code(args, code, said, tmp_path):
    done = livetop(*args, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("livetop: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert done.stdout == "" or args[0] == "doctor"


def test_starting_is_quick_because_little_is_imported():
    program = (
        "import sys\nfrom livetop.cli.main import main\n"
        "try: main(['--version'])\nexcept SystemExit: print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"textual", "rich", "psutil", "msgspec", "asyncio", "livetop.profile.model"}


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "view"])
def test_no_verb_imports_the_screen_to_be_parsed(verb):
    program = f"import sys, livetop.cli.{VERBS[verb]}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"textual", "rich", "psutil"}


def test_an_unexpected_error_is_one_line_too(monkeypatch, capsys):
    import livetop.cli.main as entry

    def broken(*args, **kwargs):
        raise KeyError("surprise\nof two lines")

    monkeypatch.setattr(entry.cli, "main", broken)
    monkeypatch.delenv("LIVETOP_DEBUG", raising=False)
    with pytest.raises(SystemExit) as caught:
        entry.main(["list"])
    assert caught.value.code == ExitCode.FAILURE
    said = capsys.readouterr().err
    assert said.startswith("livetop: internal error")
    assert said.count("\n") == 1


def test_the_list_is_json_that_names_a_python(tmp_path):
    script = tmp_path / "sleeper.py"
    script.write_text("import time\nprint(flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as sleeper:
        try:
            sleeper.stdout.readline()
            done = livetop("list", "--json")
            assert done.returncode == 0
            [entry] = [entry for entry in json.loads(done.stdout) if entry["pid"] == sleeper.pid]
            assert entry["python"] == ".".join(map(str, sys.version_info[:3]))
            assert entry["attachable"] is True
            assert entry["argv"][-1] == str(script)
            text = livetop("list").stdout
            assert f"{sleeper.pid}" in text
            assert str(script) in text
        finally:
            sleeper.kill()


def test_a_name_that_fits_two_processes_lists_both(tmp_path):
    script = tmp_path / "twice-there.py"
    script.write_text("import time\nprint(flush=True)\ntime.sleep(60)\n")
    twins = [subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for twin in twins:
            twin.stdout.readline()
        done = livetop("attach", "twice-there.py")
        assert done.returncode == ExitCode.USAGE
        for twin in twins:
            assert f"{twin.pid}" in done.stderr
        assert done.stdout == ""
    finally:
        for twin in twins:
            twin.kill()
            twin.wait()
            twin.stdout.close()


@pytest.mark.parametrize(
    ("verb", "word", "wanted"),
    [
        ("attach", None, "split"), ("attach", "--native", "split"), ("attach", "--no-native", "none"),
        ("record", None, "split"), ("record", "--native", "frames"), ("record", "--no-native", "none"),
        ("demo", "--no-native", "none"), ("run", None, "split"),
    ],
)  # fmt: skip
def test_native_time_is_told_unless_it_is_not_wanted(verb, word, wanted):
    command = Verbs().get_command(None, verb)
    needed = {"attach": ["1"], "record": ["1", "-o", "x"], "demo": [], "run": ["x.py"]}[verb]
    context = command.make_context(verb, [*([word] if word else []), *needed])
    assert sampling_settings(context.params)["native"] == wanted


def test_c_frames_of_a_dump_have_a_mark_in_the_margin_and_a_library():
    frames = [
        {"file": "/usr/lib/libz.so.1", "line": 0, "function": "deflate", "kind": "native"},
        {"file": "", "line": 0, "function": "[unknown]", "kind": "native"},
        {"file": "/app/w.py", "line": 7, "function": "pack", "kind": "python"},
    ]
    thread = {
        "tid": 5, "name": "MainThread", "state": "running", "holds_gil": True, "waiting_on": None,
        "frames": frames,
    }  # fmt: skip
    lines = list(text_lines({"pid": 5, "python": "3.12.1", "threads": [thread]}))
    assert lines[-3:] == ["  C deflate (/usr/lib/libz.so.1)", "  C [unknown]", "    pack (/app/w.py:7)"]


@pytest.mark.parametrize(("by", "names"), [("task", {"fetch", "[no task]"}), ("thread", {"MainThread"})])
def test_differences_are_of_what_show_has_tables_of(by, names, tmp_path):
    made = Builder()
    task = made.profile.define_node(made.root, made.profile.define_function("[task: fetch]", 0, 0, "task"), 0)
    read = made.profile.define_node(task, made.function("read", 10), 12)
    cell = made.cell("main:1", 0.1)
    for _ in range(40):
        made.add(cell, (read, *cell[1:]))
    path = str(tmp_path / "a.livetop")
    save(made.profile, path)
    done = CliRunner().invoke(cli, ["diff", path, path, "--by", by, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["by"] == by
    assert {row["function"] for row in found["rows"]} == names


@pytest.mark.parametrize("by", ["task", "process", "line"])
def test_a_table_that_says_nothing_says_what_to_record(by, tmp_path):
    made = Builder()
    made.add(made.cell("main:1", 0.1))
    path = str(tmp_path / "a.livetop")
    save(made.profile, path)
    wanted = {"task": "--async", "process": "-s"}.get(by)
    for extra in ([], ["--json"]):
        done = CliRunner().invoke(cli, ["show", path, "--by", by, *extra])
        assert done.exit_code == 0
        assert done.stderr.count("\n") == (1 if wanted else 0)
        assert (wanted or "") in done.stderr
        assert "recorded" not in done.stdout
    if by == "task":
        done = CliRunner().invoke(cli, ["diff", path, path, "--by", by])
        assert done.stderr.count("--async") == 2


@pytest.mark.parametrize("verb", ["attach", "dump", "doctor", "record"])
@pytest.mark.parametrize("word", ["0", "-1", "-0042", "+0", " 0 ", "4194305", "2147483648", "9" * 5000])
def test_a_number_that_is_no_process_is_refused_alike_everywhere(verb, word):
    done = livetop(verb, word, *(["-o", "x"] if verb == "record" else []))
    assert done.returncode == ExitCode.NO_TARGET
    assert done.stderr.startswith(f"livetop: there is no process {word.strip()[:19]}")
    assert done.stderr.count("\n") == 1
    assert "`livetop list` shows the Python processes here" in done.stderr


def test_an_option_that_there_is_not_is_still_no_target():
    assert "No such option" in livetop("run", "-5", "x.py").stderr
    assert "No such option" in livetop("attach", "-Q", "5").stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["record", "1", "-o", "x.svg"], ".livetop, .collapsed, .json"),
        (["record", "1", "-o", "x.txt"], ".livetop, .collapsed, .json"),
        (["export", "x.livetop", "-o", "x.foo"], ".livetop, .collapsed, .json"),
        (["attach", "1", "-o", "x.svg"], "which ends in .livetop"),
        (["run", "-o", "x.json", "x.py"], "which ends in .livetop"),
    ],
)
def test_a_file_whose_name_asks_for_what_there_is_not_is_refused_before_the_work(args, said, tmp_path):
    (tmp_path / "x.py").write_text("open('ran', 'w')")
    done = livetop(*args, cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert said in done.stderr
    assert done.stderr.startswith("livetop: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.glob("x.[!p]*"))


@pytest.mark.parametrize(
    ("path", "name", "form"),
    [
        ("x", None, "livetop"), ("x.livetop", None, "livetop"), ("a.b/x", None, "livetop"),
        ("-", None, "livetop"), ("x.json", None, "json"), ("x.collapsed", None, "collapsed"),
        ("x.svg", "collapsed", "collapsed"), ("x.2", "livetop", "livetop"),
    ],
)  # fmt: skip
def test_the_format_that_a_name_asks_for(path, name, form):
    assert check_format(name, Path(path)) == form
