"""What all tests share: the interpreters found, and a run that fails when a required one is not used."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests import build_targets, interpreters
from tests.interpreters import Interpreter
from tests.targets import Target

_PASSED: Counter[str] = Counter()
_SKIPPED: Counter[str] = Counter()

_FIXTURES = {
    "interpreter": interpreters.supported,
    "version": interpreters.one_a_version,
    "few": interpreters.few,
    "any_build": interpreters.everything,
    "built": interpreters.built,
}


def pytest_sessionstart() -> None:
    # A shell starts what runs in its background with Ctrl-C ignored, nohup with hang-ups, and children
    # inherit that: programs that the tests interrupt would not notice.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    missing = interpreters.missing() if interpreters.required() else []
    if missing:
        pytest.exit(f"LIVETOP_REQUIRE: no CPython {', '.join(missing)} on this machine", 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`any_build`: all there are; `version`: one of each version; `few`: one of each family of frames;
    `interpreter`: those of the machine, no wrapper in between; `built`: those that build_targets.py made.
    """
    for name, find in _FIXTURES.items():
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
    params = callspec.params.items() if callspec else ()
    for one in [value for name, value in params if name in _FIXTURES and isinstance(value, Interpreter)]:
        if report.skipped:
            _SKIPPED[one.kind] += 1
        elif report.when == "call" and report.passed:
            _PASSED[one.kind] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _PASSED and not _SKIPPED:
        return
    terminalreporter.write_line("targets that tests ran on:")
    for kind in sorted(_PASSED | _SKIPPED, key=_in_order):
        paths = ", ".join(one.path for one in interpreters.everything() if one.kind == kind)
        counts = f"{_PASSED[kind]} passed, {_SKIPPED[kind]} skipped"
        terminalreporter.write_line(f"  {kind}: {counts} ({paths})")
    missing = [name for name in build_targets.TARGETS if name not in build_targets.built()]
    terminalreporter.write_line(f"targets that are not here: {', '.join(missing) or 'none'}")


def _in_order(kind: str) -> tuple[int, str]:
    version, _, build = kind.partition("-")
    return int(version.split(".")[1]), build


def pytest_sessionfinish(session: pytest.Session) -> None:
    skipped = [kind for kind in interpreters.required() if _SKIPPED[kind]]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
