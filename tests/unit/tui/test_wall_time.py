"""Wall mode: what was waited is a part of the bar, and no thread without Python is drawn as Python."""

from __future__ import annotations

from sample_screen import SampleSession, drawn, sample_app

from livetop.profile.model import Profile
from livetop.profile.rows import Query
from livetop.profile.states import State
from livetop.tui.app import LivetopApp

WIDE = (120, 40)
SLEPT, WORKED, FOREIGN = 11, 12, 13


def sleeper() -> Profile:
    """A line that sleeps nearly all the time, one that works half of it, and a thread without Python."""
    profile = Profile()
    process = profile.define_process(7, ["python", "sleeper.py"], "3.12.1", "release", "box", 1.0)
    file = profile.define_file("/srv/sleeper.py", "sleeper.py")
    threads = [profile.define_thread(process, 7 + number, f"t{number}") for number in range(2)]
    foreign = profile.define_thread(process, 9, "blas", python=False)
    root = profile.define_node(0, 0, process)
    slept = profile.define_node(root, profile.define_function("rest", file, 10), SLEPT)
    worked = profile.define_node(root, profile.define_function("work", file, 12), WORKED)
    outside = profile.define_node(root, profile.define_function("[thread: blas]", 0, 0, "special"), 0)
    for second in range(8):
        cells = [
            (slept, threads[0], State.OWN, 0, 1, 0.01, 0.0001),
            (slept, threads[0], State.NATIVE, 0, 1, 0.01, 0.0001),
            (slept, threads[0], State.WAIT, 0, 99, 0.99, 0.0099),
            (worked, threads[1], State.OWN, 0, 50, 0.5, 0.005),
            (worked, threads[1], State.PYTHON, 0, 50, 0.5, 0.005),
            (worked, threads[1], State.QUEUED, 0, 20, 0.2, 0.002),
            (worked, threads[1], State.GIL, 0, 30, 0.3, 0.003),
            (outside, foreign, State.OWN, 0, 40, 0.4, 0.004),
        ]
        uses = [
            (threads[0], "idle", 0.01, 0.0, 0.0, 0.99, 0.0, 100, False),
            (threads[1], "running", 0.5, 0.2, 0.3, 0.0, 0.0, 100, True),
            (foreign, "running", 0.4, 0.0, 0.0, 0.0, 0.0, 40, False),
        ]
        profile.add(second, second + 1.0, cells, uses, {"ticks": 100, "samples": 240})
    return profile


def test_the_part_of_a_row_that_was_not_on_a_core() -> None:
    profile = sleeper()
    rows = {row.line: row for row in profile.rows(Query(mode="wall")).rows}
    assert abs(rows[SLEPT].off_core / rows[SLEPT].own - 0.99) < 1e-9
    assert abs(rows[WORKED].off_core / rows[WORKED].own - 0.5) < 1e-9
    assert all(row.off_core == 0 for row in profile.rows(Query(mode="cpu")).rows)
    heat = profile.heat(rows[WORKED].file_id, Query(mode="wall"))
    assert abs(heat[WORKED].waiting - 0.5) < 1e-9


def bars(app: LivetopApp) -> dict[str, set[str]]:
    """What the bar of each row is drawn with."""
    found = {}
    for line in drawn(app.main_screen.table).splitlines()[1:]:
        name = next((name for name in ("rest", "work", "blas", "t0", "t1") if name in line.split()[-3:]), "")
        name = name or ("blas" if "blas" in line else "")
        if name:
            found[name] = set(line) & set("█▒░·")
    return found


async def test_a_line_that_sleeps_is_drawn_as_waiting() -> None:
    app = sample_app(SampleSession(sleeper()), mode="wall")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        assert bars(app)["rest"] == {"·"}
        assert bars(app)["work"] == {"█", "·"}
        assert bars(app)["blas"] == {"▒"}
        assert "99% waiting; CPU: 100% native" in drawn(app.main_screen.source_pane)
        assert "py█nat▒sys░wait·" in drawn(app.main_screen.table).splitlines()[0]
        await pilot.press("m", "m")
        await pilot.pause()
        assert "·" not in "".join("".join(parts) for parts in bars(app).values())
        assert "wait" not in drawn(app.main_screen.table).splitlines()[0]


async def test_a_thread_that_runs_no_python_is_never_drawn_as_python() -> None:
    for mode in ("cpu", "wall"):
        app = sample_app(SampleSession(sleeper()), mode=mode)
        async with app.run_test(size=WIDE) as pilot:
            await pilot.press("shift+tab", "n")
            await pilot.pause()
            assert app.main_screen.view.id == "threads"
            (line,) = (line for line in drawn(app.main_screen.table).splitlines() if "no Python" in line)
            assert set(line) & set("█▒░·") == {"▒"}


async def test_libraries_are_of_cpu_time_in_every_mode() -> None:
    app = sample_app(SampleSession(sleeper()), mode="wall")
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "tab")
        await pilot.pause()
        assert "wait" not in drawn(app.main_screen.table).splitlines()[0]
