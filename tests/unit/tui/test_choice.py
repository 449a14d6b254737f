from __future__ import annotations

from livetop.profile.info import ThreadInfo
from livetop.tui.choice import REFRESH_RATES, Choice, find_thread, selectable
from livetop.tui.settings import default_refresh

THREADS = {
    1: ThreadInfo(1, 1, 4250, "MainThread", "running"),
    2: ThreadInfo(2, 1, 4252, "worker-2", "gone"),
    3: ThreadInfo(3, 1, 4251, "worker-1", "idle"),
}


def test_threads_go_round_through_all() -> None:
    choice = Choice()
    seen = []
    for _ in range(4):
        choice.step_thread([5, 6], 1)
        seen.append(choice.thread)
    assert seen == [5, 6, None, 5]
    choice.step_thread([5, 6], -1)
    assert choice.thread is None
    choice.step_thread([5, 6], -1)
    assert choice.thread == 6


def test_one_thread_is_the_one_looked_at_last() -> None:
    choice = Choice()
    choice.toggle_thread([5, 6])
    assert choice.thread == 5
    choice.step_thread([5, 6], 1)
    choice.toggle_thread([5, 6])
    assert choice.thread is None
    choice.toggle_thread([5, 6])
    assert choice.thread == 6
    choice.toggle_thread([])
    choice.toggle_thread([])
    assert choice.thread is None


def test_threads_that_are_gone_are_not_offered_unless_chosen() -> None:
    assert selectable(THREADS, None) == [1, 3]
    assert selectable(THREADS, 2) == [1, 3, 2]


def test_a_thread_by_id_or_name() -> None:
    assert find_thread(THREADS, "4251") == 3
    assert find_thread(THREADS, "WORKER-2") == 2
    assert find_thread(THREADS, "nobody") is None


def test_what_is_chosen_is_what_is_asked() -> None:
    choice = Choice(thread=3, mode="gil", recent=False)
    query = choice.query("function")
    assert (query.by, query.window, query.mode, query.threads) == ("function", None, "gil", frozenset({3}))
    choice.recent = True
    assert choice.query("line").window == choice.window
    assert choice.since_reset("line").window is None


def test_idle_time_is_a_part_of_wall_time() -> None:
    choice = Choice()
    choice.toggle_idle()
    assert (choice.idle, choice.mode, choice.mode_label) == (True, "wall", "wall+idle")
    choice.toggle_idle()
    assert (choice.idle, choice.mode) == (False, "wall")


def test_modes_go_round_and_gil_goes_back() -> None:
    choice = Choice()
    modes = []
    for _ in range(3):
        choice.next_mode()
        modes.append(choice.mode)
    assert modes == ["wall", "gil", "cpu"]
    choice.toggle_gil()
    assert choice.mode == "gil"
    choice.toggle_gil()
    assert choice.mode == "cpu"


def test_refresh_rates_stop_at_the_ends() -> None:
    choice = Choice(refresh=3.7)
    choice.step_refresh(1)
    assert choice.refresh == 8.0
    for _ in range(9):
        choice.step_refresh(-1)
    assert choice.refresh == REFRESH_RATES[0]


def test_a_link_over_ssh_is_spared() -> None:
    assert default_refresh({}) == 4.0
    assert default_refresh({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}) == 2.0
    assert default_refresh({"SSH_TTY": "/dev/pts/1"}) == 2.0


def test_without_a_gil_its_mode_is_passed_over() -> None:
    choice = Choice()
    seen = []
    for _ in range(3):
        choice.next_mode(gil=False)
        seen.append(choice.mode)
    assert seen == ["wall", "cpu", "wall"]
    choice.mode = "gil"
    choice.next_mode(gil=False)
    assert choice.mode == "cpu"
