"""What all tests share: the interpreters found, and a run that fails when a required one is not used."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests import interpreters
from tests.interpreters import Interpreter
from tests.targets import Target

_PASSED: Counter[str] = Counter()
_SKIPPED: Counter[str] = Counter()


def pytest_sessionstart() -> None:
    # A shell starts what runs in its background with Ctrl-C ignored, nohup with hang-ups, and children
    # inherit that: programs that the tests interrupt would not notice.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    missing = interpreters.missing() if interpreters.required() else []
    if missing:
        pytest.exit(f"LIVETOP_REQUIRE: no CPython {', '.join(missing)} (release build) on this machine", 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`interpreter`: every one found; `version`: one of each supported version; `any_build`: every one found,
    and those that build_targets.py made; `built`: these only.
    """
    for name, find in (
        ("interpreter", interpreters.supported),
        ("version", interpreters.one_a_version),
        ("any_build", lambda: interpreters.supported() + interpreters.built()),
        ("built", interpreters.built),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, find(), ids=str, scope="session")


@pytest.fixture
def start() -> Iterator[type[Target]]:
    """Starts programs of tests/programs: start("name.py", args, python=path); they end with the test."""
    running: list[Target] = []

    def begin(*args, **kwargs):
        running.append(Target(*args, **kwargs))
        return running[-1]

    yield begin
    for target in running:
        target.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = (yield).get_result()
    callspec = getattr(item, "callspec", None)
    used = [value for value in callspec.params.values() if isinstance(value, Interpreter)] if callspec else []
    for one in used:
        version = "{}.{}".format(*one.minor)
        if report.skipped:
            _SKIPPED[version] += 1
        elif report.when == "call" and report.passed:
            _PASSED[version] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _PASSED or _SKIPPED:
        found = ", ".join(f"{one} ({one.path})" for one in interpreters.supported())
        terminalreporter.write_line(f"interpreters found: {found}")
        counts = ", ".join(
            f"{version}: {_PASSED[version]} passed, {_SKIPPED[version]} skipped"
            for version in sorted(_PASSED | _SKIPPED, key=lambda text: [int(n) for n in text.split(".")])
        )
        terminalreporter.write_line(f"tests on real interpreters: {counts}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    skipped = [version for version in interpreters.required() if _SKIPPED[version]]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
