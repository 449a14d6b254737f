from __future__ import annotations

from livetop.profile.model import Profile
from livetop.profile.states import State
from livetop.tui.choice import Choice
from livetop.tui.entries import HotRows


class Worker:
    """One thread on two lines of one function, second by second."""

    def __init__(self) -> None:
        self.profile = Profile()
        self.process = self.profile.define_process(1, ["python", "w.py"], "3.12.1", "", "h", 0.0)
        file = self.profile.define_file("/w.py", "w.py")
        function = self.profile.define_function("work", file, 1)
        root = self.profile.define_node(0, 0, self.process)
        self.nodes = [self.profile.define_node(root, function, line) for line in (2, 3)]
        self.thread = self.profile.define_thread(self.process, 1, "MainThread")
        self.now = 0.0

    def run(self, seconds: int, first: float, second: float) -> None:
        for _ in range(seconds):
            cells = [
                (node, self.thread, State.OWN, 0, 100, own, own / 100)
                for node, own in zip(self.nodes, (first, second), strict=True)
                if own
            ]
            use = (self.thread, "running", first + second, 0.0, 0.0, 0.0, 0.0, 200, True)
            self.profile.add(self.now, self.now + 1, cells, [use], {"ticks": 100, "samples": 100})
            self.now += 1


def test_shares_are_of_the_window_and_seconds_since_the_reset() -> None:
    worker = Worker()
    worker.run(20, 0.9, 0.1)
    worker.run(10, 0.0, 1.0)
    page = HotRows("line").collect(worker.profile, Choice(window=5.0), 100.0)
    by_line = {entry.row.line: entry for entry in page.entries}
    assert by_line[3].own_share == 1.0
    assert round(by_line[3].own, 6) == 12.0
    assert by_line[2].own_share == 0.0
    assert round(by_line[2].own, 6) == 18.0


def test_a_line_that_rests_carries_no_old_figures() -> None:
    worker = Worker()
    worker.run(20, 0.9, 0.1)
    worker.run(10, 0.0, 1.0)
    page = HotRows("line").collect(worker.profile, Choice(window=5.0), 100.0)
    resting = next(entry for entry in page.entries if entry.row.line == 2)
    assert (resting.row.samples, resting.row.own, resting.interval) == (0, 0.0, None)


def test_since_reset_shows_one_table() -> None:
    worker = Worker()
    worker.run(10, 0.75, 0.25)
    page = HotRows("line").collect(worker.profile, Choice(recent=False), 100.0)
    assert sorted(round(entry.own_share, 6) for entry in page.entries) == [0.25, 0.75]


def test_new_lines_do_not_wait_for_the_slow_look() -> None:
    worker = Worker()
    rows = HotRows("line")
    worker.run(3, 1.0, 0.0)
    rows.collect(worker.profile, Choice(), 100.0)
    worker.run(1, 0.5, 0.5)
    page = rows.collect(worker.profile, Choice(), 100.1)
    assert {entry.row.line for entry in page.entries} == {2, 3}


def test_another_thread_is_looked_at_afresh() -> None:
    worker = Worker()
    worker.run(3, 1.0, 0.0)
    rows = HotRows("line")
    rows.collect(worker.profile, Choice(), 100.0)
    assert rows.collect(worker.profile, Choice(thread=999), 100.0).entries == []


def test_trends_show_what_changed_beyond_noise() -> None:
    worker = Worker()
    rows = HotRows("line")
    choice = Choice(window=5.0)
    now = 100.0
    for _ in range(8):
        worker.run(1, 0.8, 0.2)
        now += 1
        page = rows.collect(worker.profile, choice, now)
    assert [entry.trend for entry in page.entries] == [0, 0]
    for _ in range(5):
        worker.run(1, 0.2, 0.8)
        now += 1
        page = rows.collect(worker.profile, choice, now)
    assert {entry.row.line: entry.trend for entry in page.entries} == {2: -1, 3: 1}


def test_functions_gather_their_lines() -> None:
    worker = Worker()
    worker.run(5, 0.75, 0.25)
    page = HotRows("function").collect(worker.profile, Choice(), 100.0)
    assert [(entry.row.function, entry.own_share, entry.location) for entry in page.entries] == [
        ("work", 1.0, "w.py:1")
    ]
