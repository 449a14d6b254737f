"""How each view looks, cell by cell. After a wanted change: `pytest tests/snapshots --snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sample_screen import SampleSession, sample_app, sample_profile, sample_tasks
from textual.pilot import Pilot
from worker_processes import Workers

from livetop.tui.views import PROCESSES, VIEWS

Compare = Callable[..., bool]

WIDE, NARROW = (120, 40), (80, 24)

CASES: dict[str, tuple[tuple[int, int], list[str], dict[str, Any]]] = {
    "lines_wide": (WIDE, [], {}),
    "lines_narrow": (NARROW, [], {}),
    "functions_wide": (WIDE, ["l"], {}),
    "functions_narrow": (NARROW, ["l"], {}),
    "libraries_wide": (WIDE, ["tab", "tab", "j"], {}),
    "libraries_narrow": (NARROW, ["tab", "tab"], {}),
    "library_source_narrow": (NARROW, ["tab", "tab", "enter"], {}),
    "kernel_and_waits_wide": (WIDE, ["j", "j"], {}),
    "kernel_and_waits_narrow": (NARROW, ["j", "j", "enter"], {}),
    "source_wide": (WIDE, ["enter"], {}),
    "source_narrow": (NARROW, ["enter"], {}),
    "source_missing_wide": (WIDE, ["j"], {}),
    "source_missing_narrow": (NARROW, ["j", "enter"], {}),
    "filter_wide": (WIDE, ["slash", *"parse"], {}),
    "filter_narrow": (NARROW, ["slash", *"!tok|load"], {}),
    "filter_nothing_fits": (NARROW, ["slash", *"zebra", "enter"], {}),
    "frozen_wide": (WIDE, ["space"], {}),
    "one_thread_wall_since_reset": (WIDE, ["right", "m", "a"], {}),
    "wall_wide": (WIDE, ["m", "j", "j"], {}),
    "wall_narrow": (NARROW, ["m", "j", "j"], {}),
    "help_wide": (WIDE, ["question_mark"], {}),
    "help_narrow": (NARROW, ["question_mark"], {}),
    "ascii_wide": (WIDE, [], {"ascii": True}),
    "ascii_narrow": (NARROW, [], {"ascii": True}),
    "ascii_wall": (WIDE, ["m"], {"ascii": True}),
    "sorted_by_location": (WIDE, ["S"], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_screen(name: str, snap_compare: Compare) -> None:
    size, keys, settings = CASES[name]
    assert snap_compare(sample_app(**settings), press=keys, terminal_size=size)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("ascii")])
def test_screen_without_colour(name: str, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    size, keys, settings = CASES[name]
    assert snap_compare(sample_app(**settings), press=keys, terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("ascii_only", [False, True], ids=["colour", "ascii"])
def test_tasks(ascii_only: bool, size: tuple[int, int], snap_compare: Compare) -> None:
    session = SampleSession()
    session.profile.tasks = sample_tasks(session.profile)
    app = sample_app(session, ascii=ascii_only, color=not ascii_only)
    assert snap_compare(app, press=["tab", "tab", "tab", "j"], terminal_size=size)


def workers() -> SampleSession:
    """A server, its workers, and children that are not read."""
    made = Workers([400, 501, 502, 503])
    profile = made.profile
    for pid, argv, python, state, reason in (
        (601, ["/usr/bin/sleep", "60"], "", "other", "process 601 runs sleep 60, not a Python program"),
        (602, ["/opt/python", "a.py"], "2.7.18", "unreadable", "process 602 runs Python 2.7.18: too old"),
    ):
        number = profile.define_process(pid, argv, python, "", "host", 5.0)
        profile.update_process(number, parent=400, state=state, reason=reason)
    for _ in range(10):
        made.spend(p400=(0.02, 0.01), p501=(0.0, 0.7), p502=(0.1, 0.3), p503=(0.05, 0.2))
    return SampleSession(profile)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_lines_of_several_processes(size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(sample_app(workers()), terminal_size=size)


def test_lines_of_each_process(snap_compare: Compare) -> None:
    assert snap_compare(sample_app(workers()), press=["P", "j"], terminal_size=WIDE)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_processes(size: tuple[int, int], snap_compare: Compare) -> None:
    keys = ["tab"] * VIEWS.index(PROCESSES)
    assert snap_compare(sample_app(workers()), press=[*keys, "j"], terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_server_that_has_ended_before_its_workers(size: tuple[int, int], snap_compare: Compare) -> None:
    session = workers()
    root = next(iter(session.profile.processes))
    session.profile.update_process(root, parent=0, state="gone", reason="")
    assert snap_compare(sample_app(session), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_an_idle_master(size: tuple[int, int], snap_compare: Compare) -> None:
    session = SampleSession()
    session.profile.sampling.children, session.profile.sampling.children_cpu = 8, 3.8
    assert snap_compare(sample_app(session), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_ended(size: tuple[int, int], snap_compare: Compare) -> None:
    session = SampleSession(ended="the process ended with exit code 0")
    assert snap_compare(sample_app(session), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_a_loaded_snapshot(size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(sample_app(SampleSession(live=False)), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("split", ["estimated", "none"])
def test_what_is_not_known_exactly(split: str, size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(sample_app(SampleSession(sample_profile(split=split))), terminal_size=size)


def test_before_the_first_samples(snap_compare: Compare) -> None:
    assert snap_compare(sample_app(SampleSession(sample_profile(0))), terminal_size=NARROW)


def test_too_small(snap_compare: Compare) -> None:
    assert snap_compare(sample_app(), terminal_size=(50, 10))


def test_a_bad_expression(snap_compare: Compare) -> None:
    assert snap_compare(
        sample_app(), press=["slash", "exclamation_mark", "left_parenthesis"], terminal_size=NARROW
    )


def test_a_message_of_a_key(snap_compare: Compare) -> None:
    async def say(pilot: Pilot[None]) -> None:
        pilot.app.screen.say("saved /srv/4242.livetop")  # type: ignore[attr-defined]
        await pilot.pause()

    assert snap_compare(sample_app(), run_before=say, terminal_size=WIDE)
